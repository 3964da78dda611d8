"""The published warehouse: one plain DuckDB file per audience, written beside the last one and swapped in at once.

A reader of `current.duckdb` keeps the file it opened until it closes it. Only what differs from the last version is
written again: the file starts as a copy of it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalog.errors import UserError
from catalog.personal import has_number_macro
from catalog.types.base_sql import quote
from warehouse.lake import Lake
from warehouse.lock import file_lock

CURRENT = "current.duckdb"
_NAME = re.compile(r"(\d{6})\.duckdb")
# The oldest format whose compression serves text columns and that every supported DuckDB (1.5, 2.0) reads.
_STORAGE = "v1.2.0"
_WASTE = 0.5  # of a file's blocks: beyond this the next version is written from nothing


@dataclass(frozen=True)
class PublishedTable:
    """One table of the file. `select` gives its columns, in the order of `columns` (name, Chinese comment).

    Two tables of equal `signature` have equal contents: it covers the statement and what the statement reads.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[tuple[str, str], ...]
    select: str
    signature: str

    @property
    def qualified(self) -> str:
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True)
class Publication:
    """A published file: its path and number, tables written and taken over, rows and bytes in all, seconds taken.

    `written` is 0 and the path the last version's where nothing had changed.
    """

    path: Path
    version: int
    written: int
    kept: int
    rows: int
    bytes: int
    seconds: float


def current(folder: Path) -> Path | None:
    """The published file in force in an audience's folder, None before the first."""
    link = folder / CURRENT
    return link.resolve() if link.exists() else None


@contextmanager
def reading(lake: Lake, path: Path) -> Iterator[None]:
    """Inside, the published file is the database `pub` of the lake's connection."""
    lake.execute(f"ATTACH {quote(str(path))} AS pub (READ_ONLY)")
    try:
        yield
    finally:
        lake.execute("DETACH pub")


