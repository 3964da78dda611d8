"""Return lists (退回清单): for each provider a workbook of its faulty rows, so that it can find and mend each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from catalog.bulletin import load_wording
from catalog.divisions import CITY
from catalog.loader import Catalog
from catalog.period import Period
from catalog.personal import redact
from transforms.excel import new_workbook, print_across
from transforms.report.figures import shown_value
from transforms.report.words import issue_date
from transforms.report.workbook import LINE, lines_needed
from warehouse.lake import Lake

_COLUMNS = (
    ("目录", 18), ("文件", 26), ("工作表", 10), ("行号", 7), ("数据项", 14), ("原值", 18), ("规则", 14), ("问题与处理办法", 36), ("核实情况", 12),
)  # fmt: skip
_NUMBER = 3
"""The column that holds a number."""
_HEAD = 3
"""Lines above the first row: caption, note, titles."""
_MOST = 1_000_000
"""Lines of one sheet, above which another begins; Excel ends at 1,048,576."""
_TALLEST = 409
"""Points that a row may be high in Excel."""


def write_return_lists(lake: Lake, catalog: Catalog, period: Period, out: Path) -> list[Path]:
    """Write `退回清单-<期次>-<区划>-<部门>.xlsx` for every provider with questioned rows; their paths, in that order.

    Numbers of persons were masked when the row was put aside, names are masked here; every cell of text is text, so that
    what begins with = + - @ is no formula.
    """
    out.mkdir(parents=True, exist_ok=True)
    providers = lake.rows(
        f"""
        SELECT DISTINCT coalesce(b.division, '{CITY}') AS division, coalesce(b.department, 'unknown') AS department
        FROM ops.quarantine AS q JOIN ops.batch AS b USING (batch_id)
        WHERE q.period = ? AND q.level = 'quarantine' ORDER BY ALL
        """,
        [str(period)],
    )
    return [_one(lake, catalog, period, out, **provider) for provider in providers]


def _one(lake: Lake, catalog: Catalog, period: Period, out: Path, *, division: str, department: str) -> Path:
    known = catalog.departments.get(department)
    where, name = catalog.divisions.name(division, period.last_day), known.name if known else department
    who = name if division == CITY and not name.startswith("市") else where + name.removeprefix("市")
    path = out / f"退回清单-{period}-{division}-{department}.xlsx"
    cursor = lake.execute(
        f"""
        SELECT q.item_id, b.source_file, q.sheet, coalesce(q.sheet_row, q.row_number), q.field, {shown_value(catalog)} AS value, q.rule, q.message
        FROM ops.quarantine AS q JOIN ops.batch AS b USING (batch_id)
        WHERE q.period = $period AND q.level = 'quarantine'
            AND coalesce(b.division, '{CITY}') = $division AND coalesce(b.department, 'unknown') = $department
        ORDER BY q.item_id, b.source_file, q.batch_id, q.row_number
        """,
        {"period": str(period), "division": division, "department": department},
    )
    titles = {i.id: i.title for i in catalog.items.values()}
    fields = {(i.id, f.name): f.title for i in catalog.items.values() for f in i.kept_fields}
    day = issue_date(period, load_wording())
    with new_workbook(path, constant_memory=True) as book:
        book.set_properties(
            {"title": f"{who}{period}退回清单", "created": datetime(day.year, day.month, day.day, tzinfo=UTC)}
        )
        caption = f"{who}　{period.year}年{period.month}月退回的疑问数据"
        sheet = _sheet(book, caption)
        cell = book.add_format(
            {"font_name": "宋体", "font_size": 11, "border": 1, "text_wrap": True, "valign": "top"}
        )
        line = _HEAD
        while rows := cursor.fetchmany(10_000):
            for item_id, file, table, number, field, value, rule, message in rows:
                if line == _MOST:
                    _finish(sheet, line)
                    sheet, line = _sheet(book, caption), _HEAD
                texts = (
                    titles.get(item_id, item_id), file, table, None, fields.get((item_id, field), field or "整行"),
                    redact(value) if value else "", rule, message, "",
                )  # fmt: skip
                needed = (lines_needed(str(t or ""), w) for t, (_, w) in zip(texts, _COLUMNS, strict=True))
                sheet.set_row(line, min(LINE * max(needed), _TALLEST))
                for column, text in enumerate(texts):
                    if column == _NUMBER:
                        sheet.write_number(line, column, number, cell)
                    else:
                        sheet.write_string(line, column, str(text or "")[:32767], cell)
                line += 1
        _finish(sheet, line)
    return path


def _finish(sheet: Any, lines: int) -> None:
    sheet.print_area(0, 0, lines - 1, len(_COLUMNS) - 1)
    sheet.autofilter(_HEAD - 1, 0, lines - 1, len(_COLUMNS) - 1)


def _sheet(book: xlsxwriter.Workbook, caption: str) -> Any:
    number = len(book.worksheets()) + 1
    sheet = book.add_worksheet("退回清单" if number == 1 else f"退回清单{number}")
    for column, (_, width) in enumerate(_COLUMNS):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, caption, book.add_format({"font_name": "黑体", "font_size": 16}))
    note = "行号为原文件（有几张表的，为该表）中的行号，含标题行；个人信息已遮盖。请逐条核实，改正后随下期报送；认为无误的，写明理由退回。"
    sheet.write_string(1, 0, note, book.add_format({"font_name": "宋体", "font_size": 10}))
    head = book.add_format(
        {"bold": True, "bg_color": "#DCE6F1", "border": 1, "align": "center", "font_name": "黑体"}
    )
    for column, (title, _) in enumerate(_COLUMNS):
        sheet.write_string(_HEAD - 1, column, title, head)
    sheet.freeze_panes(_HEAD, 3)
    sheet.repeat_rows(_HEAD - 1)
    print_across(sheet)
    return sheet
