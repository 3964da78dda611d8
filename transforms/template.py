"""The workbook a department fills in for an item: made from the catalog alone, read back by `stage` without a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from catalog.codes import CodeList
from catalog.describe import basis_text, bounds_text, due_text, frequency_title, required_text, share_title
from catalog.examples import examples
from catalog.headers import delivered_fields
from catalog.loader import Catalog
from catalog.model import Field, Item
from catalog.period import Period
from catalog.types import TYPES
from quality.rules import Scope, row_rules
from transforms.excel import LAST_ROW, new_workbook, print_across
from transforms.extract.drop import CONVENTION
from transforms.stage.header import column_letter

EXPLANATION, CODES = "填写说明", "代码表"
_SHOWN = 12  # titles of a code list in a note; the whole list stands on its own sheet
_NUMBERS = ("BIGINT", "DECIMAL")
_MADE = datetime(2019, 10, 1, tzinfo=UTC)  # equal catalogs give equal bytes
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", ""))


@dataclass(frozen=True)
class _Entry:
    """A column of the data sheet with all that is said about it."""

    field: Field
    required: str
    codes: CodeList | None
    example: str
    readers: tuple[Field, ...]
    """Fields that have no column of their own and are read from this one."""

    @property
    def is_number(self) -> bool:
        return TYPES[self.field.type].storage.startswith(_NUMBERS)

    @property
    def hint(self) -> str:
        hints = (TYPES[field.type].hint for field in (self.field, *self.readers))
        return "；".join(filter(None, (*hints, self.field.note)))

    @property
    def limits(self) -> str:
        bounds = bounds_text(self.field)
        unit = f"单位：{self.field.unit}" if self.field.unit else ""
        return "；".join(filter(None, (unit, bounds)))


def write_template(item: Item, catalog: Catalog, path: Path) -> Path:
    """Write the item's template as XLSX: an empty data sheet, 填写说明 with an example, 代码表.

    The data sheet has the titles that the reader recognises, a note on each, drop-down lists for codes, and text cells
    for all but amounts and counts, so that no code turns into 1.3E+17. The same catalog gives the same bytes.
    """
    shown = examples(catalog, item)
    entries = [
        _Entry(
            field=f,
            required=required_text(f, item, catalog),
            codes=catalog.code_list(f),
            example=shown.get(f.name, ""),
            readers=tuple(other for other in item.fields if other.same_column_as == f.name),
        )
        for f in delivered_fields(item, None)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_workbook(path) as book:
        book.set_properties({"title": f"{item.title}报送模板", "subject": item.code, "created": _MADE})
        styles = _Styles(book)
        data = book.add_worksheet(item.title.translate(_FORBIDDEN)[:31])
        _explain(book.add_worksheet(EXPLANATION), styles, item, catalog, entries)
        lists = list({e.codes.id: e.codes for e in entries if e.codes}.values())
        ranges = _codes_sheet(book.add_worksheet(CODES), styles, lists) if lists else {}
        _data_sheet(data, styles, entries, ranges)
    return path


def offered(codes: CodeList) -> list[str]:
    """The spellings to choose from: each code's title, the code itself where its title belongs to another code too."""
    meaning = codes.spellings()
    return [c.title if meaning[c.title] == c.code else c.code for c in codes.codes]