def write_publication(
    lake: Lake,
    folder: Path,
    tables: Sequence[PublishedTable],
    *,
    keep: int,
    reuse: bool = True,
    after: int = 0,
) -> Publication:
    """Write the next version into `folder` and make it `current.duckdb`; versions beyond the last `keep` are removed.

    No version bears a number up to `after`: it was given out, though its file may be gone.

    `main.publication` in the file has a row per table with its signature, rows and the version that wrote it. Raises
    `UserError`, and leaves the last version in force, if a personal number is found in what would be published.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / ".lock"):
        before = current(folder)
        known = _signatures(lake, before) if before is not None and reuse else {}
        wanted = {table.qualified: table.signature for table in tables}
        if before is not None and {name: s for name, (s, _) in known.items()} == wanted:
            rows = sum(count for _, count in known.values())
            seconds = time.monotonic() - started
            return Publication(before, _number(before), 0, len(tables), rows, before.stat().st_size, seconds)
        version = max(after, *(_number(path) for path in _versions(folder)), 0) + 1
        building = folder / f".building-{os.getpid()}.duckdb"
        try:
            if before is not None and known and not _wasteful(lake, before):
                shutil.copyfile(before, building)
            else:
                known = {}
            written, rows = _build(lake, building, tables, known, version)
            target = folder / f"{version:06}.duckdb"
            building.chmod(0o444)
            building.replace(target)
        finally:
            for left in folder.glob(f"{building.name}*"):
                left.unlink()
        _point(folder, target)
        for old in _versions(folder)[:-keep]:
            old.unlink()
    return Publication(
        target,
        version,
        written,
        len(tables) - written,
        rows,
        target.stat().st_size,
        time.monotonic() - started,
    )


def _point(folder: Path, target: Path) -> None:
    link = folder / f".{CURRENT}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.replace(folder / CURRENT)


def _versions(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _number(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def _signatures(lake: Lake, path: Path) -> dict[str, tuple[str, int]]:
    """Signature and rows of the tables of a published file; none for one that this code cannot read."""
    try:
        lake.execute(f"ATTACH {quote(str(path))} AS pub_before (READ_ONLY)")
    except duckdb.Error:
        return {}
    try:
        found = lake.execute("SELECT table_name, signature, rows FROM pub_before.main.publication").fetchall()
        return {name: (signature, rows) for name, signature, rows in found}
    except duckdb.CatalogException:
        return {}
    finally:
        lake.execute("DETACH pub_before")


def _wasteful(lake: Lake, path: Path) -> bool:
    lake.execute(f"ATTACH {quote(str(path))} AS pub_before (READ_ONLY)")
    try:
        row = lake.execute(
            "SELECT free_blocks, total_blocks FROM pragma_database_size() WHERE database_name = 'pub_before'"
        ).fetchone()
        return row is None or row[0] > _WASTE * max(1, row[1])
    finally:
        lake.execute("DETACH pub_before")


def _build(
    lake: Lake,
    path: Path,
    tables: Sequence[PublishedTable],
    known: dict[str, tuple[str, int]],
    version: int,
) -> tuple[int, int]:
    """Bring the file at `path`, empty or a copy of the last version, to `tables`; tables written, rows in all."""
    lake.execute(has_number_macro("pub_has_number"))
    lake.execute(f"ATTACH {quote(str(path))} AS pub (STORAGE_VERSION '{_STORAGE}')")
    try:
        for schema in sorted({table.schema for table in tables}):
            lake.execute(f'CREATE SCHEMA IF NOT EXISTS pub."{schema}"')
        wanted = {table.qualified for table in tables}
        for stale in known.keys() - wanted:
            lake.execute(f"DROP TABLE IF EXISTS pub.{stale}")
        counts: dict[str, tuple[str, int]] = {}
        written = 0
        for table in tables:
            if known.get(table.qualified, ("", 0))[0] == table.signature:
                counts[table.qualified] = known[table.qualified]
                continue
            counts[table.qualified] = table.signature, _write(lake, table)
            written += 1
        _register(lake, counts, version)
        lake.execute("CHECKPOINT pub")
    finally:
        with suppress(duckdb.Error):  # the error under way is the one to tell
            lake.execute("DETACH pub")
    return written, sum(rows for _, rows in counts.values())


def _write(lake: Lake, table: PublishedTable) -> int:
    target = f"pub.{table.qualified}"
    names = ", ".join(f'"{name}"' for name, _ in table.columns)
    lake.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT {names} FROM ({table.select})")
    _refuse_numbers(lake, table, target)
    lake.execute(f"COMMENT ON TABLE {target} IS {quote(table.comment)}")
    for name, comment in table.columns:
        lake.execute(f'COMMENT ON COLUMN {target}."{name}" IS {quote(comment)}')
    return int(lake.scalar(f"SELECT count(*) FROM {target}"))


def _refuse_numbers(lake: Lake, table: PublishedTable, target: str) -> None:
    texts = [row[0] for row in lake.execute(f"DESCRIBE {target}").fetchall() if row[1] == "VARCHAR"]
    if not texts:
        return
    tests = ", ".join(f'count(*) FILTER (pub_has_number("{name}"))' for name in texts)
    found = lake.execute(f"SELECT {tests} FROM {target}").fetchone() or ()
    for name, count in zip(texts, found, strict=False):
        if count:
            raise UserError(
                f"{count} 个值中有个人号码，没有发布",
                where=f"{table.schema}.{table.name} 的“{name}”列",
                remedy="核对该数据项的语义类型与共享属性；上一版仍有效",
            )


def _register(lake: Lake, counts: dict[str, tuple[str, int]], version: int) -> None:
    lake.execute(
        "CREATE TABLE IF NOT EXISTS pub.main.publication (table_name VARCHAR, signature VARCHAR, rows BIGINT, version INTEGER)"
    )
    before = dict(lake.execute("SELECT table_name, version FROM pub.main.publication").fetchall())
    told = dict(lake.execute("SELECT table_name, signature FROM pub.main.publication").fetchall())
    lake.execute("DELETE FROM pub.main.publication")
    lake.connection.executemany(
        "INSERT INTO pub.main.publication VALUES (?, ?, ?, ?)",
        [
            (name, signature, rows, before[name] if told.get(name) == signature else version)
            for name, (signature, rows) in counts.items()
        ],
    )
    lake.execute(
        "COMMENT ON TABLE pub.main.publication IS '本文件各表：内容指纹、行数、最近一次写入的版本号'"
    )
    for column, comment in (
        ("table_name", "表"), ("signature", "内容指纹：相同即未变"), ("rows", "行数"), ("version", "写入该表的版本号"),
    ):  # fmt: skip
        lake.execute(f"COMMENT ON COLUMN pub.main.publication.{column} IS {quote(comment)}")
