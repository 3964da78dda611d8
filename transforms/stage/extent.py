"""How large a zipped workbook is, found out before it is opened: opening it takes memory for every cell up to the last."""

from __future__ import annotations

import errno
import lzma
import re
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from catalog.errors import UserError
from transforms.stage.rawfile import check_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_RATIO = 200
"""Text shrinks to a tenth, tables of repeated words to a fiftieth; beyond this it is no table."""
SMALL = 1 << 20
"""Below this size no ratio says anything."""
MAX_EMPTY = 2_000_000
"""Empty cells that a sheet may have beside three for each filled one; each takes 40 bytes and a microsecond."""

_CHUNK = 1 << 20
_TAG = 1 << 12
"""Longer than any start tag looked for: so much of a chunk is looked at again with the next."""
_SHEET = re.compile(r"xl/worksheets/[^/]+[.]xml")
_CELL = re.compile(rb"<(?:\w+:)?c [^>]*?\br=\"([A-Z]{1,3})(\d{1,7})\"")
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row [^>]*\bhidden=\"(?:1|true)\"")
_HIDDEN_COLUMN = re.compile(rb"<(?:\w+:)?col [^>]*\bhidden=\"(?:1|true)\"")
_ERROR = re.compile(rb"<(?:\w+:)?c [^>]*\bt=\"e\"")
_UNCALCULATED = re.compile(
    rb"<(?:\w+:)?c (?![^>]*\bt=\"str\")[^>]*><(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v ?/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_FILTER = re.compile(rb"<(?:\w+:)?autoFilter[ />]")
_ODS_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_ODS_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"


@dataclass
class _Extent:
    """A sheet up to its last filled cell."""

    rows: int = 0
    columns: int = 0
    filled: int = 0

    def check(self, source: Path) -> None:
        check_width(self.columns, source.name)
        if self.rows * self.columns > MAX_EMPTY + 4 * self.filled:
            raise UserError(
                f"工作表几乎是空的：有内容的格只有 {self.filled} 个，却占 {self.rows} 行 {self.columns} 列",
                where=source.name,
                remedy="数据区之外有多余的内容，请把数据区复制到新的工作簿后重新报送",
            )


@dataclass
class _Hidden:
    rows: int = 0
    columns: int = 0
    filters: int = 0
    errors: int = 0
    uncalculated: int = 0


@contextmanager
def opened(source: Path) -> Iterator[zipfile.ZipFile]:
    """Give the archive; what `zipfile` says of damage in a dozen ways is `zipfile.BadZipFile`, there and inside the block."""
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except (zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, UnicodeDecodeError) as error:
        raise zipfile.BadZipFile(str(error)) from error
    except OSError as error:
        # A place before the file's start, or the complaint of bz2; a full disk is no damage.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise zipfile.BadZipFile(str(error)) from error


def survey(source: Path, kind: str) -> list[str]:
    """Give remarks on what is hidden in an XLSX or ODS, hidden rows and columns being read like all others, and on cells of an
    XLSX whose formula gave no value.

    Raises:
        UserError: a part that unfolds to more than a table does, a sheet too wide, or nearly empty and too large.
        zipfile.BadZipFile: a part that is not as the archive says.
    """
    hidden = _Hidden()
    with opened(source) as archive:
        for entry in archive.infolist():
            if entry.file_size > max(SMALL, MAX_RATIO * max(entry.compress_size, 1)):
                raise UserError(
                    "工作簿解开后过大，不像数据文件", where=source.name, remedy="请改用 CSV 分批报送"
                )
            with archive.open(entry) as stream:
                if kind == "xlsx" and _SHEET.fullmatch(entry.filename):
                    _xlsx_sheet(stream, hidden).check(source)
                elif kind == "ods" and entry.filename == "content.xml":
                    for extent in _ods_sheets(stream):
                        extent.check(source)
                else:
                    while stream.read(_CHUNK):
                        pass
    return _remarks(hidden)


def _xlsx_sheet(stream: IO[bytes], hidden: _Hidden) -> _Extent:
    found = _Extent()
    kept = b""
    while chunk := stream.read(_CHUNK):
        text = kept + chunk
        # A tag that the chunk cuts is left for the next one.
        cut = text.rfind(b"<", max(0, len(text) - _TAG))
        cut = len(text) if cut < 0 else cut
        text, kept = text[:cut], text[cut:]
        hidden.rows += len(_HIDDEN_ROW.findall(text))
        hidden.columns += len(_HIDDEN_COLUMN.findall(text))
        hidden.filters += len(_FILTER.findall(text))
        if b't="e"' in text:
            hidden.errors += len(_ERROR.findall(text))
        if b"<f" in text or b":f" in text:
            hidden.uncalculated += len(_UNCALCULATED.findall(text))
        cells = _CELL.findall(text)
        found.filled += len(cells)
        # A cell's own place counts, whatever its row says.
        found.columns = max([found.columns, *map(_number, {letters for letters, _ in cells})])
        found.rows = max([found.rows, *map(int, {row for _, row in cells})])
    return found


def _number(letters: bytes) -> int:
    """A column's number: A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _ods_sheets(stream: IO[bytes]) -> list[_Extent]:
    """An empty row or cell before a filled one counts as often as it is repeated."""
    from lxml import etree  # for the few who send ODS

    found: list[_Extent] = []
    row = column = last = filled = 0
    events = etree.iterparse(
        stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
    )
    for event, element in _well_formed(events):
        if event == "start":
            if element.tag == f"{_ODS_TABLE}table":
                found.append(_Extent())
                row = 0
            elif element.tag == f"{_ODS_TABLE}table-row":
                column = last = filled = 0
            continue
        if element.tag in (f"{_ODS_TABLE}table-cell", f"{_ODS_TABLE}covered-table-cell"):
            times = _times(element.get(f"{_ODS_TABLE}number-columns-repeated"))
            column += times
            if element.get(f"{_ODS_OFFICE}value-type") is not None or len(element):
                last, filled = column, filled + 1
        elif element.tag == f"{_ODS_TABLE}table-row" and found:
            row += _times(element.get(f"{_ODS_TABLE}number-rows-repeated"))
            extent = found[-1]
            if filled:
                extent.rows, extent.filled = row, extent.filled + filled
                extent.columns = max(extent.columns, last)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    return found


def _well_formed(events: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    try:
        yield from events
    except SyntaxError as error:  # lxml's XMLSyntaxError
        raise zipfile.BadZipFile(str(error)) from error


def _times(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 1


def _remarks(hidden: _Hidden) -> list[str]:
    found = [f"{n}{what}" for n, what in ((hidden.columns, "处隐藏的列"), (hidden.rows, "个隐藏的行")) if n]
    why = "（有筛选）" if hidden.filters else ""
    remarks = [f"工作簿中有{'、'.join(found)}{why}，已照常读取，请确认确要报送"] if found else []
    empty = (
        (hidden.errors, "个公式出错的格（#REF!、#N/A 等）"),
        (hidden.uncalculated, "个没有计算结果的公式格"),
    )
    if told := [f"{n}{what}" for n, what in empty if n]:
        remarks.append(
            f"工作簿中有{'、'.join(told)}，按空值读取；请用 Excel 或 WPS 打开重算，选择性粘贴为数值后重新报送"
        )
    return remarks
