"""A table that was pulled from a database (Parquet) to raw.parquet: record 0 is a header made of the columns' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.types.base_sql import quote
from transforms.stage.rawfile import EXTRA_COLUMNS, RawTable, path_literal

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


FIRST_ROW = 2
"""The row number in a batch of the table's first row: the header counts as a row."""


def read_pulled(source: Path, target: Path, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """Write a Parquet file as raw.parquet, every column as text; see `read_raw`."""
    table = f"read_parquet({path_literal(source)})"
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()]
    extras = "".join(f", NULL::VARCHAR AS {name}" for name in EXTRA_COLUMNS)
    header = ", ".join(f"{quote(name)} AS c{i}" for i, name in enumerate(names))
    cells = ", ".join(f"nullif({_identifier(name)}::VARCHAR, '')" for name in names)
    nothing = ", ".join("NULL" for _ in EXTRA_COLUMNS)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        done = connection.execute(
            f"COPY (SELECT {header}{extras} UNION ALL SELECT {cells}, {nothing} FROM {table})"
            f" TO {quote(str(part))} (FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true)"
        ).fetchone()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return RawTable(path=target, columns=len(names), rows=int(done[0]) if done else 0, format="parquet")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
