"""dBase and FoxPro tables (DBF) to raw.parquet, read block by block; texts are GBK unless the file says otherwise."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from catalog.errors import UserError
from transforms.stage.memo import MEMO_SUFFIXES, DamagedMemo, Memo
from transforms.stage.rawfile import (
    DELETED,
    RawTable,
    RowWriter,
    cell_number,
    check_width,
    csv_to_parquet,
    scratch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

_VISUAL = {0x30, 0x31, 0x32}
"""Visual FoxPro: `B` is a number there, and columns can hold NULL."""
_VERSIONS = {0x03, 0x43, 0x83, 0x8B, 0xF5, 0xFB} | _VISUAL
_LANGUAGES = {0x78: "big5", 0x7A: "gb18030", 0x4D: "gb18030"}
_WIDTHS = {"I": 4, "Y": 8, "T": 8}
_BINARY = frozenset("GPW")
_AT_ONCE = 5000
_SYSTEM, _NULLABLE = 1, 2


@dataclass(frozen=True)
class _Column:
    name: str
    kind: str
    start: int
    length: int
    flags: int = 0
    null: int | None = None
    """Bit of the record's null flags that says that there is no value."""
    short: int | None = None
    """Bit that says that the last byte holds the length."""


def is_dbf(head: bytes, size: int) -> bool:
    """Whether a file is a DBF: its header's lengths agree with its columns, and it is no shorter than its header."""
    if len(head) < 65 or head[0] not in _VERSIONS:
        return False
    header, record = struct.unpack("<HH", head[8:12])
    columns = _columns(head[:header])
    return bool(columns) and record == 1 + sum(c.length for c in columns) and size >= header


