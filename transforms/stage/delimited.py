r"""Delimited text to raw.parquet.

DuckDB reads the file itself when it can be trusted with it: UTF-8, LF, no blank line (DuckDB drops those,
which would shift the row numbers), constant width. Otherwise the file is first rewritten as UTF-8 with LF,
and where that is not enough, record by record with the standard library's csv module, at the cost of one more
pass. With new_line = '\r\n' DuckDB 1.5 swallows records after a quoted line break, so CRLF never reaches it.
"""

from __future__ import annotations

import codecs
import csv
import io
import mmap
import re
from collections import Counter, deque
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import duckdb

from catalog.errors import UserError
from transforms.stage import mojibake
from transforms.stage.rawfile import (
    MAX_COLUMNS,
    RawTable,
    RowWriter,
    check_width,
    csv_to_parquet,
    scratch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE_BYTES = 1 << 20
SAMPLE_RECORDS = 100
CHUNK = 1 << 22
DELIMITERS = (",", "\t", ";", "|", "｜")
MAX_RECORD_LINES = 100
BLOCK_LINES = 4096
MAX_BLANK = 1 << 18
MAX_LINE = 1 << 24  # characters; what is longer is no line of a table, and is never held in memory
MAX_RECORD_BYTES = 900_000  # as in the file; doubled quotes make it more
# The csv module's own limit of 131,072 characters would make a longer value in quotes one whose quotes are broken.
csv.field_size_limit(MAX_RECORD_BYTES)
_BLANKS = b"\r\n\t \x00"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python maps GB18030 by its edition of 2000; these are the characters that the editions of 2005 and 2022
# moved out of the private use area.
_GB18030_2022 = str.maketrans(
    "\ue7c7\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796"
    "\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864",
    "\u1e3f\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19"
    "\u9fb4\u9fb5\u9fb6\u9fb7\u9fb8\u9fb9\u9fba\u9fbb",
)


@dataclass(frozen=True)
class Dialect:
    """How the text is encoded and divided."""

    encoding: str
    skip: int  # bytes of the byte order mark
    delimiter: str
    columns: int
    cr_only: bool = False  # lines end with CR, as on old Macs


def read_delimited(source: Path, target: Path, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """Write a delimited text file as raw.parquet; see `read_raw`.

    Raises:
        UserError: undecodable text, mojibake, a desert of blank lines, a line that does not end.
    """
    _refuse_deserts(source)
    with source.open("rb") as stream:
        sample = stream.read(SAMPLE_BYTES)
    encoding, skip = sniff_encoding(source, sample)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample[skip:])
    mojibake.refuse(text.splitlines()[:20], source.name)
    delimiter, columns = sniff_shape(text, complete=len(sample) < SAMPLE_BYTES)
    check_width(columns, source.name)
    dialect = Dialect(encoding, skip, delimiter, columns, cr_only="\r" in text and "\n" not in text)
    with scratch(target) as folder:
        rows, encoding = _convert(source, target, connection, dialect, sample, folder)
    return RawTable(
        path=target,
        columns=columns,
        rows=rows,
        format="csv",
        encoding=encoding,
        delimiter=delimiter,
    )


def _convert(
    source: Path,
    target: Path,
    connection: duckdb.DuckDBPyConnection,
    dialect: Dialect,
    sample: bytes,
    folder: Path,
) -> tuple[int, str]:
    """Take the cheapest way that keeps every record at its place; give the rows and the encoding found."""
    plain, blank = source, True
    direct = dialect.encoding == "utf-8" and b"\r" not in sample
    try:
        if direct:
            blank = _has_blank_line(source, dialect.skip)
        else:
            plain = folder / "utf8.csv"
            blank = _transcode(source, plain, dialect)
        if not blank and dialect.columns > 1:
            return csv_to_parquet(
                plain, target, connection, dialect.columns, delimiter=dialect.delimiter, extras_in_file=False
            ), dialect.encoding
    except (UnicodeDecodeError, duckdb.InvalidInputException):
        # A width that varies, a stray quote, mixed line ends: the repair names them. Bytes that are not UTF-8
        # after a first megabyte of plain ASCII: another encoding.
        if dialect.encoding == "utf-8" and sample.isascii() and not _decodes(source, "utf-8"):
            dialect = replace(dialect, encoding="gb18030", skip=0)
            return _convert(source, target, connection, dialect, sample, folder)
    repaired = folder / "repaired.csv"
    _repair(source, repaired, dialect)
    return csv_to_parquet(repaired, target, connection, dialect.columns), dialect.encoding


def sniff_encoding(source: Path, sample: bytes) -> tuple[str, int]:
    """Give the Python codec's name and the length of the byte order mark.

    Raises:
        UserError: the text is in no encoding that is accepted.
    """
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding, len(bom)
    for encoding in ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(sample, final=len(sample) < SAMPLE_BYTES)
        except UnicodeDecodeError as error:
            last = error
        else:
            return encoding, 0
    # One cut character must not refuse a file: the encoding in which fewer characters are broken is taken.
    broken = {e: sample.decode(e, "replace").count("\ufffd") for e in ("utf-8", "gb18030")}
    best = min(broken, key=lambda e: broken[e])
    if broken[best] * 1000 <= len(sample) or broken[best] == 1:
        return best, 0
    line = sample.count(b"\n", 0, last.start) + 1
    raise UserError(
        "文字编码无法识别，既不是 UTF-8 也不是 GB18030",
        where=f"{source.name} 第{line}行",
        remedy="请另存为 UTF-8 编码的 CSV，或直接报送 XLSX",
    )


def sniff_shape(text: str, *, complete: bool) -> tuple[str, int]:
    """Give delimiter and number of columns from the first records of the text."""
    best = (0, 0, 0)
    found = (",", 1)
    for rank, delimiter in enumerate(DELIMITERS):
        records = _sample_records(text, delimiter, complete=complete)
        widths = Counter(len(record) for record in records)
        if not widths:
            continue
        width, hits = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
        score = (hits * (width - 1), width, -rank)
        if width > 1 and score > best:
            best, found = score, (delimiter, max(width, _header_width(records, width)))
            if found[1] > MAX_COLUMNS:  # mostly empty columns that a spreadsheet program wrote
                found = delimiter, max(map(_filled, records))
    return found


def _filled(record: list[str]) -> int:
    """Number of cells up to the last that is filled."""
    return next((i + 1 for i in reversed(range(len(record))) if record[i].strip()), 1)


def _sample_records(text: str, delimiter: str, *, complete: bool) -> list[list[str]]:
    lines = list(io.StringIO(text, newline=""))  # splitlines() would also split at U+2028 and its like
    if not complete and len(lines) > 1:
        lines.pop()
    records: list[list[str]] = []
    try:
        for record in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in record):
                records.append(record)
            if len(records) == SAMPLE_RECORDS:
                break
    except csv.Error:
        pass  # an overlong field: what was read so far is sample enough
    return records


