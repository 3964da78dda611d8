"""What the lake's own catalog knows: its data files, and which tables have any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_FILES = """
    SELECT s.schema_name || '.' || t.table_name, f.path_is_relative, f.path, s.path || t.path || f.path, f.file_size_bytes,
        f.end_snapshot IS NULL AND t.end_snapshot IS NULL, b.min_value, b.max_value
    FROM (
        SELECT data_file_id, table_id, path, path_is_relative, file_size_bytes, end_snapshot FROM {at}ducklake_data_file
        UNION ALL
        SELECT data_file_id, table_id, path, path_is_relative, file_size_bytes, end_snapshot FROM {at}ducklake_delete_file
    ) AS f
    JOIN {at}ducklake_table AS t ON t.table_id = f.table_id
        AND t.begin_snapshot = (SELECT max(begin_snapshot) FROM {at}ducklake_table AS x WHERE x.table_id = t.table_id)
    JOIN {at}ducklake_schema AS s ON s.schema_id = t.schema_id
    LEFT JOIN (
        SELECT DISTINCT c.data_file_id, c.min_value, c.max_value FROM {at}ducklake_file_column_stats AS c
        JOIN {at}ducklake_column AS n ON n.table_id = c.table_id AND n.column_id = c.column_id AND n.column_name = 'batch_id'
    ) AS b ON b.data_file_id = f.data_file_id
    ORDER BY 4"""


class Reader(Protocol):
    """A connection to the lake's catalog: DuckDB's, or SQLite's to a copy of it."""

    def execute(self, sql: str, /) -> Any: ...


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of rows or of deletions. `path` is relative to the lake's data folder unless it is absolute.

    `live` files are read today, others by earlier snapshots only. `batches` are the first and last batch whose rows
    the file can hold, by its column statistics; None for tables without batches.
    """

    table: str
    path: str
    size: int
    live: bool
    batches: tuple[str, str] | None


def data_files(catalog: Reader, schema: str = "") -> Sequence[DataFile]:
    """Every file that some kept snapshot reads; `schema` (with its dot) is where the catalog's tables are."""
    rows = catalog.execute(_FILES.format(at=schema)).fetchall()
    return [
        DataFile(table, path if relative else own, size, bool(live), None if low is None else (low, high))
        for table, relative, own, path, size, live, low, high in rows
    ]


def ever_filled(connection: Reader) -> set[str]:
    """Tables (`schema.table`) of an open lake that had a row at some time: no other need be scanned, at 20 to 40 ms each."""
    at = "__ducklake_metadata_lake.ducklake_"
    rows = connection.execute(
        f"SELECT DISTINCT s.schema_name || '.' || t.table_name FROM {at}table AS t"
        f" JOIN {at}schema AS s ON s.schema_id = t.schema_id SEMI JOIN {at}table_stats AS n ON n.table_id = t.table_id"
    ).fetchall()
    return {name for (name,) in rows}
