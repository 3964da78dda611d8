"""Small counts of persons are left out of what is published, and so is what would tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalog.divisions import CITY
from catalog.types.base_sql import literal_list
from warehouse.lake import Lake
from warehouse.schema import Columns

SMALL = 5
"""Counts of persons below this are not published: few enough to be told who they are."""
_CELLS: Mapping[str, tuple[str, ...]] = {
    "provider_item": ("period", "item_id", "county_code", "department"),
    "county_item": ("period", "item_id", "county_code"),
    "item_progress": ("period", "item_id"),
    "department_progress": ("period", "department"),
}
"""What counts are weighed against one another: the marts they stand in, and the columns that tell a cell."""
_SUMS = (
    ("provider_item", "TRUE", ("period", "item_id"), "item_progress"),
    ("provider_item", "TRUE", ("period", "department"), "department_progress"),
    ("provider_item", f"county_code = '{CITY}'", ("period", "department"), "department_progress"),
    ("provider_item", "TRUE", ("period", "county_code"), None),
    ("county_item", "TRUE", ("period", "item_id"), "item_progress"),
    ("county_item", "TRUE", ("period", "county_code"), None),
    ("item_progress", "TRUE", ("period",), None),
    ("department_progress", "TRUE", ("period",), None),
)
"""Which cells add up by which columns, and the cells in which the sums stand; None where a sum is always published."""
_DEPARTMENT = "t.kind = 'department' AND c.department = t.unit AND c.period"
_LIKE: Mapping[str, tuple[str, str]] = {
    **{name: (name, " AND ".join(f"c.{k} = t.{k}" for k in keys)) for name, keys in _CELLS.items()},
    "obligation": ("provider_item", " AND ".join(f"c.{k} = t.{k}" for k in _CELLS["provider_item"])),
    "department_score": ("department_progress", "c.period = t.period AND c.department = t.department"),
    "score_part": ("department_progress", f"{_DEPARTMENT} = t.period"),
    "volume": ("department_progress", f"{_DEPARTMENT} BETWEEN t.first_period AND t.last_period"),
}
"""Every mart that tells a cell: in which mart the cell is, and how it (`c`) is found for a row (`t`)."""


def counts_of(mart: Columns) -> list[str]:
    """The measures of a mart that count rows or records."""
    return [name for name, kind, _ in mart.columns if kind == "BIGINT"]


def _told_by(mart: Columns) -> list[str]:
    """The columns from which a cell can be read: its counts, and rates of which they are the parts."""
    if mart.name == "department_score":
        return ["valid_rate"]
    return [name for name, kind, _ in mart.columns if kind in ("BIGINT", "DOUBLE")]


def suppress(lake: Lake, marts: Mapping[str, Columns], persons: tuple[str, ...]) -> dict[str, str]:
    """Temporary tables like the marts, without small counts of `persons` items, nor what tells them; by name of the mart.

    All measures of a cell go where one is between 1 and 4, since they add up or follow from one another. Where only one part
    of a sum, or the sum alone, is missing, the smallest other goes, too, until nothing tells a missing one.
    """
    _make_cells(lake, marts, persons)
    while _complete(lake):
        pass
    made = {}
    for name, (of, found) in _LIKE.items():
        mart = marts[name]
        told = _told_by(mart)
        columns = ", ".join(
            f'CASE WHEN xt_told THEN NULL ELSE "{n}" END AS "{n}"' if n in told else f'"{n}"'
            for n, _, _ in mart.columns
        )
        made[name] = f"xt_mart_{name}"
        lake.execute(
            f"CREATE OR REPLACE TEMP TABLE {made[name]} AS SELECT {columns} FROM (SELECT *,"
            f" EXISTS (FROM xt_cell c WHERE c.missing AND c.mart = '{of}' AND {found}) AS xt_told FROM {mart.qualified} t)"
        )
    lake.execute("DROP TABLE xt_part")
    return made


def told_by_batch(batch: str) -> str:
    """SQL: whether a row of ops.batch, called `batch`, is part of a cell that `suppress` left out."""
    same = " AND ".join(f"c.{key} = {batch}.{key}" for key in ("period", "item_id", "department"))
    return f"EXISTS (FROM xt_cell c WHERE c.missing AND c.mart = 'provider_item' AND {same})"


def small(counts: Sequence[str], persons: tuple[str, ...]) -> str:
    """SQL: whether a row is about persons and one of its `counts` is small."""
    few = " OR ".join(f'"{count}" BETWEEN 1 AND {SMALL - 1}' for count in counts)
    return f"coalesce(item_id IN ({literal_list(persons) or 'NULL'}) AND ({few}), FALSE)"


def _make_cells(lake: Lake, marts: Mapping[str, Columns], persons: tuple[str, ...]) -> None:
    """`xt_cell`: every cell, whether it is missing; `xt_part`: of which sums it is a part, or which it is itself."""
    columns = sorted({key for keys in _CELLS.values() for key in keys})
    cells = []
    for name, keys in _CELLS.items():
        counts = counts_of(marts[name])
        missing = small(counts, persons) if "item_id" in keys else "FALSE"
        size = " + ".join(f'coalesce("{m}", 0)' for m in counts)
        told = ", ".join(k if k in keys else f"NULL AS {k}" for k in columns)
        cells.append(
            f"SELECT '{name}' AS mart, {told}, bool_or({missing}) AS missing, sum({size}) AS size"
            f" FROM {marts[name].qualified} GROUP BY {', '.join(keys)}"
        )
    lake.execute(
        f"CREATE OR REPLACE TEMP TABLE xt_cell AS SELECT row_number() OVER (ORDER BY mart, {', '.join(columns)}) AS cell, *"
        f" FROM ({' UNION ALL BY NAME '.join(cells)})"
    )
    parts = []
    for number, (name, where, by, total) in enumerate(_SUMS):
        of = f"concat_ws('|', {number}, {', '.join(by)})"
        parts.append(f"SELECT {of} AS whole, cell FROM xt_cell WHERE mart = '{name}' AND {where}")
        if total:
            parts.append(f"SELECT {of}, cell FROM xt_cell WHERE mart = '{total}'")
    lake.execute(f"CREATE OR REPLACE TEMP TABLE xt_part AS {' UNION ALL '.join(parts)}")


def _complete(lake: Lake) -> bool:
    """Hide the smallest shown cell of everything that adds up and of which exactly one cell is missing; whether any was."""
    lake.execute(
        """CREATE OR REPLACE TEMP TABLE xt_next AS
        SELECT DISTINCT cell FROM (
            SELECT whole, cell FROM xt_part JOIN xt_cell USING (cell)
            WHERE NOT missing AND size > 0
                AND whole IN (SELECT whole FROM xt_part JOIN xt_cell USING (cell) GROUP BY whole HAVING count(*) FILTER (missing) = 1)
            QUALIFY row_number() OVER (PARTITION BY whole ORDER BY size, cell) = 1)"""
    )
    lake.execute("UPDATE xt_cell SET missing = TRUE WHERE cell IN (SELECT cell FROM xt_next)")
    return bool(lake.scalar("SELECT count(*) FROM xt_next"))