def _header_width(records: list[list[str]], width: int) -> int:
    """Give the width of the first record that could be the header; rows may omit trailing empty cells."""
    for record in records[:20]:
        filled = [i for i, cell in enumerate(record) if cell.strip()]
        if len(filled) * 2 >= width:
            return filled[-1] + 1
    return width


def _refuse_deserts(source: Path) -> None:
    """A gap that holds a whole block of MAX_BLANK; each blank line would be a row like any other."""
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        for at in range(0, len(view) - MAX_BLANK + 1, MAX_BLANK):
            if not view[at : at + 64].strip(_BLANKS) and not view[at : at + MAX_BLANK].strip(_BLANKS):
                raise UserError(
                    f"文件中有 {MAX_BLANK:,} 字节以上的连续空白",
                    where=f"{source.name} 第{at:,}字节起",
                    remedy="请删去空行后重新报送",
                )


def _has_blank_line(source: Path, skip: int) -> bool:
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if view[skip : skip + 1] == b"\n":
            return True
        at = view.find(b"\n\n")
        return at >= 0 and bool(view[at : at + CHUNK].strip(b"\n") or at + CHUNK < len(view))


def _transcode(source: Path, plain: Path, dialect: Dialect) -> bool:
    """Rewrite the file as UTF-8 with LF; tell whether a blank line was met before the last record."""
    blank = False
    pending = True  # the text so far ends a line; true at the start of the file
    gap = False
    with plain.open("wb") as out:
        for data in _as_utf8(source, dialect):
            data = data.replace(b"\r", b"\n") if dialect.cr_only else data.replace(b"\r\n", b"\n")
            out.write(data)
            if blank or not data:
                continue
            body = data.rstrip(b"\n")
            if body:
                blank = gap or (pending and body.startswith(b"\n")) or b"\n\n" in body
                pending = len(body) < len(data)
                gap = len(data) - len(body) > 1
            else:
                gap = gap or pending or len(data) > 1
                pending = True
    return blank


