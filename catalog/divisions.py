"""Divisions of Xingtai with validity dates: the layouts of 2019 and of 2020-06-23, and older codes."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from catalog.errors import UserError

PATH = Path(__file__).parent / "reference" / "divisions.csv"
CITY = "130500"


@dataclass(frozen=True)
class Division:
    """One division under one name for one half-open span of time [valid_from, valid_to)."""

    code: str
    name: str
    level: str  # city | county | town
    parent: str
    valid_from: date
    valid_to: date
    kind: str  # gb2260 | gb10114 | statistical | registrar | historical
    aliases: tuple[str, ...]
    successors: tuple[str, ...]
    note: str

    def valid(self, on: date) -> bool:
        """Whether the row is in force on the day."""
        return self.valid_from <= on < self.valid_to


class Divisions:
    """The table, with the questions asked of it. Codes may have 6, 9 or 12 digits, padded with zeros."""

    def __init__(self, rows: Iterable[Division]) -> None:
        self.rows = tuple(rows)
        self._by_code: dict[str, list[Division]] = defaultdict(list)
        self._by_name: dict[str, list[Division]] = defaultdict(list)
        for row in self.rows:
            self._by_code[row.code].append(row)
            for name in dict.fromkeys(map(_plain, (row.name, *row.aliases))):
                self._by_name[name].append(row)

    def units(self, on: date, *, statistical: bool = False) -> list[Division]:
        """County-level reporting units in order of code: 19 in 2019, 18 from 2020-06-23.

        `statistical` adds 130571 河北邢台经济开发区, which reports but is not in GB/T 2260.
        """
        kinds = {"gb2260", "statistical"} if statistical else {"gb2260"}
        units = (row for row in self.rows if row.level == "county" and row.kind in kinds and row.valid(on))
        return sorted(units, key=lambda row: row.code)

    def at(self, code: str, on: date) -> Division | None:
        """The row that bears this code on the day, or None."""
        rows = self._by_code.get(_significant(code), ())
        return next((row for row in rows if row.valid(on)), None)

    def name(self, code: str, on: date) -> str:
        """What the code is called on the day; of one not in force, what it was called last; the code if it never was ours."""
        row = self.at(code, on) or max(
            self._by_code.get(_significant(code), ()), key=lambda row: row.valid_from, default=None
        )
        return row.name if row else code

    def known(self, code: str) -> bool:
        """Whether the code was ever used in Xingtai."""
        return _significant(code) in self._by_code

    def successors(self, code: str, on: date) -> tuple[Division, ...]:
        """What the code stands for on the day: itself, or what it was replaced by (several if split)."""
        return tuple(dict.fromkeys(self._follow(_significant(code), on, frozenset())))

    def _follow(self, code: str, on: date, seen: frozenset[str]) -> Iterable[Division]:
        rows = self._by_code.get(code, ())
        current = next((row for row in rows if row.valid(on)), None)
        if current is not None and current.kind != "registrar":
            yield current
        elif code not in seen:
            past = [row for row in rows if row.valid_from <= on]
            for successor in max(past, key=lambda row: row.valid_to).successors if past else ():
                yield from self._follow(successor, on, seen | {code})

    def county_of(self, code: str, on: date) -> str | None:
        """The code of the reporting unit a division belongs to on the day.

        None for the city itself, for codes that are not ours, and for a split unit without its township.
        """
        wanted = _significant(code)
        if len(wanted) == 9 and not self.known(wanted):
            wanted = wanted[:6]
        counties = set()
        for found in self.successors(wanted, on):
            row: Division | None = found
            while row is not None and row.level == "town":
                row = self.at(row.parent, on)
            counties.add(row.code if row is not None and row.level == "county" else None)
        return counties.pop() if len(counties) == 1 else None

    def find(self, name: str, on: date, *, within: str | None = None) -> tuple[Division, ...]:
        """Divisions of this name or alias on the day; a name no longer used leads to its successors.

        Several are found where a name is ambiguous (东汪镇, 大屯乡): narrow with `within`, a county's code.
        """
        rows = self._by_name.get(_plain(name), [])
        current = [row for row in rows if row.valid(on)]
        found = current or [row for other in rows for row in self._in_force(other, on)]
        unique = dict.fromkeys(found)
        return tuple(row for row in unique if within is None or within in (row.code, row.parent))

    def _in_force(self, row: Division, on: date) -> Iterable[Division]:
        """What stood or stands in the place of a row that is not in force on the day: 南和区 in 2019 is 南和县."""
        if row.valid_from <= on:
            return self.successors(row.code, on)
        before = [
            old for old in self.rows if row.code in old.successors and old.valid(on) and old.kind == "gb2260"
        ]
        return before or [old for old in self._by_code[row.code] if old.valid(on) and old.kind == "gb2260"]

    def county_by_name(self, name: str, on: date) -> str | None:
        """The reporting unit that the name of a county or town stands for; None when none or ambiguous."""
        counties = {self.county_of(row.code, on) for row in self.find(name, on)}
        return counties.pop() if len(counties) == 1 else None


@lru_cache(maxsize=4)
def load_divisions(path: Path = PATH) -> Divisions:
    """The table of `catalog/reference/divisions.csv`; raises `UserError` naming the line that is wrong."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = enumerate(csv.DictReader(file), 2)
        return Divisions([_row(record, f"{path.name} 第{line}行") for line, record in lines])


def _row(record: dict[str, str], where: str) -> Division:
    try:
        return Division(
            code=record["code"],
            name=record["name"],
            level=record["level"],
            parent=record["parent"],
            valid_from=date.fromisoformat(record["valid_from"] or "0001-01-01"),
            valid_to=date.fromisoformat(record["valid_to"] or "9999-12-31"),
            kind=record["kind"],
            aliases=_split(record["aliases"]),
            successors=_split(record["successors"]),
            note=record["note"],
        )
    except (KeyError, TypeError, ValueError) as error:
        remedy = "按表头补齐各列，日期写成 YYYY-MM-DD"
        raise UserError(f"区划表有误（{error}）", where=where, remedy=remedy) from error


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _significant(code: str) -> str:
    """The 6 or 9 digits that name a county or a town: 130528000000 -> 130528, 130528104201 -> 130528104."""
    code = code.strip()[:9]
    return code[:6] if code[6:] in ("", "000") else code


def _plain(name: str) -> str:
    """A name as it is compared: without blanks and without the province and city before it."""
    name = re.sub(r"\s+", "", name)
    return re.sub(r"^(?:河北省?)?(?:邢台市)(?=.{2,})", "", re.sub(r"^河北省(?=.{2,})", "", name))