def read_dbf(source: Path, target: Path, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """Write a DBF as raw.parquet: record 0 is a header made of the columns' names; a deleted record is an empty row, `deleted`.

    A memo's text is taken from the file of the same name ending in .fpt or .dbt beside it. A record with text that is no GBK,
    or a memo that is not where it should be, is malformed (`undecodable`, `damaged_memo`).

    Raises:
        UserError: fewer or more records than the header says, memos without their file, columns that no DBF has.
    """
    with source.open("rb") as stream, ExitStack() as stack:
        head = stream.read(1 << 16)
        rows, header, record = struct.unpack("<IHH", head[4:12])
        encoding = _LANGUAGES.get(head[29], "gb18030")
        columns = _columns(head[:header], encoding)
        _check_columns(columns, head[0], source)
        shown = [column for column in columns if not column.flags & _SYSTEM and column.kind != "0"]
        check_width(len(shown), source.name)
        _check_size(source, rows, header, record)
        memo = stack.enter_context(Memo.open(source)) if any(c.kind == "M" for c in shown) else None
        reader = _Reader(columns, shown, encoding, memo, source)
        stream.seek(header)
        left = rows
        with scratch(target) as folder:
            plain = folder / "records.csv"
            with plain.open("w", encoding="utf-8", newline="") as into:
                writer = RowWriter(into, len(shown))
                writer.row([column.name for column in shown])
                while left > 0:
                    block = stream.read(record * min(left, _AT_ONCE))
                    for at in range(0, len(block), record):
                        if block[at : at + 1] == b"*":
                            writer.row([], malformed=DELETED)
                        else:
                            reader.write(
                                block[at : at + record], writer, f"第{rows - left + at // record + 1}条"
                            )
                    left -= len(block) // record
            written = csv_to_parquet(plain, target, connection, len(shown))
    stars = f"DBF 中有 {reader.starred} 个数字格是一串星号（列宽装不下的数，或空值），按空值读取，请核对原表"
    return RawTable(
        path=target,
        columns=len(shown),
        rows=written,
        format="dbf",
        encoding=encoding,
        notes=(stars,) if reader.starred else (),
    )


def _columns(header: bytes, encoding: str = "gb18030") -> list[_Column]:
    found: list[_Column] = []
    start, bit = 1, 0
    for at in range(32, len(header) - 31, 32):
        if header[at] == 0x0D:
            break
        name = header[at : at + 11].split(b"\0")[0].decode(encoding, "replace")
        kind, flags = chr(header[at + 11]), header[at + 18] if header[0] in _VISUAL else 0
        length = header[at + 16] + (header[at + 17] << 8 if kind == "C" else 0)
        short = null = None
        if kind in "VQ":
            short, bit = bit, bit + 1
        if flags & _NULLABLE:
            null, bit = bit, bit + 1
        if kind == "B" and header[0] not in _VISUAL:
            kind = "P"
        found.append(_Column(name, kind, start, length, flags, null, short))
        start += length
    return found


def _check_columns(columns: list[_Column], version: int, source: Path) -> None:
    widths = _WIDTHS | ({"B": 8} if version in _VISUAL else {})
    bad = [c.name for c in columns if c.length != widths.get(c.kind, c.length) or not c.length]
    if bad:
        raise UserError(
            f"DBF 的列“{bad[0][:20]}”定义有误",
            where=source.name,
            remedy="请从业务系统重新导出，或另存为 XLSX",
        )


def _check_size(source: Path, rows: int, header: int, record: int) -> None:
    """What the header does not count may be records that were added and not yet counted: nobody may guess."""
    there, rest = divmod(source.stat().st_size - header, record)
    with source.open("rb") as stream:
        stream.seek(header + rows * record)
        uncounted = there > rows and stream.read(1) in (b" ", b"*")
    if there < rows or uncounted:
        raise UserError(
            f"DBF 文件头记 {rows} 条，文件里有 {there} 条{'（末条不全）' if rest > 1 else ''}",
            where=source.name,
            remedy="文件没有写完或没有传完，请关闭业务系统中的该表后重新导出",
        )


class _Reader:
    """The records of one file as rows."""

    def __init__(
        self, columns: list[_Column], shown: list[_Column], encoding: str, memo: Memo | None, source: Path
    ) -> None:
        self.flags = next((c for c in columns if c.kind == "0"), None)
        self.shown, self.encoding, self.memo, self.source = shown, encoding, memo, source
        self.starred = 0
        """Number cells full of asterisks: so a number is written that its column was too narrow for, or none at all."""

    def write(self, record: bytes, writer: RowWriter, where: str) -> None:
        flags = 0
        if self.flags:
            flags = int.from_bytes(record[self.flags.start : self.flags.start + self.flags.length], "little")
        try:
            writer.row([self._value(record, column, flags, where) or None for column in self.shown])
        except (UnicodeDecodeError, DamagedMemo, OverflowError) as error:
            cells = list(self._rough(record))
            reason = {UnicodeDecodeError: "undecodable", DamagedMemo: "damaged_memo"}
            writer.row(
                cells,
                malformed=reason.get(type(error), "impossible_date"),
                line=",".join(c or "" for c in cells),
            )

    def _rough(self, record: bytes) -> Iterator[str | None]:
        """What can be shown of a record that cannot be read: its texts, with a sign for what is no character."""
        for column in self.shown:
            raw = record[column.start : column.start + column.length]
            text = column.kind in "CNFDLV"
            yield raw.rstrip(b"\0 ").decode(self.encoding, "replace").strip() or None if text else None

    def _value(self, record: bytes, column: _Column, flags: int, where: str) -> str:
        raw = record[column.start : column.start + column.length]
        if column.null is not None and flags >> column.null & 1:
            return ""
        match column.kind:
            case "M":
                return self._memo(raw, column, where)
            case "I":
                return str(struct.unpack("<i", raw)[0])
            case "B":
                return cell_number(struct.unpack("<d", raw)[0])
            case "Y":
                number = struct.unpack("<q", raw)[0]
                return f"{'-' if number < 0 else ''}{abs(number) // 10000}.{abs(number) % 10000:04d}"
            case "T":
                return _moment(raw)
            case "V" if column.short is not None and flags >> column.short & 1:
                return raw[: raw[-1]].decode(self.encoding).strip()
            case "V":
                return raw.decode(self.encoding).strip()
            case kind if kind in _BINARY:
                if raw.strip(b"\0 0"):
                    raise self._elsewhere(column, where, "是图片或对象，不是文字")
                return ""
        text = raw.rstrip(b"\0 ").decode(self.encoding).strip()
        if column.kind in "NFDL" and not text.strip("*?"):
            self.starred += column.kind in "NF" and bool(text)
            return ""
        return text

    def _memo(self, raw: bytes, column: _Column, where: str) -> str:
        try:
            block = struct.unpack("<I", raw)[0] if len(raw) == 4 else int(raw.strip(b"\0 ") or b"0")
        except ValueError as error:
            raise DamagedMemo from error
        if not block:
            return ""
        if self.memo is None or not self.memo.there:
            raise self._elsewhere(column, where, "在另一个文件（FPT、DBT）里，没有随 DBF 送来")
        return self.memo.text(block).decode(self.encoding).strip("\0 \r\n")

    def _elsewhere(self, column: _Column, where: str, what: str) -> UserError:
        return UserError(
            f"备注列“{column.name}”的内容{what}",
            where=f"{self.source.name} {where}",
            remedy=f"请把 DBF 与同名的备注文件（{'、'.join(MEMO_SUFFIXES)}）放进一个 ZIP 报送，或另存为 XLSX",
        )


def _moment(raw: bytes) -> str:
    days, milliseconds = struct.unpack("<II", raw)
    if not days:
        return ""
    day = date(2000, 1, 1) + timedelta(days=days - 2451545)
    seconds = round(milliseconds / 1000)
    return f"{day} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
