"""The database of the lake's own catalog: SQLite beside the data for one machine, PostgreSQL for more.

Each knows how DuckLake reaches it and how writers keep out of each other's way.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from catalog.errors import PassingError, UserError
from catalog.types.base_sql import quote
from warehouse.faults import held, unreachable
from warehouse.home import LAKE_CATALOG, Home, lock_wait
from warehouse.lock import file_lock

StillHeld = Callable[[], None]
"""Raises `PassingError` if the writers' lock was lost meanwhile: to be asked before a commit."""

# Other programs than ours may open SQLite's file; with them there is no queue, so the wait for them is shorter.
_SQLITE_WAIT_SECONDS = 60
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "afs", "glusterfs"}
_WRITERS = 0x7874_6372_6564  # "xtcred": one database holds one lake, so the number need only differ from other programs'


class Metadata(Protocol):
    """Where the lake's catalog is, and the lock under which alone it is written."""

    @property
    def extension(self) -> str:
        """DuckDB's extension that reads it."""

    @property
    def place(self) -> str:
        """For messages; never with a password."""

    @property
    def wait(self) -> float:
        """Seconds to go on trying to open it."""

    def statements(self) -> tuple[str, ...]:
        """What a connection must be told before it attaches the lake."""

    def attach(self, *, create: bool) -> tuple[str, str]:
        """What is attached, and the options besides those of any lake."""

    def database(self) -> tuple[str, str]:
        """The same as a plain database: what is attached, and with which options."""

    def exists(self) -> bool:
        """Whether the lake may be attached without making it."""

    def writing(self) -> AbstractContextManager[StillHeld]:
        """Hold the writers' lock, alone among all processes that use this lake."""


def metadata(home: Home) -> Metadata:
    """The home's; raises `UserError` for a place that cannot be one."""
    return Postgres(home.catalog) if home.catalog else Sqlite(home.lake / "catalog.sqlite")


@dataclass(frozen=True)
class Sqlite:
    """A file; it must be on a disk of this machine."""

    path: Path
    extension: str = "sqlite_scanner"

    def __post_init__(self) -> None:
        _refuse_network_file_system(self.path.parent)

    @property
    def place(self) -> str:
        return str(self.path)

    @property
    def wait(self) -> float:
        return min(lock_wait(), _SQLITE_WAIT_SECONDS)

    def statements(self) -> tuple[str, ...]:
        # Else each scan of the catalog's tables opens SQLite anew, bounded by row numbers read earlier: a commit between
        # two of them lets deleted rows reappear, in the middle of a reader's statement or transaction.
        return ("SET GLOBAL sqlite_disable_multithreaded_scans = true",)

    def attach(self, *, create: bool) -> tuple[str, str]:
        # Write-ahead log: a reader whose result is not fetched to the end keeps SQLite's read lock, and a commit must not
        # wait for it.
        options = f"META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT {round(self.wait * 1000)}"
        return f"ducklake:sqlite:{self.path}", options

    def database(self) -> tuple[str, str]:
        return str(self.path), "TYPE sqlite"

    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def writing(self) -> Iterator[StillHeld]:
        with file_lock(self.path.with_name("writer.lock")):
            yield lambda: None  # the kernel takes it from no living process


@dataclass(frozen=True)
class Postgres:
    """A database of a PostgreSQL, one for each lake, by its URI."""

    uri: str = field(repr=False)
    extension: str = "postgres_scanner"

    @property
    def _parts(self) -> dict[str, str]:
        try:
            given = {k: str(v) for k, v in conninfo_to_dict(self.uri).items() if v is not None}
        except psycopg.ProgrammingError:
            given = {}
        if not given.get("dbname"):
            raise UserError(
                "湖的目录库地址写法不符",
                where=LAKE_CATALOG,
                remedy="写成 postgresql://用户:密码@主机:5432/库名；密码中的 / @ % 等须按 URL 转义",
            )
        return given

    @property
    def place(self) -> str:
        parts = self._parts
        return f"PostgreSQL {parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts['dbname']}"

    @property
    def wait(self) -> float:
        return lock_wait()

    def statements(self) -> tuple[str, ...]:
        # As a secret, since DuckDB's messages quote what is attached.
        password = quote(self._parts.get("password", ""))
        return (f"CREATE OR REPLACE SECRET lake_catalog (TYPE postgres, PASSWORD {password})",)

    def attach(self, *, create: bool) -> tuple[str, str]:
        made = "" if create else ", CREATE_IF_NOT_EXISTS false"
        return f"ducklake:postgres:{self._shown}", f"META_SECRET 'lake_catalog'{made}"

    def database(self) -> tuple[str, str]:
        return self._shown, "TYPE postgres, SECRET lake_catalog"

    @property
    def _shown(self) -> str:
        return make_conninfo("", **{k: v for k, v in self._parts.items() if k != "password"})

    def exists(self) -> bool:
        with self._connected() as connection:
            found = connection.execute("SELECT to_regclass('ducklake_snapshot') IS NOT NULL").fetchone()
            return bool(found and found[0])

    @contextmanager
    def writing(self) -> Iterator[StillHeld]:
        seconds = lock_wait()
        with self._connected() as connection:
            try:
                connection.execute(f"SET lock_timeout = {max(1, round(seconds * 1000))}")
                connection.execute("SELECT pg_advisory_lock(%s)", [_WRITERS])
            except psycopg.errors.LockNotAvailable:
                raise self._held(connection, seconds) from None
            except psycopg.OperationalError as error:
                raise unreachable(self.place, error) from None

            def still_held() -> None:
                try:
                    connection.execute("SELECT 1")
                except psycopg.OperationalError as error:
                    raise unreachable(self.place, error) from None

            yield still_held

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """A session of its own; its end, however it comes about, gives the lock back."""
        try:
            connection = psycopg.connect(
                self.uri,
                autocommit=True,
                application_name=f"xtcredit {socket.gethostname()} {os.getpid()}",
                connect_timeout=10,
                # A machine that is gone without a word must not keep the others waiting for hours.
                options="-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
            )
        except psycopg.OperationalError as error:
            raise unreachable(self.place, error) from None
        with connection:
            yield connection

    def _held(self, connection: psycopg.Connection, waited: float) -> PassingError:
        rows = connection.execute(
            "SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND (l.classid::BIGINT << 32 | l.objid::BIGINT) = %s",
            [_WRITERS],
        ).fetchall()
        return held(self.place, [name for (name,) in rows], waited)


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
            remedy=f"把 XTCREDIT_HOME 移到本机磁盘，或改用 PostgreSQL 目录（{LAKE_CATALOG}）",
        )
