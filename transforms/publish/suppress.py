"""Small counts of persons are left out of what is published, and so is what would tell them."""

from __future__ import annotations

from catalog.types.base_sql import literal_list
from warehouse.lake import Lake
from warehouse.schema import Columns

SMALL = 5
"""Counts of persons below this are not published: few enough to be told who they are."""
_MARGINS = (("period", "item_id"), ("period", "county_code"))
"""Sums that are published elsewhere: the city's per item, all items' per county."""


def counts_of(mart: Columns) -> list[str]:
    """The measures of a mart that count rows or records."""
    return [name for name, kind, _ in mart.columns if kind == "BIGINT"]


def suppress(lake: Lake, mart: Columns, measures: list[str], persons: tuple[str, ...]) -> str:
    """A temporary table like the mart, without its small counts of `persons` items; its name.

    A cell is the rows of one period, item and place. All its measures go where one is between 1 and 4, since they add up
    or follow from one another. Where only one cell of a published sum is missing, the next smallest goes, too, until no
    sum tells a missing cell.
    """
    name = f"xt_mart_{mart.name}"
    keys = [c for c, _, _ in mart.columns if c in ("period", "item_id", "county_code")]
    joined = ", ".join(keys)
    small = " OR ".join(f'"{m}" BETWEEN 1 AND {SMALL - 1}' for m in measures)
    lake.execute(
        f"""CREATE OR REPLACE TEMP TABLE xt_cell AS
        SELECT {joined}, bool_or(item_id IN ({literal_list(persons) or "NULL"}) AND coalesce({small}, FALSE)) AS missing,
            sum("{measures[0]}") AS size
        FROM {mart.qualified} GROUP BY {joined}"""
    )
    while "county_code" in keys and any([_complete(lake, list(margin)) > 0 for margin in _MARGINS]):
        pass
    same = " AND ".join(f"c.{key} IS NOT DISTINCT FROM t.{key}" for key in keys)
    columns = ", ".join(
        f'CASE WHEN c.missing THEN NULL ELSE t."{n}" END AS "{n}"' if n in measures else f't."{n}"'
        for n, _, _ in mart.columns
    )
    lake.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM {mart.qualified} t JOIN xt_cell c ON {same}"
    )
    lake.execute("DROP TABLE xt_cell")
    return name


def _complete(lake: Lake, margin: list[str]) -> int:
    """Hide the smallest shown cell of every sum of which exactly one is missing; how many were hidden."""
    by = ", ".join(margin)
    lake.execute(
        f"""CREATE OR REPLACE TEMP TABLE xt_next AS
        SELECT period, item_id, county_code FROM xt_cell c
        WHERE NOT missing AND size > 0
            AND ({by}) IN (SELECT ({by}) FROM xt_cell GROUP BY {by} HAVING count(*) FILTER (missing) = 1)
        QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY size, item_id, county_code) = 1"""
    )
    lake.execute(
        "UPDATE xt_cell SET missing = TRUE FROM xt_next n WHERE xt_cell.period = n.period"
        " AND xt_cell.item_id = n.item_id AND xt_cell.county_code = n.county_code"
    )
    return int(lake.scalar("SELECT count(*) FROM xt_next"))
