"""Workbooks (XLSX, XLSB, XLS, ODS) to raw.parquet, through python-calamine."""

from __future__ import annotations

import datetime as dt
import io
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import python_calamine

from catalog.errors import UserError
from transforms.stage import mojibake
from transforms.stage.extent import survey
from transforms.stage.rawfile import (
    PREAMBLE,
    RawTable,
    RowWriter,
    cell_number,
    check_width,
    csv_to_parquet,
    scratch,
)

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

XLS_ROWS = 65_536
XLSX_ROWS = 1_048_576

_HEAD = 20
_EXPLAINS = re.compile("(说明|代码表|字典)$")
"""Names of sheets that go with a template: their tables may be longer than the data, yet are none."""

Row = list[str | None]


@dataclass(frozen=True)
class _Sheet:
    name: str
    rows: list[Row]

    @property
    def weight(self) -> int:
        """Number of table-like rows; explanations have one or two cells in a row."""
        return sum(sum(cell is not None for cell in row) >= 3 for row in self.rows)

    def filled(self) -> bool:
        return any(cell is not None for row in self.rows for cell in row)


def read_workbook(source: Path, target: Path, connection: duckdb.DuckDBPyConnection, kind: str) -> RawTable:
    """Write the main sheet, and the visible sheets of the same header as raw.parquet; see `read_raw`.

    Raises:
        UserError: damaged or protected workbook, no data, mojibake.
    """
    try:
        if kind in ("xlsx", "ods"):
            hidden = survey(source, kind)
        else:
            hidden = []
            _try_out(source)
        with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.read_bytes())) as book:
            sheets, notes = _visible_sheets(book, kind)
        notes.extend(hidden)
    except python_calamine.PasswordError as error:
        raise protected(source) from error
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(source, str(error)) from error
    except BaseException as error:
        # The reader's own way to fail at bytes it did not expect is no `Exception`, and cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(source, "内部结构有误") from error
    if not sheets:
        raise UserError(
            "工作簿中没有数据", where=source.name, remedy="请核对后重新报送；确无数据的请作零报告"
        )
    chains = _chains(sheets, kind)
    chosen = max(chains, key=_as_data)  # the first of equals
    main = chosen[0][0]
    mojibake.refuse((" ".join(cell or "" for cell in row) for row in main.rows[:_HEAD]), source.name)
    parts = list(chosen)
    for chain in chains:
        if chain is not chosen:
            sheet = chain[0][0]
            start = _same_header(main.rows, sheet.rows)
            if start is None:
                lost = sum(len(part.rows) for part, _ in chain)
                notes.append(f"工作表“{sheet.name}”表头与“{main.name}”不同，未读取（{lost}行）")
            else:
                parts += [(sheet, start), *chain[1:]]
    for sheet in (chain[-1][0] for chain in chains):
        if kind == "xls" and len(sheet.rows) == XLS_ROWS:
            notes.append(
                f"工作表“{sheet.name}”正好{XLS_ROWS}行，已到 XLS 格式上限，数据可能被截断，请改报 XLSX"
            )
    columns = max(len(row) for sheet, _ in parts for row in sheet.rows)
    check_width(columns, source.name)
    with scratch(target) as folder:
        plain = folder / "sheets.csv"
        with plain.open("w", encoding="utf-8", newline="") as stream:
            writer = RowWriter(stream, columns)
            for sheet, start in parts:
                for number, row in enumerate(sheet.rows):
                    writer.row(row, malformed=PREAMBLE if number < start else None, sheet=sheet.name)
        rows = csv_to_parquet(plain, target, connection, columns)
    return RawTable(
        path=target,
        columns=columns,
        rows=rows,
        format=kind,
        notes=tuple(notes),
    )


_Chain = list[tuple[_Sheet, int]]
"""A sheet and those that go on where it was full: each with the number of its rows before the data's header, or 0."""


def _chains(sheets: list[_Sheet], kind: str) -> list[_Chain]:
    """A sheet that is full goes on in the next, with its header again or without."""
    most = XLS_ROWS if kind == "xls" else XLSX_ROWS
    found: list[_Chain] = []
    for sheet in sheets:
        if found and len(found[-1][-1][0].rows) == most:
            head = found[-1][0][0].rows
            start = _same_header(head, sheet.rows)
            if start is not None or _goes_on(head, sheet):
                found[-1].append((sheet, start or 0))
                continue
        found.append([(sheet, 0)])
    return found


