"""Writing a delivery as departments write theirs: encodings, separators, titles above, totals below."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv as pacsv

from catalog.errors import UserError

Line = Sequence[str | None]
_ISO = re.compile(r"(19[1-9]\d|20[0-8]\d)-\d\d-\d\d")
_NUMBER = re.compile(r"(0|[1-9]\d{0,11})(\.\d{1,2})?")
_CREATED = datetime(2019, 1, 1)  # noqa: DTZ001 - a fixed mark inside the workbook, so that bytes repeat


@dataclass(frozen=True)
class FileStyle:
    """The outside of a file."""

    kind: str
    encoding: str = "utf-8"
    delimiter: str = ","
    crlf: bool = False


class Writer(Protocol):
    """Takes lines and blocks of lines in order."""

    def line(self, cells: Line) -> None:
        """Write one line."""

    def block(self, columns: list[pa.StringArray]) -> None:
        """Write many lines, given as columns."""

    def close(self) -> None:
        """Finish the file."""


def open_writer(
    path: Path, style: FileStyle, headers: list[str], dates: frozenset[int], numbers: frozenset[int]
) -> Writer:
    """A writer of the style's kind; `dates` and `numbers` are the columns that a workbook may hold as
    such.
    """
    match style.kind:
        case "csv":
            return CsvWriter(path, style)
        case "json":
            return JsonWriter(path, headers)
        case "xlsx":
            return XlsxWriter(path, dates, numbers)
        case "xls":
            return XlsWriter(path)
        case other:
            raise UserError(f"样例没有“{other}”这种文件形式", remedy="写成 csv、xlsx、json 或 xls")


class CsvWriter:
    """Delimited text."""

    def __init__(self, path: Path, style: FileStyle) -> None:
        self._file, self._style = path.open("wb"), style
        if style.encoding == "utf-16":
            self._file.write(b"\xff\xfe")
        elif style.encoding == "utf-8-sig":
            self._file.write(b"\xef\xbb\xbf")
        self._codec = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(style.encoding, style.encoding)

    def line(self, cells: Line) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self._style.delimiter, lineterminator="\n").writerow(
            ["" if c is None else c for c in cells]
        )
        self._put(buffer.getvalue().encode())

    def block(self, columns: list[pa.StringArray]) -> None:
        table = pa.Table.from_arrays(columns, names=[str(i) for i in range(len(columns))])
        sink = pa.BufferOutputStream()
        pacsv.write_csv(
            table, sink, pacsv.WriteOptions(include_header=False, delimiter=self._style.delimiter)
        )
        self._put(sink.getvalue().to_pybytes())

    def _put(self, data: bytes) -> None:
        if self._style.crlf:
            data = data.replace(b"\n", b"\r\n")
        self._file.write(data if self._codec == "utf-8" else data.decode().encode(self._codec))

    def close(self) -> None:
        self._file.close()


class JsonWriter:
    """An array of objects; the first line gives their keys and is not written."""

    def __init__(self, path: Path, headers: list[str]) -> None:
        self._file, self._headers, self._first = path.open("w", encoding="utf-8", newline="\n"), headers, True
        self._file.write("[")

    def line(self, cells: Line) -> None:
        if list(cells) != self._headers:
            self._put(dict(zip(self._headers, cells, strict=True)))

    def block(self, columns: list[pa.StringArray]) -> None:
        for cells in zip(*(c.to_pylist() for c in columns), strict=True):
            self._put(dict(zip(self._headers, cells, strict=True)))

    def _put(self, record: dict[str, str | None]) -> None:
        self._file.write(("\n" if self._first else ",\n") + json.dumps(record, ensure_ascii=False))
        self._first = False

    def close(self) -> None:
        self._file.write("\n]\n")
        self._file.close()


class XlsxWriter:
    """A workbook of one sheet."""

    def __init__(self, path: Path, dates: frozenset[int], numbers: frozenset[int]) -> None:
        import xlsxwriter

        self._book: Any = xlsxwriter.Workbook(
            str(path), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._book.set_properties({"created": _CREATED, "author": "样例"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._sheet, self._row = self._book.add_worksheet("Sheet1"), 0
        self._dates, self._numbers = dates, numbers

    def line(self, cells: Line) -> None:
        for column, text in enumerate(cells):
            if text:
                self._sheet.write_string(self._row, column, text)
        self._row += 1

    def block(self, columns: list[pa.StringArray]) -> None:
        sheet = self._sheet
        for row, cells in enumerate(zip(*(c.to_pylist() for c in columns), strict=True), self._row):
            for column, text in enumerate(cells):
                if text is None or text == "":
                    continue
                if column in self._dates and _ISO.fullmatch(text):
                    try:
                        sheet.write_datetime(row, column, date.fromisoformat(text), self._day)
                        continue
                    except ValueError:
                        pass
                if column in self._numbers and _NUMBER.fullmatch(text):
                    sheet.write_number(row, column, float(text))
                else:
                    sheet.write_string(row, column, text)
        self._row += len(columns[0])

    def close(self) -> None:
        self._book.close()


class XlsWriter:
    """A workbook of the old kind, where its library is installed."""

    def __init__(self, path: Path) -> None:
        try:
            import xlwt
        except ImportError as error:
            raise UserError(
                "没有安装写 XLS 文件的组件 xlwt", remedy="安装开发依赖，或改用 csv、xlsx、json"
            ) from error
        self._book: Any = xlwt.Workbook(encoding="utf-8")
        self._sheet, self._row, self._path = self._book.add_sheet("Sheet1"), 0, path

    def line(self, cells: Line) -> None:
        for column, text in enumerate(cells):
            if text:
                self._sheet.write(self._row, column, text)
        self._row += 1

    def block(self, columns: list[pa.StringArray]) -> None:
        for cells in zip(*(c.to_pylist() for c in columns), strict=True):
            self.line(cells)

    def close(self) -> None:
        self._book.save(str(self._path))
