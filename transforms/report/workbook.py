"""The bulletin's tables as XLSX: one sheet per table and one that says how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from transforms.excel import LAST_ROW, new_workbook, print_across
from transforms.report import words
from transforms.report.figures import Figures, Row
from transforms.report.tables import Column, Table, flag_table, tables

FIRST = 4  # caption, notes' pointer, unit line, header
LINE = 15  # points, at 11 points of Song


def write_workbook(f: Figures, path: Path) -> Path:
    """Write the workbook; equal figures give equal bytes (the creation date is the bulletin's)."""
    return _write(f, path, list(tables(f).values()))


def write_review(f: Figures, path: Path) -> Path:
    """Write the review sheet: what somebody has to look at before the bulletin goes out, with room for a verdict."""
    return _write(f, path, [flag_table(f)])


def _write(f: Figures, path: Path, shown: Sequence[Table]) -> Path:
    with new_workbook(path) as book:
        day = words.issue_date(f.period, f.wording)
        book.set_properties(
            {
                "title": words.title(f),
                "author": f.wording.issuer,
                "comments": f"快照号{f.snapshot}，目录版本{f.city['catalog_version']}",
                "created": datetime(day.year, day.month, day.day, tzinfo=UTC),
            }
        )
        styles = _Styles(book)
        for table in shown:
            _sheet(book, styles, f, table)
        _notes_sheet(book, styles, f)
    return path


class _Styles:
    """The workbook's cell formats, by kind of column."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        font = {"font_name": "宋体", "font_size": 11, "valign": "vcenter"}
        cell = {**font, "border": 1, "border_color": "#BFBFBF"}
        kinds: dict[str, dict[str, Any]] = {
            "text": {"align": "left", "text_wrap": True},
            "whole": {"align": "right", "num_format": "#,##0"},
            "rate": {"align": "right", "num_format": "[=0]0.00%;[<0.0001]0.0000%;0.00%"},
            "permille": {"align": "right", "num_format": '0.00"‰"'},
            "date": {"align": "center", "num_format": "yyyy-mm-dd"},
            "points": {"align": "right", "num_format": "#,##0.00"},
            "rank": {"align": "center", "num_format": "0"},
        }
        total = {"bold": True, "bg_color": "#F2F2F2", "top": 2}
        self.cells = {kind: book.add_format(cell | extra) for kind, extra in kinds.items()}
        self.missed = {
            kind: book.add_format(cell | extra | {"font_color": "#C00000"}) for kind, extra in kinds.items()
        }
        self.totals = {kind: book.add_format(cell | extra | total) for kind, extra in kinds.items()}
        # A quota that rests on an estimate bears its star in the number format and stays a number.
        self.estimated = book.add_format(cell | kinds["whole"] | {"num_format": '#,##0"*"'})
        header = {
            "bold": True,
            "bg_color": "#DCE6F1",
            "align": "center",
            "text_wrap": True,
            "font_name": "黑体",
        }
        self.header = book.add_format(cell | header)
        self.caption = book.add_format(
            {"font_name": "黑体", "font_size": 16, "align": "left", "valign": "vcenter"}
        )
        self.small = book.add_format({**font, "font_size": 10, "font_color": "#595959"})
        self.unit = book.add_format({**font, "font_size": 10, "align": "right"})
        self.note = book.add_format({**font, "text_wrap": True, "valign": "top"})


def _sheet(book: xlsxwriter.Workbook, styles: _Styles, f: Figures, table: Table) -> None:
    sheet = book.add_worksheet(table.sheet)
    last = len(table.columns) - 1
    period = f"{f.period.year}年{f.period.month}月"
    whose = f.unit.name if f.unit else "全市"
    sheet.write_string(0, 0, f"{whose}{period}{table.caption}", styles.caption)
    sheet.set_row(0, 26)
    sheet.write_string(
        1, 0, f"快照号{f.snapshot}，目录版本{f.city['catalog_version']}；口径见“说明”", styles.small
    )
    sheet.write_string(2, last, table.unit, styles.unit)
    sheet.set_row(FIRST - 1, _height(table.columns, {c.key: c.title for c in table.columns}) + 6)
    for number, column in enumerate(table.columns):
        sheet.set_column(number, number, column.width)
        sheet.write_string(FIRST - 1, number, column.title, styles.header)
    rows = table.rows[: LAST_ROW - FIRST - 1]
    for number, row in enumerate(rows):
        is_total = number >= len(table.rows) - table.totals
        if (height := _height([c for c in table.columns if c.kind == "text"], row)) > LINE:
            sheet.set_row(FIRST + number, height)
        for position in range(len(table.columns)):
            _cell(sheet, styles, FIRST + number, position, table, row, is_total)
    end = FIRST + len(rows)
    if len(rows) < len(table.rows):
        sheet.write_string(end, 0, f"另有{len(table.rows) - len(rows)}行超出表格容量，未列出", styles.small)
    if not rows:
        sheet.write_string(end, 0, "无", styles.small)
    else:
        sheet.autofilter(FIRST - 1, 0, end - 1 - table.totals, last)
    frozen = next((n for n, c in enumerate(table.columns) if c.kind not in ("rank", "text")), 1)
    sheet.freeze_panes(FIRST, min(frozen, 2))
    sheet.print_area(0, 0, max(end - 1, FIRST), last)
    sheet.repeat_rows(FIRST - 1)
    _page(sheet, f)


def _height(columns: Sequence[Column], row: Row) -> float:
    """Points that the tallest cell needs: not every program makes a row taller for text that wraps."""
    return LINE * max((lines_needed(str(row.get(c.key) or ""), c.width) for c in columns), default=1)


def lines_needed(text: str, width: int) -> int:
    """Lines of `text` in a column of `width` digits; a Chinese character is two digits wide."""
    units = sum(2 if ord(character) > 0x2E7F or character in "“”‘’…—" else 1 for character in text)
    return max(1, -(-units // (width - 1)))


def _cell(
    sheet: Any,
    styles: _Styles,
    line: int,
    position: int,
    table: Table,
    row: Row,
    is_total: bool,
) -> None:
    column = table.columns[position]
    value = row.get(column.key)
    style = (styles.totals if is_total else styles.cells)[column.kind]
    if not is_total and table.misses(row, column):
        style = styles.missed[column.kind]
    if column.key == "quota_target" and row.get("estimated"):
        style = styles.estimated
    if value is None:
        sheet.write_blank(line, position, None, style)
    elif column.kind == "text":
        sheet.write_string(
            line, position, str(value)[:32767], style
        )  # text stays text, whatever it begins with
    elif column.kind == "date":
        sheet.write_datetime(line, position, value, style)
    elif column.kind == "permille":
        sheet.write_number(line, position, value * 1000, style)
    else:
        sheet.write_number(line, position, value, style)


def _notes_sheet(book: xlsxwriter.Workbook, styles: _Styles, f: Figures) -> None:
    sheet = book.add_worksheet("说明")
    sheet.set_column(0, 0, 100)
    sheet.write_string(0, 0, words.title(f), styles.caption)
    for number, line in enumerate(words.notes(f), 1):
        sheet.write_string(number, 0, f"{number}. {line}", styles.note)
        sheet.set_row(number, 16 * (len(line) // 46 + 1) + 4)
    sheet.print_area(0, 0, len(words.notes(f)), 0)
    _page(sheet, f)


def _page(sheet: Any, f: Figures) -> None:
    print_across(sheet, f"快照号{f.snapshot}")
    sheet.set_margins(left=0.6, right=0.6, top=0.7, bottom=0.7)
    sheet.center_horizontally()
    sheet.hide_gridlines(2)
