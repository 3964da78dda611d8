"""Fixed-width text by the layout that the catalog states, to raw.parquet."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from catalog.errors import UserError
from catalog.fixed_width import Control, FixedWidth, Place
from transforms.stage import mojibake
from transforms.stage.rawfile import PREAMBLE, RawTable, RowWriter, csv_to_parquet, scratch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

_LOOKED_AT = 200
_ENOUGH = 0.8
"""Share of the first lines that must be of the layout's width."""
_MAX_LINE = 1 << 20
_BLANKS = " \t\0\u3000"


@dataclass(frozen=True)
class Layout:
    """A format whose files are fixed-width text: its name, its shape, and a heading for each column of the shape."""

    name: str
    shape: FixedWidth
    headings: tuple[str, ...]


def find_layout(source: Path, layouts: Sequence[Layout]) -> Layout | None:
    """Give the first layout by whose width most of a text file's first lines were written."""
    for layout in layouts:
        shape = layout.shape
        lines = [line for line in islice(_lines(source, shape), _LOOKED_AT) if line.strip()]
        data = [line for line in lines if not _is(line, shape.header) and not _is(line, shape.trailer)]
        fitting = sum(_width(line, shape) == shape.record for line in data)
        if shape.trimmed:
            fitting = sum(_cut_between(shape) <= _width(line, shape) <= shape.record for line in data)
        if data and fitting >= _ENOUGH * len(data):
            return layout
    return None


def read_fixed_width(
    source: Path, target: Path, connection: duckdb.DuckDBPyConnection, layout: Layout
) -> RawTable:
    """Write a fixed-width file as raw.parquet: row 0 is a header of the layout's headings, row i the file's line i.

    A line that is shorter or longer than a record, or holds bytes that are no text, is malformed (`too_short`, `too_long`,
    `undecodable`). The records before and behind the data are `preamble`.

    Raises:
        UserError: a stated first or last record is not there, or counts other records than there are; another encoding.
    """
    shape = layout.shape
    first, last, filled = _survey(source, shape)
    records = undecodable = 0
    counts: list[tuple[str, bytes]] = []
    with scratch(target) as folder:
        plain = folder / "records.csv"
        with plain.open("w", encoding="utf-8", newline="") as stream:
            writer = RowWriter(stream, len(shape.columns))
            writer.row(layout.headings)
            for number, line in enumerate(_lines(source, shape)):
                if number >= filled:
                    break
                control = shape.header if number == first else shape.trailer if number == last else None
                if control is not None:
                    text = line.decode(shape.encoding, "replace")
                    writer.row((), malformed=PREAMBLE, line=text)
                    if control.count is not None:
                        counts.append((text, _part(line, control.count, shape)))
                elif not line.strip():
                    writer.row(())
                else:
                    records += 1
                    undecodable += _write(writer, line, shape)
        for text, count in counts:
            _check_count(count, records, text, source)
        if undecodable > max(10, records // 100):
            raise UserError(
                f"{records} 条记录中有 {undecodable} 条含无法按 {shape.encoding.upper()} 解码的字符",
                where=source.name,
                remedy="请按目录中登记的编码和列位重新导出",
            )
        rows = csv_to_parquet(plain, target, connection, len(shape.columns))
    return RawTable(
        path=target,
        columns=len(shape.columns),
        rows=rows,
        format="fixed_width",
        encoding=shape.encoding,
        template=layout.name,
    )


def _lines(source: Path, shape: FixedWidth) -> Iterator[bytes]:
    """The file's lines without their ends; the DOS end-of-file mark is none."""
    with source.open("rb") as stream:
        if shape.encoding == "utf-8" and stream.read(3) != codecs.BOM_UTF8:
            stream.seek(0)
        while line := stream.readline(_MAX_LINE):
            if len(line) == _MAX_LINE and not line.endswith(b"\n"):
                raise UserError(
                    f"有一行超过 {_MAX_LINE:,} 字节", where=source.name, remedy="请按每条记录一行重新导出"
                )
            text = line.rstrip(b"\r\n")
            if text != b"\x1a":
                yield text.removesuffix(b"\x1a")


def _survey(source: Path, shape: FixedWidth) -> tuple[int | None, int | None, int]:
    """Line numbers of the records before and behind the data, and the number of lines up to the last that is filled."""
    first = last = b""
    first_at, filled = 0, 0
    head: list[str] = []
    for number, line in enumerate(_lines(source, shape)):
        if not line.strip():
            continue
        if not filled:
            first, first_at = line, number
        last, filled = line, number + 1
        if len(head) < 20:
            head.append(line.decode(shape.encoding, "replace"))
    mojibake.refuse(head, source.name)
    for control, line, what in ((shape.header, first, "首"), (shape.trailer, last, "尾")):
        if control is not None and not _is(line, control):
            raise UserError(
                f"没有以“{control.starts}”开头的{what}记录，文件可能不完整",
                where=source.name,
                remedy="请重新导出并传送完整的文件",
            )
    return (first_at if shape.header else None), (filled - 1 if shape.trailer else None), filled


def _is(line: bytes, control: Control | None) -> bool:
    return control is not None and line.startswith(control.starts.encode())


def _width(line: bytes, shape: FixedWidth) -> int:
    return len(line) if shape.unit == "bytes" else len(line.decode(shape.encoding, "replace"))


def _cut_between(shape: FixedWidth) -> int:
    """Where the last column begins: what ends before it is no record whose blanks were cut off, as a rule."""
    return max(column.start for column in shape.columns)


def _part(line: bytes, place: Place, shape: FixedWidth) -> bytes:
    if shape.unit == "bytes":
        return line[place.start - 1 : place.end]
    return line.decode(shape.encoding, "replace")[place.start - 1 : place.end].encode()


def _check_count(stated: bytes, records: int, text: str, source: Path) -> None:
    digits = stated.strip()
    if not digits.isdigit() or int(digits) != records:
        raise UserError(
            f"首尾记录记有“{digits.decode('ascii', 'replace')}”条，文件里有 {records} 条",
            where=f"{source.name} “{text[:20]}”",
            remedy="文件没有写完或没有传完，请重新导出并传送完整的文件",
        )


def _write(writer: RowWriter, line: bytes, shape: FixedWidth) -> bool:
    """Write one record; whether it holds bytes that are no text."""
    try:
        text = line.decode(shape.encoding)
        width = len(line) if shape.unit == "bytes" else len(text)
        over = line[shape.record :].strip() if shape.unit == "bytes" else text[shape.record :].strip()
        if over:
            writer.row((), malformed="too_long", line=text)
        elif width < shape.record and not shape.trimmed:
            writer.row((), malformed="too_short", line=text)
        elif shape.unit == "bytes":
            writer.row([_cell(line[c.start - 1 : c.end].decode(shape.encoding)) for c in shape.columns])
        else:
            writer.row([_cell(text[c.start - 1 : c.end]) for c in shape.columns])
    except UnicodeDecodeError:
        writer.row((), malformed="undecodable", line=line.decode(shape.encoding, "replace"))
        return True
    return False


def _cell(text: str) -> str | None:
    return text.strip(_BLANKS) or None
