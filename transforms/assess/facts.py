"""What the catalog says about one period: units and their targets, what is owed, where a place belongs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from catalog import targets as target_files
from catalog.divisions import CITY, Divisions
from catalog.loader import Catalog
from catalog.period import Period
from catalog.targets import Targets, Weight, load_targets

CITY_LEVEL_NAME = "市本级"


@dataclass(frozen=True)
class Unit:
    """A row of the county table. The floor is asked of counties only; a zone has a quota with its weights."""

    county_code: str
    county_name: str
    unit_kind: str  # county | zone | city_level
    floor_target: int | None
    quota_target: int | None
    weight: Weight | None


@dataclass(frozen=True)
class Plan:
    """The targets in force in a period and the layout they are divided by."""

    targets: Targets
    layout: str


@dataclass(frozen=True)
class Place:
    """The unit that records of a county (and township) belong to; `rule` says why if it is not obvious."""

    county_code: str
    division_code: str
    unit: str
    rule: str | None


def plan_of(period: Period, folder: Path = target_files.HERE) -> Plan | None:
    """The newest targets not younger than the period; None before the first plan (such as 1994)."""
    years = sorted(int(path.stem) for path in folder.glob("[0-9]*.yml"))
    year = max((year for year in years if year <= period.year), default=None)
    if year is None:
        return None
    targets = load_targets(year, folder)
    return Plan(targets, targets.layout(period.last_day))


def units_of(catalog: Catalog, period: Period, plan: Plan | None) -> list[Unit]:
    """The city level, and counties and development zone of the layout at the period's end, by code."""
    weights = plan.targets.of(plan.layout) if plan else {}
    quotas = plan.targets.quotas(plan.layout) if plan else {}
    floor = plan.targets.county_floor if plan else None
    units = [Unit(CITY, CITY_LEVEL_NAME, "city_level", None, None, None)]
    for division in catalog.divisions.units(period.last_day, statistical=True):
        kind = "county" if division.kind == "gb2260" else "zone"
        units.append(
            Unit(
                division.code,
                division.name,
                kind,
                floor if kind == "county" else None,
                quotas.get(division.code),
                weights.get(division.code),
            )
        )
    return units


def breaks(divisions: Divisions, before: date, on: date) -> dict[str, str]:
    """The units of `on` whose extent is not that of one unit of `before`, each with the reason in words."""
    earlier = divisions.units(before, statistical=True)
    found: dict[str, str] = {}
    for unit in divisions.units(on, statistical=True):
        parts = [u for u in earlier if unit.code in {s.code for s in divisions.successors(u.code, on)}]
        whole = [u for u in parts if len(divisions.successors(u.code, on)) == 1]
        if len(parts) > 1 or (parts and not whole):
            made_of = "、".join(f"{u.name}{'' if u in whole else '的一部分'}" for u in parts)
            found[unit.code] = f"{unit.name}由{made_of}组成，范围与以前不同，不可比"
    return found


class Places:
    """Translates county codes of any layout into the units of one day."""

    def __init__(self, divisions: Divisions, on: date) -> None:
        self._divisions = divisions
        self._on = on
        self._units = {unit.code for unit in divisions.units(on, statistical=True)}
        self._earlier = self._renamed_later()

    def _renamed_later(self) -> dict[str, str]:
        """Units of later layouts that are one unit of this one (任泽区 is 任县 when 2019 is assessed)."""
        later: dict[str, str] = {}
        for row in self._divisions.rows:
            if row.level == "county" and row.kind == "gb2260" and row.valid_from > self._on:
                before = [
                    unit
                    for unit in self._units
                    if {found.code for found in self._divisions.successors(unit, row.valid_from)}
                    == {row.code}
                ]
                if len(before) == 1:
                    later[row.code] = before[0]
        return later

    def unit(self, county_code: str) -> str | None:
        """The unit a county code stands for on the day; None for the city, unknown codes, split counties."""
        if county_code in self._units:
            return county_code
        found = self._earlier.get(county_code) or self._divisions.county_of(county_code, self._on)
        return found if found in self._units else None

    def unit_or_city(self, county_code: str) -> str:
        """The unit a delivery under the code counts for: the city where it is none's."""
        return self.unit(county_code) or CITY

    def is_split(self, county_code: str) -> bool:
        """Whether the code was a county that is now several, so that only the township can tell which."""
        return self.unit(county_code) is None and len(self._divisions.successors(county_code, self._on)) > 1

    def place(self, county_code: str, division_code: str) -> Place:
        """Where the records of a county and (for split counties) township are counted."""
        if county_code == CITY:
            return Place(county_code, division_code, CITY, None)
        if (unit := self.unit(county_code)) is not None:
            return Place(county_code, division_code, unit, None)
        if self.is_split(county_code):
            by_town = self.unit(division_code) if division_code else None
            return Place(county_code, division_code, by_town or CITY, None if by_town else "split_unit")
        return Place(county_code, division_code, CITY, "unknown_division")

    def places(self, pairs: Iterable[tuple[str, str]]) -> list[Place]:
        return [self.place(county, division) for county, division in pairs]