class _Styles:
    """The workbook's cell formats."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        font = {"font_name": "宋体", "font_size": 11, "valign": "vcenter"}
        edge = {"border": 1, "border_color": "#BFBFBF"}
        head = {**font, **edge, "bold": True, "align": "center", "text_wrap": True, "font_name": "黑体"}
        self.heads = {
            "必填": book.add_format({**head, "bg_color": "#1F4E79", "font_color": "#FFFFFF"}),
            "视情形": book.add_format({**head, "bg_color": "#BDD7EE"}),
            "选填": book.add_format({**head, "bg_color": "#F2F2F2"}),
        }
        self.text = book.add_format({**font, "num_format": "@"})
        self.number = book.add_format({**font, "num_format": "General", "align": "right"})
        self.title = book.add_format({**font, "font_name": "黑体", "font_size": 16})
        self.plain = book.add_format({**font, "text_wrap": True})
        self.cell = book.add_format({**font, **edge, "text_wrap": True, "valign": "top", "num_format": "@"})
        self.head = book.add_format({**head, "bg_color": "#DCE6F1"})
        self.section = book.add_format({**font, "font_name": "黑体", "font_size": 12})

    def head_of(self, entry: _Entry) -> Any:
        """The heading's colour says whether the column must be filled."""
        return self.heads.get(entry.required, self.heads["视情形"])


def _data_sheet(sheet: Any, styles: _Styles, entries: Sequence[_Entry], ranges: dict[str, str]) -> None:
    sheet.set_row(0, 48)
    sheet.freeze_panes(1, 1)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{LAST_ROW + 1}"})
    for number, entry in enumerate(entries):
        sheet.set_column(
            number, number, _column_width(entry), styles.number if entry.is_number else styles.text
        )
        sheet.write_string(0, number, entry.field.title, styles.head_of(entry))
        note = _note(entry)
        lines = sum(1 + _width(line) // 42 for line in note.splitlines())
        sheet.write_comment(
            0,
            number,
            note,
            {
                "author": "公共信用信息目录",
                "width": 300,
                "height": 17 * lines + 14,
                "font_name": "宋体",
                "font_size": 10,
            },
        )
        validation = _validation(entry, ranges)
        if validation is not None:
            sheet.data_validation(1, number, LAST_ROW, number, validation)
    _page(sheet)


def _validation(entry: _Entry, ranges: dict[str, str]) -> dict[str, Any] | None:
    """A drop-down for a code list, a warning for what is too long; nothing that would keep a true value out."""
    field = entry.field
    if entry.codes is not None:
        strict = entry.codes.other_prefix is None and not entry.codes.separators and not entry.codes.joined
        return {
            "validate": "list",
            "source": ranges[entry.codes.id],
            "show_error": strict,
            "error_title": "不在代码表中",
            "error_message": f"请从下拉列表中选取“{entry.codes.title}”"[:255],
        }
    if field.length is not None:
        return {
            "validate": "length",
            "criteria": "<=",
            "value": field.length,
            "error_type": "warning",
            "error_title": "过长",
            "error_message": f"“{field.title}”不超过{field.length}字"[:255],
        }
    return None


def _note(entry: _Entry) -> str:
    kind = TYPES[entry.field.type]
    lines = [f"【{entry.required}】{kind.title}"]
    lines += [f"写法：{entry.hint}"] if entry.hint else []
    lines += [entry.limits] if entry.limits else []
    if entry.codes is not None:
        titles = offered(entry.codes)
        more = f"等{len(titles)}项，见“{CODES}”" if len(titles) > _SHOWN else ""
        lines.append(f"可填：{'、'.join(titles[:_SHOWN])}{more}")
    lines += [f"例：{entry.example}"] if entry.example else []
    return "\n".join(lines)


def _explain(sheet: Any, styles: _Styles, item: Item, catalog: Catalog, entries: Sequence[_Entry]) -> None:
    department = catalog.departments[item.department]
    name = f"130500_{item.department}_{item.id}_20200103_01.xlsx"
    facts = [
        f"报送单位：{item.owner.provider}（{department.full_name}）；频率：{frequency_title(item)}；期限：{due_text(item)}；共享属性：{share_title(item)}。",
        f"依据：{basis_text(item)}。",
        "在第一张工作表中逐行填写，不改动表头，不合并单元格，不加合计行；用不到的选填列可以整列删去。表头深蓝为必填，浅蓝视情形必填，灰色为选填。",
        "单元格已设为文本，粘贴时请选“只粘贴值”，以免代码、日期变形。指到表头上可看各列的说明。",
        f"文件名写成“{CONVENTION}”，例如 {name}。",
    ]
    sheet.write_string(0, 0, f"{item.title}（{item.code}）填写说明", styles.title)
    sheet.set_row(0, 28)
    columns = (
        ("列", 6),
        ("数据项", 24),
        ("是否必填", 24),
        ("含义与写法", 34),
        ("单位与限度", 20),
        ("代码表", 16),
        ("示例", 26),
    )
    last = len(columns) - 1
    for number, (_, width) in enumerate(columns):
        sheet.set_column(number, number, width)
    row = 1
    for number, fact in enumerate(facts, 1):
        row = _line(sheet, styles, row, last, f"{number}. {fact}")
    for number, (title, _) in enumerate(columns):
        sheet.write_string(row, number, title, styles.head)
    header = row
    for number, entry in enumerate(entries):
        row += 1
        kind = TYPES[entry.field.type]
        cells = (
            column_letter(number),
            entry.field.title,
            entry.required,
            "。".join(filter(None, (kind.title, entry.hint))),
            entry.limits,
            entry.codes.title if entry.codes else "",
            entry.example,
        )
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text, styles.cell)
        tallest = max(
            1 + _width(text) // (width - 1) for text, (_, width) in zip(cells, columns, strict=True)
        )
        sheet.set_row(row, 15.5 * tallest + 3)
    messages = rule_messages(item, catalog)
    if messages:
        sheet.write_string(row + 2, 0, "有下列情形的行将被退回、搁置或登记", styles.section)
        row += 3
        for number, message in enumerate(messages, 1):
            row = _line(sheet, styles, row, last, f"{number}. {message}")
    sheet.repeat_rows(header)
    _page(sheet)


