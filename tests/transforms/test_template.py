"""A template filled in by another library is read back by `stage` with nothing to say about it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import openpyxl
import pytest

from catalog.describe import ROLES, SUBJECT_KINDS, bounds_text, required_text
from catalog.errors import UserError
from catalog.examples import example_rows, examples
from catalog.headers import delivered_fields
from catalog.loader import load_catalog
from catalog.model import Item, SubjectKind
from catalog.types import TYPES, Use
from transforms.stage.batch import stage_delivery
from transforms.template import CODES, EXPLANATION, offered, rule_messages, write_template
from warehouse.batch import Delivery, StagedBatch, digest
from warehouse.home import Home
from warehouse.lake import connect

CATALOG = load_catalog()
ITEMS = [pytest.param(item, id=item.id) for item in CATALOG.items.values()]
ROWS = 20


def filled(item: Item, folder: Path, rows: list[dict[str, str | None]]) -> Path:
    """The template with these rows, dates and codes as text, amounts and counts as numbers."""
    path = write_template(item, CATALOG, folder / "template.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for number, row in enumerate(rows, 2):
        for field in delivered_fields(item, None):
            text = row[field.name]
            numeric = TYPES[field.type].storage.startswith(("BIGINT", "DECIMAL"))
            if text is not None:
                value = float(text) if numeric and text.replace(".", "").isdigit() else text
                sheet.cell(number, columns[field.title], value)
    book.save(path)
    return path


def staged(item: Item, path: Path, folder: Path) -> StagedBatch:
    delivery = Delivery(
        item_id=item.id,
        period="2019-12",
        delivery="x",
        division=None,
        department=item.department,
        source_file=path.name,
        path=str(path),
        sha256=digest(path),
        size=path.stat().st_size,
        received_at="2020-01-05T08:00:00",
    )
    return stage_delivery(delivery, CATALOG, Home(folder / "home"), folder / "staged")


def found(folder: Path, name: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{folder}/staged/{name}.parquet'").fetchall()


@pytest.mark.parametrize("item", ITEMS)
def test_a_filled_template_is_read_back_without_a_single_issue(item, tmp_path):
    # An amount in dollars is told to its provider, rightly: it is not what a template's column asks for.
    rows = [row for row in example_rows(CATALOG, item, ROWS + 10) if not foreign(item, row)][:ROWS]
    batch = staged(item, filled(item, tmp_path, rows), tmp_path)
    assert found(tmp_path, "quarantine") == []
    assert found(tmp_path, "issue") == []
    assert (batch.format, batch.counts.read, batch.counts.valid) == ("standard", ROWS, ROWS)


def foreign(item: Item, row: dict[str, str | None]) -> bool:
    readers = {f.same_column_as for f in item.fields if f.same_column_as}
    return any(not (row[name] or "0").replace(".", "").isdigit() for name in readers)


@pytest.mark.parametrize("item", ITEMS)
def test_what_may_be_chosen_means_what_it_says(item):
    with connect() as connection:
        for field in item.fields:
            codes = CATALOG.code_list(field)
            if codes is None or field.same_column_as:
                continue
            plain = TYPES[field.type].plain("t", Use(field, codes))
            for code, spelling in zip(codes.codes, offered(codes), strict=True):
                assert connection.execute(f"SELECT {plain} FROM (SELECT ? AS t)", [spelling]).fetchone() == (
                    code.code,
                )


def test_every_heading_has_its_note_and_every_list_its_drop_down(tmp_path):
    item = CATALOG.item("enterprise_registration")
    book = openpyxl.load_workbook(write_template(item, CATALOG, tmp_path / "a" / "t.xlsx"))
    data = book.worksheets[0]
    fields = delivered_fields(item, None)
    assert [cell.value for cell in data[1]] == [f.title for f in fields]
    assert all(cell.comment and "例：" in cell.comment.text for cell in data[1])
    assert data.max_row == 1
    lists = {
        next(iter(v.sqref.ranges)).min_col: v
        for v in data.data_validations.dataValidation
        if v.type == "list"
    }
    assert set(lists) == {i for i, f in enumerate(fields, 1) if f.list}
    column = 1 + next(i for i, f in enumerate(fields) if f.name == "status")
    first, last = (int(part.split("$")[-1]) for part in lists[column].formula1.split(":"))
    choices = [book[CODES].cell(row, 2).value for row in range(first, last + 1)]
    assert choices == offered(CATALOG.lists["registration_status"])
    assert book.sheetnames[1:] == [EXPLANATION, CODES]


def test_only_amounts_and_counts_are_not_text(tmp_path):
    item = CATALOG.item("enterprise_registration")
    book = openpyxl.load_workbook(write_template(item, CATALOG, tmp_path / "t.xlsx"))
    dimensions = book.worksheets[0].column_dimensions
    formats = {}
    for number, field in enumerate(delivered_fields(item, None), 1):
        letter = openpyxl.utils.get_column_letter(number)
        group = (
            next(d for d in dimensions.values() if d.min <= number <= d.max)
            if letter not in dimensions
            else dimensions[letter]
        )
        formats[field.type] = group.number_format
    assert {kind for kind, form in formats.items() if form != "@"} == {"amount"}


def test_an_empty_template_is_refused_as_empty(tmp_path):
    item = CATALOG.item("blacklist")
    with pytest.raises(UserError, match="只有表头"):
        staged(item, write_template(item, CATALOG, tmp_path / "t.xlsx"), tmp_path)


def test_one_row_weighs_more_than_the_explanation(tmp_path):
    item = CATALOG.item("admin_penalties")
    batch = staged(item, filled(item, tmp_path, example_rows(CATALOG, item, 1)), tmp_path)
    assert (batch.counts.read, batch.counts.valid) == (1, 1)


def test_a_data_sheet_may_be_called_an_explanation_where_it_is_the_only_table(tmp_path):
    item = CATALOG.item("blacklist")
    path = filled(item, tmp_path, example_rows(CATALOG, item, 3))
    book = openpyxl.load_workbook(path)
    book.worksheets[0].title = "情况说明"
    for name in (EXPLANATION, CODES):
        del book[name]
    book.create_sheet("Sheet2").append(["附注"])
    book.save(path)
    assert staged(item, path, tmp_path).counts.read == 3


@pytest.mark.parametrize("item", ITEMS)
def test_same_catalog_same_bytes(item, tmp_path):
    a, b = (write_template(item, CATALOG, tmp_path / f"{n}.xlsx").read_bytes() for n in "ab")
    assert hashlib.sha256(a).digest() == hashlib.sha256(b).digest()


@pytest.mark.parametrize("item", ITEMS)
def test_every_column_has_an_example_and_none_shows_a_person(item):
    shown = examples(CATALOG, item)
    for field in delivered_fields(item, None):
        assert shown[field.name]
        assert not TYPES[field.type].private or "***" in shown[field.name]


def test_words():
    item = CATALOG.item("admin_penalties")
    assert required_text(item.field("counterparty"), item, CATALOG) == "必填"
    assert required_text(item.field("fine"), item, CATALOG) == "“处罚类别”含罚款时必填"
    assert (
        required_text(item.field("legal_rep_document_no"), item, CATALOG) == "“法定代表人证件类型”已填时必填"
    )
    assert required_text(item.field("uscc"), item, CATALOG).startswith(
        "“行政相对人类别”为法人及非法人组织、个体工商户时必填；与“"
    )
    assert required_text(item.field("uscc"), item, CATALOG).endswith("等8项至少填一项")
    assert bounds_text(item.field("fine")) == "不大于1,000,000万元"
    assert bounds_text(item.field("decided_on")) == "不早于1980-01-01"
    assert required_text(item.field("remark"), item, CATALOG) == "选填"
    assert "“处罚有效期”早于“处罚决定日期”（退回）" in rule_messages(item, CATALOG)
    assert SUBJECT_KINDS.keys() == set(SubjectKind.__args__)
    assert ROLES.keys() >= {i.provision.role for i in CATALOG.items.values()}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_type_says_how_it_is_written(kind):
    assert kind.hint