def _as_utf8(source: Path, dialect: Dialect) -> Iterator[bytes]:
    """Give the text in chunks of UTF-8, none ending between CR and LF; UTF-8 itself is DuckDB's to check."""
    if dialect.encoding == "utf-8":
        held = b""
        with source.open("rb") as stream:
            stream.seek(dialect.skip)
            while chunk := stream.read(CHUNK):
                data = held + chunk
                held = b"\r" if data.endswith(b"\r") else b""
                yield data[: len(data) - len(held)]
        yield held
        return
    for text in _decoded(source, dialect):
        data = text.encode()
        if dialect.encoding == "gb18030" and b"\xee" in data:  # the private use area's first byte
            data = text.translate(_GB18030_2022).encode()
        yield data


def _decoded(source: Path, dialect: Dialect, errors: str = "strict") -> Iterator[str]:
    """Give the text in chunks that never end between CR and LF."""
    decoder = codecs.getincrementaldecoder(dialect.encoding)(errors)
    held = ""
    with source.open("rb") as stream:
        stream.seek(dialect.skip)
        while chunk := stream.read(CHUNK):
            text = held + decoder.decode(chunk)
            held = "\r" if text.endswith("\r") else ""
            yield text[: len(text) - len(held)]
        yield held + decoder.decode(b"", final=True)


