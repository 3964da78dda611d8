"""Compressed deliveries: a zip of one or several files of one header, or a gzip, to raw.parquet. The archive stays as delivered."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from catalog.errors import UserError
from catalog.headers import has_text
from catalog.types.base_sql import quote
from transforms.stage.extent import MAX_RATIO, SMALL, opened
from transforms.stage.memo import MEMO_SUFFIXES
from transforms.stage.rawfile import PREAMBLE, RawTable, first_rows, path_literal, scratch

if TYPE_CHECKING:
    import duckdb

MAX_UNPACKED = 8 << 30
MAX_FILES = 1000
_HEAD = 20
_COMPANIONS = (*MEMO_SUFFIXES, ".cdx", ".idx", ".mdx", ".ndx", ".cpg")

Read = Callable[[Path, Path, "duckdb.DuckDBPyConnection"], RawTable]


def read_zip(source: Path, target: Path, connection: duckdb.DuckDBPyConnection, read: Read) -> RawTable:
    """Write the files of a zip, in order of their names, as one raw.parquet; `_sheet` names the file, if there are several, and its sheet.

    Nothing is written under a name that the archive chose. Raises `UserError` for an archive that is damaged, protected,
    too large or of files that do not go together.
    """
    with scratch(target) as folder:
        try:
            with opened(source) as archive:
                entries = _entries(archive, source)
                parts = []
                tables = _tables(entries)
                for number, entry in enumerate(entries):
                    suffix = PurePosixPath(entry.filename).suffix.lower()[:8]
                    own = tables[entry.filename]
                    part = folder / f"{number if own is None else own:04d}{suffix}"
                    with archive.open(entry) as stream:
                        _unpack(stream, part, source, entry.compress_size)
                    if own is None:
                        parts.append((_name(entry), part))
        except zipfile.BadZipFile as error:
            raise _damaged(source, error) from error
        return _joined(parts, folder, target, connection, read, source)


def read_gzip(source: Path, target: Path, connection: duckdb.DuckDBPyConnection, read: Read) -> RawTable:
    """Write the file in a gzip as raw.parquet. Raises `UserError` as `read_zip` does."""
    with scratch(target) as folder:
        part = folder / f"0000{Path(source.stem).suffix.lower()[:8]}"
        try:
            with gzip.open(source) as stream:
                _unpack(stream, part, source, source.stat().st_size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise _damaged(source, error, "gzip ") from error
        return _joined([(source.stem, part)], folder, target, connection, read, source)


def _entries(archive: zipfile.ZipFile, source: Path) -> list[zipfile.ZipInfo]:
    found = []
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise UserError("压缩包中有指向包外的路径", where=source.name, remedy="请重新压缩，只放数据文件")
        if entry.flag_bits & 1:
            raise UserError("压缩包设有密码", where=source.name, remedy="请取消密码后重新报送")
        if not (entry.is_dir() or path.name.startswith((".", "~$")) or "__MACOSX" in path.parts):
            found.append(entry)
    if not found:
        raise UserError("压缩包中没有文件", where=source.name, remedy="请核对后重新报送")
    if len(found) > MAX_FILES:
        raise UserError(f"压缩包中超过 {MAX_FILES} 个文件", where=source.name, remedy="请合并后重新报送")
    return sorted(found, key=lambda entry: entry.filename)


def _tables(entries: list[zipfile.ZipInfo]) -> dict[str, int | None]:
    """By entry the number of the DBF that it goes with, as its memos or indexes do; None for what stands alone."""
    stems = {_stem(e): n for n, e in enumerate(entries) if e.filename.lower().endswith(".dbf")}
    return {
        e.filename: stems.get(_stem(e)) if e.filename.lower().endswith(_COMPANIONS) else None for e in entries
    }


def _stem(entry: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(entry.filename.lower()).with_suffix(""))


def _name(entry: zipfile.ZipInfo) -> str:
    """The entry's name; Chinese tools of old write GBK where the standard has cp437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename


def _unpack(stream: IO[bytes] | gzip.GzipFile, target: Path, source: Path, packed: int) -> None:
    """Write what is in the archive, as far as it is believable: the sizes that an archive states are not."""
    size = 0
    with target.open("wb") as into:
        while block := stream.read(1 << 20):
            size += len(block)
            if size > MAX_UNPACKED or (size > SMALL and size > MAX_RATIO * max(packed, 1)):
                raise UserError(
                    "压缩包解开后过大，不像数据文件",
                    where=source.name,
                    remedy="请核对后分批报送，或改报未压缩的文件",
                )
            into.write(block)


def _damaged(source: Path, error: Exception, kind: str = "") -> UserError:
    return UserError(f"{kind}压缩包已损坏（{error}）", where=source.name, remedy="请重新压缩后报送")


def _joined(
    parts: list[tuple[str, Path]],
    folder: Path,
    target: Path,
    connection: duckdb.DuckDBPyConnection,
    read: Read,
    source: Path,
) -> RawTable:
    """The parts' tables under one another; later parts' titles are preamble, their headers repeat the first's."""
    tables: list[tuple[str, RawTable, int]] = []
    header: tuple[str, ...] | None = None
    for number, (name, path) in enumerate(parts):
        table = read(path, folder / f"{number:04d}.parquet", connection)
        heads = list(_heads(connection, table))
        if header is None:
            header = max(heads, key=len, default=())
            tables.append((name, table, 0))
            continue
        start = next((i for i, row in enumerate(heads) if row == header), None)
        if start is None:
            raise UserError(
                f"压缩包中“{name}”与“{parts[0][0]}”的表头不同",
                where=source.name,
                remedy="一个压缩包只放同一目录、同一表头的文件；其他文件分开报送",
            )
        tables.append((name, table, start))
    columns = max(table.columns for _, table, _ in tables)
    selects = []
    for name, table, start in tables:
        cells = [f"c{i}" if i < table.columns else f"NULL::VARCHAR AS c{i}" for i in range(columns)]
        mark = f"CASE WHEN file_row_number < {start} THEN {quote(PREAMBLE)} ELSE _malformed END AS _malformed"
        file = f"concat_ws('：', {quote(name)}, _sheet)" if len(tables) > 1 else "_sheet"
        selects.append(
            f"SELECT {', '.join(cells)}, {mark}, _line, {file} AS _sheet"
            f" FROM read_parquet({path_literal(table.path)}, file_row_number = true)"
        )
    done = connection.execute(
        f"COPY ({' UNION ALL '.join(selects)}) TO {quote(str(target))} (FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true)"
    ).fetchone()
    first = tables[0][1]
    return RawTable(
        path=target,
        columns=columns,
        rows=int(done[0]) if done else 0,
        format=first.format,
        encoding=first.encoding,
        delimiter=first.delimiter,
        template=first.template,
        notes=tuple(note for _, table, _ in tables for note in table.notes),
    )


def _heads(connection: duckdb.DuckDBPyConnection, table: RawTable) -> Iterator[tuple[str, ...]]:
    """The first rows' filled cells."""
    for row in first_rows(table.path, table.columns, connection, _HEAD):
        yield tuple(cell.strip() for cell in row if has_text(cell))
