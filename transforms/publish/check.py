"""The authorised look-up (信用核查): a list of codes in, a workbook of what is shown about each out, and a line in the log."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from catalog.describe import category_title
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import Field, Item
from catalog.types import TYPES
from catalog.types.base_sql import quote
from transforms.excel import new_workbook
from transforms.publish.state import LINKED, SUBJECT_KEY, current_rows, hide, numbers
from warehouse.lake import Lake
from warehouse.lookups import Entry, Lookup, append, next_number

MOST_CODES = 10_000
LONGEST = 64
_CELL_DIGITS = 15
"""Digits that a number cell of a spreadsheet keeps."""
_TOLD = 12
"""Fields of a record that its summary tells at most."""
_HEADERS = frozenset({
    "统一社会信用代码", "社会信用代码", "信用代码", "代码", "证件号码", "身份证号", "身份证号码", "公民身份号码", "主体代码", "uscc", "code",
})  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """The workbook, its line in the log, how many codes were asked for and how many were hit."""

    path: Path
    entry: Entry
    codes: int
    hits: int


def read_codes(file: Path) -> list[tuple[int, str]]:
    """Row number and text of every code in an XLSX, XLS or CSV file: the column headed as codes are, else the first.

    Raises `UserError`, without quoting a value, for a file that cannot be read or is no such list.
    """
    if not file.is_file():
        raise UserError("文件不存在", where=file.name, remedy="核对路径")
    rows = _sheet(file) if file.suffix.lower() in (".xlsx", ".xls", ".xlsm", ".ods") else _csv(file)
    column, start = 0, 0
    if rows:
        heads = [cell.strip().lower() for cell in rows[0]]
        found = [i for i, head in enumerate(heads) if head in _HEADERS]
        if len(found) > 1:
            named = "、".join(rows[0][i].strip() for i in found)
            raise UserError(
                f"有几列代码（{named}），不知查哪一列", where=file.name, remedy="只留一列，或分成几个文件"
            )
        if found:
            column, start = found[0], 1
    codes = [
        (number, row[column].strip())
        for number, row in enumerate(rows[start:], start + 1)
        if len(row) > column and row[column].strip()
    ]
    if not codes:
        raise UserError(
            "没有找到代码", where=file.name, remedy="第一列写代码，或写表头“统一社会信用代码”“证件号码”"
        )
    if len(codes) > MOST_CODES:
        raise UserError(f"一次最多核查 {MOST_CODES:,} 个代码", where=file.name, remedy="分成几个文件")
    for number, text in codes:
        if len(text) > LONGEST:
            raise UserError("不像代码：过长", where=f"{file.name} 第{number}行", remedy="核对是否选对了列")
    return codes


def _sheet(file: Path) -> list[list[str]]:
    try:
        book = CalamineWorkbook.from_path(file)
        found = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as error:
        raise UserError("不是能读的电子表格", where=file.name, remedy="另存为 XLSX 后再试") from error
    return [[_text(cell) for cell in row] for row in found]


def _text(cell: object) -> str:
    # A number cell has lost digits beyond fifteen: as 1.3E+17 it is no code, while with zeros for what is lost one in
    # eleven would have the check digit of somebody's number.
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 10**_CELL_DIGITS:
        return str(int(cell))
    return str(cell)


def _csv(file: Path) -> list[list[str]]:
    raw = file.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return list(csv.reader(raw.decode(encoding).splitlines()))
        except (UnicodeDecodeError, csv.Error):
            continue
    raise UserError("文件编码不识别", where=file.name, remedy="另存为 UTF-8 的 CSV，或 XLSX")


def check(
    lake: Lake, catalog: Catalog, file: Path, to: Path, *, by: str, purpose: str, as_of: date
) -> Checked:
    """Look up every code of `file`, write the workbook to `to`, log the use. Nothing is handed out unless the log has it.

    Shown: records of public and government-shared items in publication on `as_of`. A record under objection is counted,
    and is no hit. Items that need the subject's own authorisation are not looked up. Raises `UserError`.
    """
    for name, value in (("--by", by), ("--purpose", purpose)):
        if len(value.strip()) < 2:
            raise UserError("没有写明查询人或用途", where=name, remedy="写明单位和经办人、办理的事项")
    if to.suffix.lower() != ".xlsx":
        raise UserError("核查结果只能写成 XLSX", where=str(to), remedy="文件名以 .xlsx 结尾")
    codes = read_codes(file)
    with lake.at(lake.snapshot_id()) as frozen:
        hide(frozen, catalog, as_of)
        _resolve(frozen, codes)
        # Objections and repairs are about records; they are no credit information of their own.
        items = [item for item in catalog.shown if item.process is None]
        details = list(_details(frozen, catalog, items))
        results = _results(frozen, details)
        subjects = [
            k
            for (k,) in frozen.execute(
                "SELECT DISTINCT subject_key FROM xt_asked WHERE subject_key IS NOT NULL ORDER BY 1"
            ).fetchall()
        ]
        snapshot = frozen.snapshot_id()
        taken = frozen.scalar(
            "SELECT date_trunc('second', snapshot_time::TIMESTAMP)::VARCHAR FROM ducklake_snapshots('lake') WHERE snapshot_id = ?",
            [snapshot],
        )
    hits = sum(1 for row in results if row["hit"])
    notes = {
        "查询人": by.strip(), "用途": purpose.strip(), "公示状态截至": str(as_of), "数据截至（快照时间，UTC）": str(taken),
        "快照": str(snapshot), "核查流水号": str(next_number(lake.home)), "代码数": str(len(results)), "命中数": str(hits),
        "范围": "社会公开与政务共享的目录；须本人授权查询的不在其内。公示期满、已修复、已移出的不显示",
        "异议中": "异议处理中的信息只列条数，不得据以惩戒",
        "使用": "仅限所写用途；每次核查都记入不可改的流水",
    }  # fmt: skip
    temporary = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        _write(temporary, results, details, notes)
        entry = append(
            lake.home,
            Lookup(
                by=by.strip(), purpose=purpose.strip(), as_of=str(as_of), snapshot=snapshot,
                input_sha256=hashlib.sha256(file.read_bytes()).hexdigest(), codes=len(results), hits=hits,
                subjects=tuple(subjects), records=tuple((d["item_id"], str(d["record_key"])) for d in details),
                output_sha256=hashlib.sha256(temporary.read_bytes()).hexdigest(),
            ),
        )  # fmt: skip
        temporary.replace(to)
    finally:
        temporary.unlink(missing_ok=True)
    return Checked(to, entry, len(results), hits)


def _resolve(lake: Lake, codes: list[tuple[int, str]]) -> None:
    """`xt_asked(row_number, kind, shown, subject_key)`: who each code stands for; a person's number is not shown again.

    One in ten personal numbers of 15 digits has the check digit of a registration number: it stands for a person unless
    the warehouse knows a business under it, and is not shown either way.
    """
    asked = pa.table({"row_number": [n for n, _ in codes], "text": [t for _, t in codes]})
    lake.connection.register("xt_codes", asked)
    lake.execute(
        """CREATE OR REPLACE TEMP TABLE xt_asked AS
        SELECT row_number, kind, CASE WHEN xt_is_id(number) OR kind IS NULL THEN NULL ELSE code END AS shown,
            CASE kind WHEN 'uscc' THEN 'uscc:' || code WHEN 'person' THEN 'person:' || xt_pseudonym(number)
                WHEN 'org' THEN coalesce(i.subject_key, 'org:' || code) WHEN 'reg' THEN coalesce(i.subject_key, 'reg:' || code) END AS subject_key
        FROM (
            SELECT row_number, code, xt_id18(code) AS number,
                CASE WHEN xt_is_uscc(code) THEN 'uscc' WHEN xt_is_org(code) THEN 'org'
                    WHEN xt_is_reg(code) AND (NOT xt_is_id(xt_id18(code))
                        OR 'reg:' || code IN (SELECT identifier FROM core.identity UNION ALL
                            SELECT subject_key FROM core.record WHERE starts_with(subject_key, 'reg:'))) THEN 'reg'
                    WHEN xt_is_id(xt_id18(code)) THEN 'person' END AS kind
            FROM (SELECT row_number, xt_code(text) AS code FROM xt_codes))
        LEFT JOIN core.identity i ON i.identifier = kind || ':' || code"""
    )
    lake.connection.unregister("xt_codes")


def _details(lake: Lake, catalog: Catalog, items: list[Item]) -> Iterator[dict[str, Any]]:
    lake.execute(
        f"""CREATE OR REPLACE TEMP TABLE xt_met AS
        SELECT r.item_id, r.record_key, {SUBJECT_KEY} AS subject_key, h.reason
        FROM core.record r
        {LINKED}
        LEFT JOIN xt_hidden h ON h.item_id = r.item_id AND h.record_key = r.record_key
        WHERE {SUBJECT_KEY} IN (SELECT subject_key FROM xt_asked)"""
    )
    met = {
        name
        for (name,) in lake.execute("SELECT DISTINCT item_id FROM xt_met WHERE reason IS NULL").fetchall()
    }
    for item in items:
        if item.id not in met:
            continue
        adverse = item.publicity is not None and item.publicity.adverse
        number = ", ".join(f'v."{n}"' for n in numbers(item) if _open(item, item.field(n))) or "NULL"
        parts = [_told(f, catalog) for f in item.fields if _open(item, f) and _telling(f)][:_TOLD]
        rows = lake.rows(
            f"""SELECT a.row_number, m.item_id, m.record_key, {quote(item.title)} AS title, {quote(category_title(item))} AS category,
                {adverse} AS adverse, concat_ws('、', {number}) AS number, concat_ws('；', {", ".join(parts) or "NULL"}) AS told,
                r.last_period
            FROM {current_rows(item)}
            JOIN xt_met m ON m.item_id = r.item_id AND m.record_key = r.record_key AND m.reason IS NULL
            JOIN xt_asked a ON a.subject_key = m.subject_key
            ORDER BY a.row_number, number, m.record_key"""
        )
        yield from rows


def _open(item: Item, field: Field) -> bool:
    return (field.share or item.share) != "authorised" and not TYPES[field.type].private


def _telling(field: Field) -> bool:
    """Codes, dates and figures tell what a record says; running text and names are left in the warehouse."""
    return field.list is not None or TYPES[field.type].storage != "VARCHAR"


def _told(field: Field, catalog: Catalog) -> str:
    column = f'v."{field.name}"'
    listed = catalog.code_list(field)
    value = f"{column}::VARCHAR"
    if listed is not None:
        titles = ", ".join(f"{quote(c.code)}: {quote(c.title)}" for c in listed.codes)
        value = f"array_to_string(list_transform(string_split({column}, ';'), x -> coalesce(MAP {{{titles}}}[x], x)), '、')"
    return f"CASE WHEN {column} IS NOT NULL THEN {quote(field.title + '：')} || {value} || {quote(field.unit or '')} END"


def _results(lake: Lake, details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for detail in details:
        found.setdefault(detail["row_number"], []).append(detail)
    rows = lake.rows(
        """SELECT a.row_number, a.kind, a.shown, count(m.item_id) FILTER (m.reason = 'objection') AS objected,
            count(m.item_id) > 0 AS known
        FROM xt_asked a LEFT JOIN xt_met m ON m.subject_key = a.subject_key GROUP BY ALL ORDER BY a.row_number"""
    )
    for row in rows:
        mine = found.get(row["row_number"], [])
        row["shown_records"] = len(mine)
        row["adverse"] = sum(1 for d in mine if d["adverse"])
        row["hit"] = row["adverse"] > 0
    return rows


_KINDS = {"uscc": "统一社会信用代码", "org": "组织机构代码", "reg": "工商注册号", "person": "公民身份号码"}


def _write(
    path: Path, results: list[dict[str, Any]], details: list[dict[str, Any]], notes: dict[str, str]
) -> None:
    with new_workbook(path) as book:
        bold = book.add_format({"bold": True, "bg_color": "#DCE6F1", "border": 1})
        red = book.add_format({"bold": True, "font_color": "#C00000"})

        def sheet(name: str, heads: list[str], widths: list[int], rows: list[list[Any]]) -> None:
            page = book.add_worksheet(name)
            page.freeze_panes(1, 0)
            for column, (head, width) in enumerate(zip(heads, widths, strict=True)):
                page.set_column(column, column, width)
                page.write_string(0, column, head, bold)
            for line, row in enumerate(rows, 1):
                for column, value in enumerate(row):
                    if isinstance(value, int):
                        page.write_number(line, column, value)
                    else:
                        page.write_string(line, column, str(value or ""), *([red] if value == "命中" else []))

        sheet(
            "结果", ["来文行号", "代码种类", "代码", "结果", "不良信息条数", "全部信息条数", "异议中条数", "说明"],
            [10, 18, 22, 10, 14, 14, 12, 40],
            [
                [
                    r["row_number"], _KINDS.get(r["kind"] or "", "无效代码"), r["shown"] or "（不重复显示）" if r["kind"] else "",
                    "命中" if r["hit"] else "未命中" if r["kind"] else "无效", r["adverse"], r["shown_records"], r["objected"],
                    "" if r["known"] else "代码校验不通过，请核对" if not r["kind"] else "仓库中没有该主体的信息",
                ]
                for r in results
            ],
        )  # fmt: skip
        sheet(
            "明细", ["来文行号", "目录", "信息类别", "不良", "编号", "内容", "所在期次"], [10, 28, 24, 8, 36, 90, 10],
            [
                [d["row_number"], d["title"], d["category"], "是" if d["adverse"] else "", d["number"], d["told"], d["last_period"]]
                for d in details
            ],
        )  # fmt: skip
        sheet("说明", ["项", "内容"], [26, 80], [[k, v] for k, v in notes.items()])