def _decodes(source: Path, encoding: str) -> bool:
    try:
        for _ in _decoded(source, Dialect(encoding, 0, ",", 1)):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _repair(source: Path, repaired: Path, dialect: Dialect) -> None:
    """Rewrite the file with one record of constant width per record, naming what is wrong with a record.

    Raises:
        UserError: so many records hold undecodable bytes that the encoding itself is in doubt.
    """
    width, delimiter = dialect.columns, dialect.delimiter
    records = undecodable = blank = 0
    lines = _Lines(source, dialect)
    with repaired.open("w", encoding="utf-8", newline="") as stream:
        writer = RowWriter(stream, width)
        while block := list(islice(lines, BLOCK_LINES)):
            good = _whole_block(block, width, delimiter)
            if good is not None:
                for _ in range(blank):
                    writer.row(())
                writer.rows(good)
                records += blank + len(good)
                blank = 0
                continue
            # One record or more of this block are not as they should be: look at each of them.
            lines.put_back(block[1:])
            left = len(block)
            taken = lines.taken
            line: str | None = block[0]
            while line is not None:
                body = line.rstrip("\r\n")
                if not body or body.isspace():
                    blank += 1
                else:
                    for _ in range(blank):
                        writer.row(())
                    records += blank + 1
                    blank = 0
                    undecodable += "\ufffd" in body
                    _write_record(writer, line, lines, width, delimiter)
                line = next(lines, None) if lines.taken - taken < left - 1 else None
    if undecodable > max(10, records // 100):
        raise UserError(
            f"{records}条记录中有{undecodable}条含无法按 {dialect.encoding.upper()} 解码的字符",
            where=source.name,
            remedy="请另存为 UTF-8 编码的 CSV，或直接报送 XLSX",
        )


def _whole_block(block: list[str], width: int, delimiter: str) -> list[list[str]] | None:
    """Give the block's records if all of them are of the right width and beyond doubt."""
    text = "".join(block)
    longest = max(len(line) for line in block)
    if "\ufffd" in text or '" ' in text or ' "' in text or longest > MAX_RECORD_BYTES // 4:
        return None
    try:
        records = list(csv.reader(block, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records if all(len(record) == width for record in records) else None


def _write_record(writer: RowWriter, line: str, lines: _Lines, width: int, delimiter: str) -> None:
    body = line.rstrip("\r\n")
    if "\ufffd" in body:
        writer.row(body.split(delimiter), malformed="undecodable", line=body)
    elif '"' not in body and len(body) < MAX_RECORD_BYTES // 4:
        _write_cells(writer, body.split(delimiter), width, body)
    else:
        _write_quoted(writer, line, lines, width, delimiter)


class _Lines:
    """The file's physical lines, with room to put back those that were read ahead."""

    def __init__(self, source: Path, dialect: Dialect) -> None:
        self._source = self._split(source, dialect)
        self._held: deque[str] = deque()
        self.taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._held.popleft() if self._held else next(self._source)
        self.taken += 1
        return line

    def put_back(self, lines: list[str]) -> None:
        self._held.extendleft(reversed(lines))
        self.taken -= len(lines)

    @staticmethod
    def _split(source: Path, dialect: Dialect) -> Iterator[str]:
        rest = ""
        gb = dialect.encoding == "gb18030"
        # A bare CR ends a line only in files that have no other line end; elsewhere it is part of a value.
        ending = "\r" if dialect.cr_only else "\n"
        for text in _decoded(source, dialect, errors="replace"):
            moved = text.translate(_GB18030_2022) if gb and _PRIVATE.search(text) else text
            *parts, rest = (rest + moved).split(ending)
            for part in parts:
                yield part + "\n"
            if len(rest) > MAX_LINE:
                raise UserError(
                    f"有一行超过 {MAX_LINE:,} 字，不像表格",
                    where=source.name,
                    remedy="请核对文件，重新导出为 CSV，或直接报送 XLSX",
                )
        if rest:
            yield rest


_BARE_CR = "\x1e"  # the csv module would end a record at a CR outside quotes
_PRIVATE = re.compile("[\ue78d-\ue864]")


def _write_cells(writer: RowWriter, cells: list[str], width: int, text: str) -> None:
    if len(cells) == width or not any(cell.strip() for cell in cells):
        writer.row(cells)
    elif len(cells) < width:
        writer.row(cells, malformed="too_few_columns", line=text)
    elif any(cell.strip() for cell in cells[width:]):
        writer.row(cells, malformed="too_many_columns", line=text)
    else:
        writer.row(cells)


def _write_quoted(writer: RowWriter, line: str, lines: _Lines, width: int, delimiter: str) -> None:
    """Parse one record that holds a quote, over several lines if they make a record of the right width."""
    body = line.rstrip("\r\n")
    ahead: list[str] = []
    text, size = line, len(line.encode())
    while size < MAX_RECORD_BYTES:
        cells, open_ended = _parse(text, delimiter)
        if cells is not None and (not ahead or len(cells) == width):
            _write_cells(writer, cells, width, text.rstrip("\r\n"))
            return
        following = next(lines, None) if open_ended and len(ahead) < MAX_RECORD_LINES else None
        if following is None:
            break
        ahead.append(following)
        text += following
        size += len(following.encode())
    lines.put_back(ahead)
    reason = "record_too_long" if size >= MAX_RECORD_BYTES else "broken_quotes"
    cells = [body[:1000]] if reason == "record_too_long" else body.split(delimiter)
    writer.row(cells, malformed=reason, line=body)


def _parse(text: str, delimiter: str) -> tuple[list[str] | None, bool]:
    """Give the cells, or None and whether a quoted value is still open at the end."""
    if '" ' in text or ' "' in text:  # blanks beside quotes do not count, as with DuckDB
        sign = re.escape(delimiter)
        text = re.sub(rf'(?<!")"[ ]+(?={sign}|[\r\n]*\Z)', '"', text)
        text = re.sub(rf'(\A|{sign})[ ]+"(?!")', r'\1"', text)
    text = text.replace("\r\n", "\n").replace("\r", _BARE_CR)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None, "unexpected end of data" in str(error)
    if len(records) != 1:
        return None, False
    return [cell.replace(_BARE_CR, "\r") for cell in records[0]], False
