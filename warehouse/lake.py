"""The lake: DuckLake on DuckDB. Connections are opened here and nowhere else."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from catalog.errors import UserError
from catalog.types import sql_macros
from catalog.types.base_sql import quote
from catalog.types.check_digits import allow_checks
from warehouse.faults import locked, machine_fault
from warehouse.home import Home, Resources
from warehouse.metadata import Metadata, StillHeld, metadata
from warehouse.secret import identity_key, pseudonym_macro

Parameters = Sequence[object] | dict[str, object] | None
Transaction = Callable[[str | None], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""Opens a transaction whose snapshot bears the message, if any."""

Present = Mapping[str, Mapping[str, str]]
"""Tables as they are: by `schema.table` the types of their columns, in order."""

DELIVERED_ON = (
    "CREATE OR REPLACE TEMP MACRO xt_delivered_on(delivery, received_at) AS"
    " coalesce(try_strptime(regexp_extract(delivery, '^([0-9]{8})-', 1), '%Y%m%d'), received_at + INTERVAL 8 HOUR)::DATE"
)
"""The day on which a delivery came: the one in its name, else that of its receipt (kept in UTC) in China."""

SCHEMAS = ("ops", "ref", "rec", "core", "lib", "vault", "mart")


def connect(
    resources: Resources | None = None, *, temporary: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the extensions and the SQL macros of the semantic types."""
    resources = resources or Resources.from_environment()
    settings: dict[str, Any] = {
        "threads": resources.threads,
        "memory_limit": resources.memory,
        "autoinstall_known_extensions": False,
        # The extensions come from the package index like this code, which nobody signs either; checking the signature of
        # 70 MB would cost 0.2 s at every opening.
        "allow_unsigned_extensions": True,
        # It turns every IN list of a staging pass into a hash join: dozens of them, 0.5 s and 250 MB for any file.
        "disabled_optimizers": "in_clause",
    }
    if temporary is not None:
        settings["temp_directory"] = str(temporary)
    connection = duckdb.connect(":memory:", config=settings)
    # It would be drawn on standard output, into whatever a program reads there.
    connection.execute("SET enable_progress_bar = false")
    allow_checks(connection)
    for macro in (*sql_macros(), DELIVERED_ON):
        connection.execute(macro)
    return connection


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension from its Python package, else from DuckDB's own folder (`INSTALL` where there is internet)."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{folder / f'{name}.duckdb_extension'}'")
        return
    connection.execute(f"INSTALL {name}")
    connection.execute(f"LOAD {name}")


def present_tables(connection: duckdb.DuckDBPyConnection) -> Present:
    """The tables of the attached lake, without its views."""
    found: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()"
        # Not what stands in duckdb_tables(), which counts the rows of all.
        " ANTI JOIN (SELECT database_name, schema_name, view_name AS table_name FROM duckdb_views())"
        " USING (database_name, schema_name, table_name)"
        " WHERE database_name = 'lake' ORDER BY schema_name, table_name, column_index"
    ).fetchall():
        found.setdefault(f"{schema}.{table}", {})[column] = kind
    return found


def _allow(connection: duckdb.DuckDBPyConnection, place: Metadata) -> None:
    """Let the connection attach a lake with its catalog there."""
    load_extension(connection, place.extension)
    load_extension(connection, "ducklake")
    for statement in place.statements():
        connection.execute(statement)


def copy_catalog(source: Metadata, target: Metadata, data: Path) -> None:
    """Make the catalog at `target`, which has none, one with all that `source` knows; the data files stay where they are.

    The caller keeps writers out. What was begun and not ended leaves an empty lake at the target.
    """
    with connect() as connection:
        for place in (source, target):
            _allow(connection, place)
        attached, options = target.attach(create=True)
        connection.execute(
            f"ATTACH {quote(attached)} AS made (DATA_PATH {quote(str(data))}, DATA_INLINING_ROW_LIMIT 0, {options})"
        )
        connection.execute("DETACH made")
        for name, place in (("origin", source), ("copy", target)):
            attached, options = place.database()
            connection.execute(f"ATTACH {quote(attached)} AS {name} ({options})")
        tables = connection.execute(
            "SELECT DISTINCT table_name FROM duckdb_tables() WHERE database_name = 'origin' AND table_name LIKE 'ducklake%'"
        ).fetchall()
        connection.execute("BEGIN TRANSACTION")
        for (table,) in tables:
            connection.execute(f'DELETE FROM copy."{table}"')
            connection.execute(f'INSERT INTO copy."{table}" BY NAME SELECT * FROM origin."{table}"')
        connection.execute("COMMIT")


def _busy(error: BaseException) -> bool:
    """Whether another process is creating or committing: DuckDB gives SQLite's word for it in a plain Error."""
    if isinstance(error, duckdb.IOException | duckdb.TransactionException):
        return machine_fault(error) is None or "is locked" in str(error)
    return isinstance(error, duckdb.Error) and ("is locked" in str(error) or "already exists" in str(error))


class Lake:
    """One open lake. `execute` reads; `transaction` writes, alone among all processes of this machine."""

    def __init__(
        self, home: Home, *, snapshot: int | None = None, resources: Resources | None = None
    ) -> None:
        if home.restoring.exists():
            # A lake made in here, or rows loaded, would be overwritten when the restore goes on.
            raise UserError(
                "向这个数据目录的恢复还没有做完",
                where=str(home.root),
                remedy="正在恢复的，等它结束；中断了的，再运行一次 xtcredit restore",
            )
        self.home = home
        self.snapshot = snapshot
        self._metadata = metadata(home)
        home.private_dir(home.lake)
        self.connection = connect(resources, temporary=home.scratch())
        self.connection.execute(pseudonym_macro(identity_key(home)))
        _allow(self.connection, self._metadata)
        self._wait = self._metadata.wait
        # Nothing inlined: it gives the catalog one more SQLite table for each of ours, and SQLite reads the definitions of all
        # at each of the eight queries behind a scan (measured with 106 items: 65 ms a scan, without them 22).
        options = f"DATA_PATH '{home.lake_data}', DATA_INLINING_ROW_LIMIT 0"
        if snapshot is not None:
            options += f", SNAPSHOT_VERSION {snapshot}"
        if self._metadata.exists():
            self._attach(options, create=False)
        else:
            with self._metadata.writing():
                self._attach(options, create=True)
        self.connection.execute("USE lake")

    def _attach(self, options: str, *, create: bool) -> None:
        place, more = self._metadata.attach(create=create)
        statement = f"ATTACH {quote(place)} AS lake ({options}, {more})"
        again = Retrying(
            retry=retry_if_exception(_busy),
            wait=wait_random(0.05, 0.3),
            stop=stop_after_delay(self._wait),
            reraise=True,
        )
        with self._told_if_locked(), self._told_if_moved():
            again(self.connection.execute, statement)

    @contextmanager
    def _told_if_moved(self) -> Iterator[None]:
        """The catalog and the manifests of landed files know where the data lies; only a restore tells them of another place."""
        try:
            yield
        except duckdb.Error as error:
            known = re.search(r'existing data path in the catalog "(.*?)"', str(error))
            if known is None:
                raise
            raise UserError(
                f"数据目录不在原处：目录库记的是 {known[1]}",
                where=str(self.home.root),
                remedy="把它移回原处；要换地方的，在原处 xtcredit backup，在新处 xtcredit restore",
            ) from error

    @contextmanager
    def _told_if_locked(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            if "is locked" in str(error):
                raise locked(Path(self._metadata.place), self._wait, error) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    def execute(self, sql: str, parameters: Parameters = None) -> duckdb.DuckDBPyConnection:
        """Run one statement; reads see one consistent snapshot per statement."""
        return self.connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
        """The result as a list of dicts; for small results only."""
        names, rows = self.table(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def table(self, sql: str, parameters: Parameters = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the result's columns, and its rows; for small results only."""
        cursor = self.connection.execute(sql, parameters)
        return [column[0] for column in cursor.description or ()], cursor.fetchall()

    def scalar(self, sql: str, parameters: Parameters = None) -> Any:
        """The first value of the first row, None if there is no row."""
        row = self.connection.execute(sql, parameters).fetchone()
        return row[0] if row else None

    @contextmanager
    def transaction(self, message: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing, one writer at a time: a load reads what it then changes, and SQLite does not order two commits reliably.

        `message` is kept with the snapshot for `xtcredit history`. Temporary tables made inside stay. Raises `PassingError`
        if another process does not let go of the lake.
        """
        with self.exclusive() as transaction, transaction(message) as tx:
            yield tx

    @contextmanager
    def exclusive(self) -> Iterator[Transaction]:
        """Hold the writer's lock: nobody else changes the lake meanwhile. What comes opens transactions under it.

        For DuckLake's own upkeep, and for long work whose temporary tables are read again: those that a transaction itself
        has made DuckDB scans with one thread only.
        """
        with self._metadata.writing() as still_held:
            yield partial(self._transaction, still_held)

    @contextmanager
    def _transaction(self, still_held: StillHeld, message: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._told_if_locked():
            self.connection.execute("BEGIN TRANSACTION")
            try:
                yield self.connection
                if message is not None:
                    self.connection.execute("CALL lake.set_commit_message(?, ?)", ["xtcredit", message])
                still_held()
                self.connection.execute("COMMIT")
            except BaseException:
                _rollback(self.connection)
                raise

    def newest(self, *messages: str) -> int:
        """The newest snapshot whose commit message starts with one of these, 0 if there is none."""
        starts = " OR ".join("starts_with(commit_message, ?)" for _ in messages)
        return int(
            self.scalar(
                f"SELECT coalesce(max(snapshot_id), 0) FROM ducklake_snapshots('lake') WHERE {starts}",
                messages,
            )
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several reads of one and the same snapshot, whatever is committed meanwhile; also saves reading it anew."""
        self.connection.execute("BEGIN TRANSACTION")
        try:
            yield
        finally:
            _rollback(self.connection)

    def snapshot_id(self) -> int:
        """The number of the newest snapshot (or of the one this lake was opened at)."""
        if self.snapshot is not None:
            return self.snapshot
        return int(self.scalar("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"))

    def at(self, snapshot: int) -> Lake:
        """The same lake as it was at a snapshot, read-only."""
        return Lake(self.home, snapshot=snapshot)


def _rollback(connection: duckdb.DuckDBPyConnection) -> None:
    # A failed COMMIT has already ended the transaction; the caller raises its error.
    with suppress(duckdb.TransactionException):
        connection.execute("ROLLBACK")


def writer_lock(home: Home) -> AbstractContextManager[StillHeld]:
    """The lock under which alone the lake's catalog is written, for those who have no lake open."""
    return metadata(home).writing()
