"""The lake: DuckLake on DuckDB, its catalog in SQLite. Connections are opened here and nowhere else."""

from __future__ import annotations

import fcntl
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
from tenacity import Retrying, retry_if_exception, retry_if_exception_type, stop_after_delay, wait_random

from catalog.errors import UserError
from catalog.types import sql_macros
from warehouse.faults import locked, machine_fault
from warehouse.home import Home, Resources, lock_wait
from warehouse.secret import identity_key, pseudonym_macro

Parameters = Sequence[object] | dict[str, object] | None

SCHEMAS = ("ops", "ref", "rec", "core", "lib", "vault", "mart")
# Other programs than ours may open SQLite's file; with them there is no queue, so the wait for them is shorter.
_SQLITE_WAIT_SECONDS = 60
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "afs", "glusterfs"}


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
    for macro in sql_macros():
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
        self.home = home
        self.snapshot = snapshot
        _refuse_network_file_system(home.lake)
        home.private_dir(home.lake)
        self.connection = connect(resources, temporary=home.private_dir(home.root / "tmp"))
        self.connection.execute(pseudonym_macro(identity_key(home)))
        load_extension(self.connection, "sqlite_scanner")
        load_extension(self.connection, "ducklake")
        # Else each scan of the catalog's tables opens SQLite anew, bounded by row numbers read earlier: a commit between
        # two of them lets deleted rows reappear, in the middle of a reader's statement or transaction.
        self.connection.execute("SET GLOBAL sqlite_disable_multithreaded_scans = true")
        self._wait = min(lock_wait(), _SQLITE_WAIT_SECONDS)
        # Write-ahead log: a reader whose result is not fetched to the end keeps SQLite's read lock, and a commit must not
        # wait for it.
        # Nothing inlined: it gives the catalog one more SQLite table for each of ours, and SQLite reads the definitions of all
        # at each of the eight queries behind a scan (measured with 106 items: 65 ms a scan, without them 22).
        options = (
            f"DATA_PATH '{home.lake / 'data'}', META_JOURNAL_MODE 'WAL', DATA_INLINING_ROW_LIMIT 0,"
            f" META_BUSY_TIMEOUT {round(self._wait * 1000)}"
        )
        if snapshot is not None:
            options += f", SNAPSHOT_VERSION {snapshot}"
        attach = f"ATTACH 'ducklake:sqlite:{home.lake / 'catalog.sqlite'}' AS lake ({options})"
        if (home.lake / "catalog.sqlite").exists():
            self._attach(attach)
        else:
            with writer_lock(home):
                self._attach(attach)
        self.connection.execute("USE lake")

    def _attach(self, statement: str) -> None:
        again = Retrying(
            retry=retry_if_exception(_busy),
            wait=wait_random(0.05, 0.3),
            stop=stop_after_delay(self._wait),
            reraise=True,
        )
        with self._told_if_locked():
            again(self.connection.execute, statement)

    @contextmanager
    def _told_if_locked(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            if "is locked" in str(error):
                raise locked(self.home.lake / "catalog.sqlite", self._wait, error) from error
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
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def scalar(self, sql: str, parameters: Parameters = None) -> Any:
        """The first value of the first row, None if there is no row."""
        row = self.connection.execute(sql, parameters).fetchone()
        return row[0] if row else None

    @contextmanager
    def transaction(self, message: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing, one writer at a time: the SQLite catalog does not order two commits reliably.

        `message` is kept with the snapshot for `xtcredit history`. Temporary tables made inside stay. Raises `PassingError`
        if another process does not let go of the lake.
        """
        with writer_lock(self.home), self._told_if_locked():
            self.connection.execute("BEGIN TRANSACTION")
            try:
                yield self.connection
                if message is not None:
                    self.connection.execute("CALL lake.set_commit_message(?, ?)", ["xtcredit", message])
                self.connection.execute("COMMIT")
            except BaseException:
                _rollback(self.connection)
                raise

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the writer's lock without a transaction, for DuckLake's own upkeep calls."""
        with writer_lock(self.home):
            yield

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


def writer_lock(home: Home) -> AbstractContextManager[None]:
    """The lock under which alone the lake's catalog is written, for those who have no lake open."""
    return file_lock(home.lake / "writer.lock")


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """An exclusive lock held by this process; released by the kernel even when the process is killed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path) -> None:
    seconds = lock_wait()
    again = Retrying(
        retry=retry_if_exception_type(BlockingIOError),
        wait=wait_random(0.02, 0.1),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
    try:
        again(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise locked(path, seconds, error) from None


def _refuse_network_file_system(path: Path) -> None:
    """SQLite's locks cannot be trusted on network file systems; on systems without /proc nothing is known."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, point, file_system, *_ = line.split()
        if (str(path) + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, file_system
    if kind in _NETWORK_FILE_SYSTEMS:
        raise UserError(
            f"数据湖目录位于网络文件系统（{kind}）",
            where=str(path),
            remedy="把 XTCREDIT_HOME 移到本机磁盘，或改用 PostgreSQL 目录",
        )
