"""dBase and FoxPro tables (DBF) to raw.parquet, read block by block; texts are GBK unless the file says otherwise."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from catalog.errors import UserError
from transforms.stage.rawfile import (
    RawTable,
    RowWriter,
    check_width,
    csv_to_parquet,
    malformed_counts,
    scratch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

_VERSIONS = {0x03, 0x30, 0x31, 0x32, 0x43, 0x83, 0x8B, 0xF5, 0xFB}
_LANGUAGES = {0x78: "big5", 0x7A: "gb18030", 0x4D: "gb18030"}
_MEMO = frozenset("MGPBW")
_AT_ONCE = 5000


@dataclass(frozen=True)
class _Column:
    name: str
    kind: str
    start: int
    length: int


def is_dbf(head: bytes, size: int) -> bool:
    """Whether a file is a DBF: its header's lengths agree with its columns and with its size."""
    if len(head) < 65 or head[0] not in _VERSIONS:
        return False
    rows, header, record = struct.unpack("<IHH", head[4:12])
    columns = _columns(head[:header])
    return bool(columns) and record == 1 + sum(c.length for c in columns) and size >= header + rows * record


def read_dbf(source: Path, target: Path, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """Write a DBF as raw.parquet: record 0 is a header made of the columns' names; deleted records are left out.

    Raises:
        UserError: a memo column with contents, which stand in another file; text that is no GBK.
    """
    with source.open("rb") as stream:
        head = stream.read(1 << 16)
        rows, header, record = struct.unpack("<IHH", head[4:12])
        encoding = _LANGUAGES.get(head[29], "gb18030")
        columns = _columns(head[:header], encoding)
        check_width(len(columns), source.name)
        stream.seek(header)
        left, deleted = rows, 0
        with scratch(target) as folder:
            plain = folder / "records.csv"
            with plain.open("w", encoding="utf-8", newline="") as into:
                writer = RowWriter(into, len(columns))
                writer.row([column.name for column in columns])
                while left > 0:
                    block = stream.read(record * min(left, _AT_ONCE))
                    left -= len(block) // record
                    for at in range(0, len(block), record):
                        if block[at : at + 1] == b"*":
                            deleted += 1
                            continue
                        where = f"{source.name} 第{rows - left - (len(block) - at) // record + 1}条"
                        writer.row(list(_cells(block[at : at + record], columns, encoding, where)))
            written = csv_to_parquet(plain, target, connection, len(columns))
    notes = (f"DBF 中已作删除标记的 {deleted} 条未读取",) if deleted else ()
    return RawTable(
        path=target,
        columns=len(columns),
        rows=written,
        format="dbf",
        encoding=encoding,
        malformed=malformed_counts(target, connection),
        notes=notes,
    )


def _columns(header: bytes, encoding: str = "gb18030") -> list[_Column]:
    found, start = [], 1
    for at in range(32, len(header) - 31, 32):
        if header[at] == 0x0D:
            break
        name = header[at : at + 11].split(b"\0")[0].decode(encoding, "replace")
        kind = chr(header[at + 11])
        length = header[at + 16] + (header[at + 17] << 8 if kind == "C" else 0)
        found.append(_Column(name, kind, start, length))
        start += length
    return found


def _cells(record: bytes, columns: list[_Column], encoding: str, where: str) -> Iterator[str | None]:
    for column in columns:
        raw = record[column.start : column.start + column.length]
        try:
            yield _value(raw, column, encoding) or None
        except UnicodeDecodeError as error:
            raise UserError(
                f"列“{column.name}”的文字不是 GBK 编码", where=where, remedy="请另存为 XLSX 后重新报送"
            ) from error
        except _Elsewhere as error:
            raise UserError(
                f"备注列“{column.name}”的内容在另一个文件（FPT、DBT）里，没有随 DBF 送来",
                where=where,
                remedy="请另存为 XLSX 后重新报送",
            ) from error


class _Elsewhere(Exception):
    """A memo's contents are not in the table's own file."""


def _value(raw: bytes, column: _Column, encoding: str) -> str:
    if column.kind in _MEMO:
        if raw.strip(b"\0 0"):
            raise _Elsewhere
        return ""
    if column.kind == "I":
        return str(struct.unpack("<i", raw)[0])
    if column.kind == "Y":
        number = struct.unpack("<q", raw)[0]
        return f"{'-' if number < 0 else ''}{abs(number) // 10000}.{abs(number) % 10000:04d}"
    if column.kind == "T":
        days, milliseconds = struct.unpack("<II", raw)
        if not days:
            return ""
        day = date(2000, 1, 1) + timedelta(days=days - 2451545)
        seconds = round(milliseconds / 1000)
        return f"{day} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    text = raw.rstrip(b"\0 ").decode(encoding).strip()
    return "" if column.kind in "NFDL" and not text.strip("*?") else text
