"""Cuts the work into slices of neighbouring subjects that fit into memory.

Where there are several, each record is first written once into the file of its slice: a slice then reads that and nothing
of the lake, so that more of them, for less memory, cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalog.types.base_sql import quote
from transforms.integrate.sql import count, render

RECORD_BYTES = 1_400
"""What a record takes while libraries are built: 3 million of a whole city fit into 4 GiB (measured). As many of nothing but
persons do not quite, and DuckDB spills."""
SAMPLED = 20_000
"""Keys by which the subjects are cut into slices of about the same number of records."""
_KEEP = "CREATE OR REPLACE TEMP TABLE xt_ledger AS FROM xt_resolved"


@dataclass(frozen=True)
class Slice:
    """The records of some subjects as relations: of all items, and item by item of those that have any.

    Columns: item_id, subject_key, record_key, first_period, last_period, county_code; of an item that libraries take values
    from also `day`, the order of records of one period, and `value`, a struct of its fields.
    """

    records: str
    by_item: Mapping[str, str]


def cut(
    work: duckdb.DuckDBPyConnection,
    folder: Path,
    fields: Mapping[str, Sequence[str]],
    days: Mapping[str, str],
    *,
    changed: bool,
    portion: int | None,
) -> Iterator[Slice]:
    """The records of everybody, or of the changed subjects, in the order of their keys.

    `fields`, `days`: what is taken from each item, and its order in time, as SQL. `portion`: records of a slice, else what
    DuckDB's memory holds. What does not fit into one slice is written into `folder`.
    """
    work.execute(render("ledger.sql", changed=changed))
    if changed:  # a scan of the ledger for each item would cost more than the few rows that are wanted
        work.execute(_KEEP)
    counted, ledger = ("xt_ledger", "xt_ledger") if changed else ("core.record", "xt_resolved")
    items = work.execute(f"SELECT DISTINCT item_id FROM {counted} ORDER BY item_id").fetchall()
    bounds = _bounds(work, counted, portion or _held_in_memory(work))
    if not bounds and not changed:
        work.execute(_KEEP)
        ledger = "xt_ledger"
    selects = {
        item: render("records.sql", item=item, ledger=ledger, fields=fields.get(item), day=days.get(item))
        for (item,) in items
    }
    if not bounds:
        yield Slice("xt_ledger", {item: f"({select})" for item, select in selects.items()})
        return
    for item, select in selects.items():
        work.execute(
            f"COPY (SELECT * EXCLUDE (item_id), {_number(bounds)} AS slice FROM ({select}))"
            f" TO {quote(str(folder / f'item_id={item}'))} (FORMAT parquet, PARTITION_BY (slice))"
        )
    for number in range(len(bounds) + 1):
        files = {item: folder / f"item_id={item}" / f"slice={number}" for item in selects}
        yield Slice(
            _read(folder / "item_id=*" / f"slice={number}"),
            {item: _read(place) for item, place in files.items() if place.is_dir()},
        )


def _read(folder: Path) -> str:
    return f"read_parquet({quote(str(folder / '*.parquet'))}, hive_partitioning = true)"


def _bounds(work: duckdb.DuckDBPyConnection, ledger: str, portion: int) -> list[str]:
    """The keys that slices begin with, all but the first.

    Slices are ranges of the key and not of its hash, so that a library's files follow each other and a look-up opens one.
    """
    records = count(work, f"{ledger} WHERE subject_key IS NOT NULL")
    slices = -(-records // portion)
    if slices < 2:
        return []
    sample = work.execute(
        f"SELECT subject_key FROM {ledger} WHERE subject_key IS NOT NULL"
        f" AND hash(record_key) % {max(1, records // SAMPLED)} = 0 ORDER BY subject_key"
    ).fetchall()
    keys = [key for (key,) in sample]
    return sorted({keys[len(keys) * number // slices] for number in range(1, slices)}) if keys else []


def _number(bounds: Sequence[str], first: int = 0) -> str:
    """SQL for the number of the slice that a record's subject falls into."""
    if not bounds:
        return str(first)
    middle = len(bounds) // 2
    below, above = _number(bounds[:middle], first), _number(bounds[middle + 1 :], first + middle + 1)
    return f"CASE WHEN subject_key < {quote(bounds[middle])} THEN {below} ELSE {above} END"


def _held_in_memory(work: duckdb.DuckDBPyConnection) -> int:
    """Records that DuckDB's memory holds at once."""
    row = work.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchone()
    assert row is not None
    return max(1, int(row[0]) // RECORD_BYTES)