def rule_messages(item: Item, catalog: Catalog) -> list[str]:
    """What the item's own row rules and one-of groups refuse, set aside or mark, in the words of the return list."""
    scope = Scope(item, None, catalog, Period.parse(item.provision.since))
    own = {rule.rule for rule in item.rules} | {"one_of"}
    found = row_rules(scope)
    ends = {"quarantine": "退回", "set_aside": "搁置，不算差错", "warn": "照收，登记问题"}
    return [
        f"{rule.message.removesuffix('，已搁置')}（{ends[rule.level]}）"
        for rule in (*found.rejecting, *found.warnings)
        if rule.rule in own
    ]


def _line(sheet: Any, styles: _Styles, row: int, last: int, text: str) -> int:
    sheet.merge_range(row, 0, row, last, text, styles.plain)
    sheet.set_row(row, 15.5 * (1 + _width(text) // 144) + 3)
    return row + 1


def _codes_sheet(sheet: Any, styles: _Styles, lists: Sequence[CodeList]) -> dict[str, str]:
    """All lists one below another; the range of each list's spellings, for the drop-downs."""
    ranges: dict[str, str] = {}
    for number, (title, width) in enumerate((("代码表", 26), ("填写的值", 44), ("代码", 26))):
        sheet.set_column(number, number, width)
        sheet.write_string(0, number, title, styles.head)
    row = 1
    for codes in lists:
        ranges[codes.id] = f"='{CODES}'!$B${row + 1}:$B${row + len(codes.codes)}"
        for entry, spelling in zip(codes.codes, offered(codes), strict=True):
            for column, text in enumerate((codes.title, spelling, entry.code)):
                sheet.write_string(row, column, text, styles.cell)
            row += 1
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, row - 1, 2)
    sheet.repeat_rows(0)
    _page(sheet)
    return ranges


def _page(sheet: Any) -> None:
    print_across(sheet)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.6)


def _column_width(entry: _Entry) -> float:
    return max(10, min(36, max(_width(entry.field.title) / 1.6, _width(entry.example)) + 3))


def _width(text: str) -> int:
    """Width in Latin characters: a Chinese one is as wide as two."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)
