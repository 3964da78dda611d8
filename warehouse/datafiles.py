"""The lake's data files: those its own catalog knows, and such as come into a table as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import duckdb

from catalog.types.base_sql import quote
from warehouse.home import Home

CATALOG = "__ducklake_metadata_lake.ducklake_"
"""What stands before the names of the lake's catalog's own tables (`table`, `data_file`) on a connection to the lake."""
LAKE_PARQUET = "(FORMAT parquet, COMPRESSION zstd)"
"""How files are written that come into the lake as they are."""

_FILES = """
    SELECT s.schema_name || '.' || t.table_name, f.path_is_relative, f.path, s.path || t.path || f.path, f.file_size_bytes,
        f.end_snapshot IS NULL AND t.end_snapshot IS NULL, b.min_value, b.max_value
    FROM (
        SELECT data_file_id, table_id, path, path_is_relative, file_size_bytes, end_snapshot FROM {at}data_file
        UNION ALL
        SELECT data_file_id, table_id, path, path_is_relative, file_size_bytes, end_snapshot FROM {at}delete_file
    ) AS f
    JOIN {at}table AS t ON t.table_id = f.table_id
        AND t.begin_snapshot = (SELECT max(begin_snapshot) FROM {at}table AS x WHERE x.table_id = t.table_id)
    JOIN {at}schema AS s ON s.schema_id = t.schema_id
    LEFT JOIN (
        SELECT DISTINCT c.data_file_id, c.min_value, c.max_value FROM {at}file_column_stats AS c
        JOIN {at}column AS n ON n.table_id = c.table_id AND n.column_id = c.column_id AND n.column_name = 'batch_id'
    ) AS b ON b.data_file_id = f.data_file_id
    ORDER BY 4"""


def new_data_file(home: Home, table: str, partition: str = "") -> Path:
    """Where a file may be written that `add_data_file` shall make one of `table` (`schema.table`). What does not get so far
    is left to `maintain`: no snapshot knows it.
    """
    schema, _, name = table.partition(".")
    return home.private_dir(home.lake_data / schema / name / partition) / f"{uuid4()}.parquet"


def add_data_file(tx: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Make a Parquet file one of the table's, row for row; a column that it lacks is empty."""
    schema, _, name = table.partition(".")
    tx.execute(
        f"CALL ducklake_add_data_files('lake', {quote(name)}, {quote(str(path))}, schema => {quote(schema)},"
        " allow_missing => true, hive_partitioning => true)"
    )


@dataclass(frozen=True)
class NewFiles:
    """Files of rows that are worked out before the transaction that makes them the lake's."""

    home: Home
    connection: duckdb.DuckDBPyConnection
    written: list[tuple[str, Path]] = field(default_factory=list)

    def write(self, table: str, select: str) -> None:
        """A file with the rows of `select`, none where there is no row."""
        path = new_data_file(self.home, table)
        self.written.append((table, path))
        copied = self.connection.execute(f"COPY ({select}) TO {quote(str(path))} {LAKE_PARQUET}").fetchone()
        if copied == (0,):
            path.unlink()
            self.written.pop()

    def add(self, tx: duckdb.DuckDBPyConnection) -> None:
        """Make them the lake's."""
        for table, path in self.written:
            add_data_file(tx, table, path)

    @contextmanager
    def removed_on_error(self) -> Iterator[None]:
        """What fails in here, before any commit, leaves no file behind: a retry may need the room."""
        try:
            yield
        except BaseException:
            for _, path in self.written:
                path.unlink(missing_ok=True)
            raise


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


def data_files(catalog: Reader, at: str = "ducklake_") -> Sequence[DataFile]:
    """Every file that some kept snapshot reads; `at` stands before the names of the catalog's tables."""
    rows = catalog.execute(_FILES.format(at=at)).fetchall()
    return [
        DataFile(table, path if relative else own, size, bool(live), None if low is None else (low, high))
        for table, relative, own, path, size, live, low, high in rows
    ]


def ever_filled(connection: Reader) -> set[str]:
    """Tables (`schema.table`) of an open lake that had a row at some time: no other need be scanned, at 20 to 40 ms each."""
    rows = connection.execute(
        f"SELECT DISTINCT s.schema_name || '.' || t.table_name FROM {CATALOG}table AS t"
        f" JOIN {CATALOG}schema AS s ON s.schema_id = t.schema_id SEMI JOIN {CATALOG}table_stats AS n ON n.table_id = t.table_id"
    ).fetchall()
    return {name for (name,) in rows}