def _goes_on(head: list[Row], sheet: _Sheet) -> bool:
    """Whether a sheet's first row is as wide as the table that it may continue, and no explanation of it."""
    width = max(len(_trimmed(row)) for row in head[:_HEAD])
    first = _trimmed(sheet.rows[0])
    filled = sum(cell is not None for cell in first)
    return len(first) <= width < 2 * filled and not _EXPLAINS.search(sheet.name.strip())


def _as_data(chain: _Chain) -> tuple[bool, int]:
    """How much sheets look like the data: an explanation only where no other has a table at all."""
    weight = sum(sheet.weight for sheet, _ in chain)
    return weight > 0 and not _EXPLAINS.search(chain[0][0].name.strip()), weight


_TRIAL = """
import resource, sys
memory, seconds = int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from python_calamine import CalamineError, CalamineWorkbook
try:
    with CalamineWorkbook.from_path(sys.argv[1]) as book:
        for name in book.sheet_names:
            for row in book.get_sheet_by_name(name).iter_rows():
                pass
except (CalamineError, OSError, ValueError):
    pass
"""


def _try_out(source: Path) -> None:
    """Open a binary workbook in a process of its own first: damaged ones make the reader run on for ever, or end the process.

    Raises:
        UserError: it takes more time or memory than a workbook of its size can need.
    """
    size = source.stat().st_size
    limits = (str((1 << 30) + 16 * size), str(5 + (size >> 20)))
    done = subprocess.run(
        [sys.executable, "-c", _TRIAL, str(source), *limits],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise _damaged(source, "内部结构有误")


def _damaged(source: Path, why: str) -> UserError:
    return UserError(
        f"工作簿已损坏，无法打开（{why}）",
        where=source.name,
        remedy="请用 Excel 或 WPS 打开后另存为 XLSX，重新报送",
    )


def protected(source: Path) -> UserError:
    """Give the error for a workbook that needs a password."""
    return UserError("工作簿设有打开密码", where=source.name, remedy="请取消密码后另存，重新报送")


def _visible_sheets(book: python_calamine.CalamineWorkbook, kind: str) -> tuple[list[_Sheet], list[str]]:
    sheets: list[_Sheet] = []
    notes: list[str] = []
    for meta in book.sheets_metadata:
        if meta.typ != python_calamine.SheetTypeEnum.WorkSheet:
            continue
        rows = _rows(book.get_sheet_by_name(meta.name))
        sheet = _Sheet(meta.name, rows)
        if not sheet.filled():
            continue
        if meta.visible != python_calamine.SheetVisibleEnum.Visible:
            notes.append(f"隐藏的工作表“{meta.name}”未读取（{len(rows)}行）")
            continue
        sheets.append(sheet)
    return sheets, notes


def _rows(sheet: python_calamine.CalamineSheet) -> list[Row]:
    """Give the sheet's rows from row 1 and column A on, as text, with vertically merged cells filled down."""
    if sheet.start is None:
        return []
    left: Row = [None] * sheet.start[1]
    rows = [left + [cell_text(value) for value in row] for row in sheet.iter_rows()]
    for (top, column), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top and top < len(rows):
            # Calamine ends the rows at the last cell with a value, a merged range may go on below.
            rows.extend([None] * len(rows[0]) for _ in range(min(bottom, top + XLS_ROWS) + 1 - len(rows)))
            for number in range(top + 1, bottom + 1):
                if column < len(rows[number]) and rows[number][column] is None:
                    rows[number][column] = rows[top][column]
    return rows


def cell_text(value: object) -> str | None:
    """Give a cell's value as text: ISO dates, whole numbers without ".0", lost digits as 1.3E+17."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return cell_number(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return str(value)


def _same_header(main: list[Row], other: list[Row]) -> int | None:
    """Give the index of the row of the other sheet that equals the main sheet's header."""
    width = max(len(row) for row in main[:_HEAD])
    wide = (
        _trimmed(row) for row in main[:_HEAD] if 2 * sum(cell is not None for cell in row) >= max(width, 2)
    )
    header = next(wide, None)
    found = (number for number, row in enumerate(other[:_HEAD]) if header and _trimmed(row) == header)
    return next(found, None)


def _trimmed(row: Row) -> tuple[str | None, ...]:
    cells = [cell.strip() if cell else None for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)
