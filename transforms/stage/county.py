"""Which county a record belongs to: the catalog's ordered rules as one SQL expression (domain notes 6.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from catalog.divisions import CITY, Divisions
from catalog.model import CountyRule
from catalog.types.base_sql import quote
from quality.rules import Scope, plain

CITY_LEVEL = "city"
"""The rule of what fits no other: 市本级."""

# Names such as 桥西区 exist in these cities too; an address that names one of them proves nothing about us.
_OTHER_CITIES = "石家庄|张家口|唐山|秦皇岛|邯郸|保定|承德|沧州|廊坊|衡水|北京市|天津市"


@dataclass(frozen=True)
class DivisionMaps:
    """Code and name look-ups for one day."""

    county_of_code: dict[str, str]
    county_of_name: dict[str, str]
    code_of_name: dict[str, str]


def division_maps(divisions: Divisions, on: date) -> DivisionMaps:
    """Every code and name ever used in Xingtai that leads to exactly one reporting unit on the day."""
    codes = sorted({row.code for row in divisions.rows if row.code != CITY})
    counties = {code: county for code in codes if (county := divisions.county_of(code, on)) is not None}
    names: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, level in sorted({(n, row.level) for row in divisions.rows for n in (row.name, *row.aliases)}):
        name = re.sub(r"\s", "", name)
        county = divisions.county_by_name(name, on)
        if level == "county" and county is not None:
            names[name] = county
        rows = divisions.find(name, on)
        if len(rows) == 1:
            found[name] = rows[0].code
    return DivisionMaps(counties, names | _towns_of_split_counties(divisions, on), found)


def _towns_of_split_counties(divisions: Divisions, on: date) -> dict[str, str]:
    """Of a county that went to several, each town under both names: addresses keep saying 邢台县南石门镇."""
    split = [
        row
        for row in divisions.rows
        if row.level == "county" and len(row.successors) > 1 and row.valid_to <= on
    ]
    return {
        old.name + town.name: county
        for old in split
        for town in divisions.rows
        if town.parent == old.code and (county := divisions.county_of(town.code, on)) is not None
    }


def division_macros(maps: DivisionMaps) -> Iterator[str]:
    """Statements that define `xt_county(code)`, `xt_division_name(name)`, `xt_address_county(address)` for the maps' day.

    The maps are variables: written out, they would be read and bound again at each of a statement's many uses.
    """
    for name, table in vars(maps).items():
        entries = ", ".join(f"{quote(k)}: {quote(v)}" for k, v in sorted(table.items()))
        yield f"SET VARIABLE xt_{name} = MAP {{{entries}}}"

    def found(table: str, key: str) -> str:
        return f"getvariable('xt_{table}')[{key}]"

    by_code = (
        f"coalesce({found('county_of_code', 'left(code, 9)')}, {found('county_of_code', 'left(code, 6)')})"
    )
    bare = "regexp_replace(name, '^(河北省?)?(邢台市)?', '')"
    in_province = "regexp_replace(name, '^河北省?', '')"
    by_name = f"coalesce({', '.join(found('code_of_name', form) for form in ('name', in_province, bare))})"
    longest_first = sorted((n for n in maps.county_of_name if len(n) > 1), key=lambda n: (-len(n), n))
    pattern = "|".join(re.escape(name) for name in longest_first if re.search("[县区市]", name))
    named = f"regexp_extract(address, {quote(pattern)})"
    by_address = f"CASE WHEN NOT regexp_matches(address, {quote(_OTHER_CITIES)}) THEN {found('county_of_name', named)} END"
    for macro, body in (
        ("xt_county(code)", by_code),
        ("xt_division_name(name)", by_name),
        ("xt_address_county(address)", by_address),
    ):
        yield f"CREATE OR REPLACE TEMP MACRO {macro} AS {body}"


def county_sql(scope: Scope) -> tuple[str, str, str]:
    """SQL for (county_code, county_rule, division_code); what no rule places belongs to 市本级 under rule `city`."""
    steps = [step for rule in scope.item.county if (step := _step(rule, scope)) is not None]
    code = " ".join(f"WHEN {found} IS NOT NULL THEN {found}" for _, found in steps)
    name = " ".join(f"WHEN {found} IS NOT NULL THEN {quote(by)}" for by, found in steps)
    divisions = [
        plain(rule.field)
        for rule in scope.item.county
        if rule.by == "division" and rule.field and not scope.absent(rule.field)
    ]
    return (
        f"CASE {code} ELSE {quote(CITY)} END" if steps else quote(CITY),
        f"CASE {name} ELSE {quote(CITY_LEVEL)} END" if steps else quote(CITY_LEVEL),
        f"coalesce({', '.join(divisions)})" if divisions else "NULL::VARCHAR",
    )


def _step(rule: CountyRule, scope: Scope) -> tuple[str, str] | None:
    if rule.field is None or scope.absent(rule.field):
        return None  # the household register places persons later, when all records are known
    column = plain(rule.field)
    match rule.by:
        case "authority" | "registrar":
            return rule.by, f"CASE WHEN length({column}) = 18 THEN xt_county(substr({column}, 3, 6)) END"
        case "division":
            return rule.by, f"xt_county({column})"
        case "address":
            return rule.by, f"xt_address_county({column})"
    return None
