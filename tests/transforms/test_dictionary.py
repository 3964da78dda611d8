"""Catalog, lake and dictionary say the same of every table and column, in Chinese."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from catalog.loader import ROOT, Catalog, load_catalog
from catalog.model import Item
from transforms.assess import ensure_marts
from transforms.dictionary import dictionary_tables, write_dictionary
from transforms.integrate import integrate
from transforms.template import write_template
from warehouse.home import Home, Resources
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

CATALOG = load_catalog()
Shape = dict[str, tuple[str | None, str | None]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    with Lake(Home(tmp_path_factory.mktemp("home")), resources=Resources(1, "1GiB")) as opened:
        integrate(opened, CATALOG)
        ensure_marts(opened)
        yield opened


def in_lake(lake: Lake) -> Shape:
    """Table -> (None, comment), table.column -> (type, comment); a view's columns cannot bear comments."""
    tables = lake.execute(
        "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables() WHERE database_name = 'lake'"
    ).fetchall()
    columns = lake.execute(
        "SELECT schema_name || '.' || table_name || '.' || column_name, data_type, c.comment FROM duckdb_columns() c"
        " SEMI JOIN duckdb_tables() t USING (database_name, schema_name, table_name) WHERE database_name = 'lake'"
    ).fetchall()
    return {name: (None, text) for name, text in tables} | {
        name: (kind, text) for name, kind, text in columns
    }


def stated(catalog: Catalog) -> Shape:
    found: Shape = {}
    for table in dictionary_tables(catalog):
        found[f"{table.schema}.{table.name}"] = (None, table.comment)
        for name, kind, comment in table.columns:
            found[f"{table.schema}.{table.name}.{name}"] = (kind, comment)
    return found


def test_lake_and_dictionary_agree_on_every_table_and_column(lake):
    assert in_lake(lake) == stated(CATALOG)


def test_every_comment_is_chinese(lake):
    found = in_lake(lake)
    assert len(found) > 600
    assert {
        name for name, (_, text) in found.items() if not re.search("[\u4e00-\u9fff]", text or "")
    } == set()


def test_views_have_comments(lake):
    views = lake.execute(
        "SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal"
    ).fetchall()
    assert views
    assert all(comment for _, comment in views)


class Page(HTMLParser):
    """What the page says: comments by table and column, ids, links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.comments: dict[str, str | None] = {}
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.outside: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("data-column") or found.get("data-table")
        if name:
            assert name not in self.comments
            self.comments[name] = found["data-comment"]
        if found.get("id"):
            self.ids.append(found["id"] or "")
        for key in ("href", "src"):
            link = found.get(key) or ""
            (self.links if link.startswith("#") else self.outside).add(link)


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    return write_dictionary(CATALOG, tmp_path_factory.mktemp("dictionary") / "new").read_text(
        encoding="utf-8"
    )


def test_the_page_states_every_table_and_column(text):
    assert Page(text).comments == {name: comment for name, (_, comment) in stated(CATALOG).items()}


def test_the_page_is_self_contained_and_its_links_lead_somewhere(text):
    page = Page(text)
    assert page.outside <= {""}
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_tells_what_an_item_is(text):
    article = text.split('<article id="item-judgment_debtor_persons"')[1].split("</article>")[0]
    item = CATALOG.item("judgment_debtor_persons")
    for field in item.fields:
        assert field.title in article
        assert all(header in article for header in field.headers)
    for words in (
        item.legal_basis[0].document,
        item.owner.provider,
        item.retention,
        "全部未履行",
        "授权查询",
    ):
        assert words in article
    assert not re.search(r"\b[1-9]\d{16}[\dX]\b", article)  # no number of a person, not even a made-up one


def test_same_catalog_same_bytes(text, tmp_path):
    assert write_dictionary(CATALOG, tmp_path).read_text(encoding="utf-8") == text


def test_a_new_wording_reaches_tables_that_exist(tmp_path: Path):
    item = CATALOG.item("lawyers")
    few = Catalog({item.id: item}, CATALOG.lists, {}, CATALOG.departments, CATALOG.divisions)
    fields = tuple(
        f.model_copy(update={"title": "执业证书号"}) if f.name == item.key[0] else f for f in item.fields
    )
    changed = item.model_copy(update={"fields": fields, "title": "律师信息"})
    later = Catalog({item.id: changed}, CATALOG.lists, {}, CATALOG.departments, CATALOG.divisions)
    with Lake(Home(tmp_path), resources=Resources(1, "1GiB")) as lake:
        ensure_schema(lake, few)
        with lake.transaction() as tx:  # an older release's wording, and a comment lost
            tx.execute("COMMENT ON COLUMN ops.batch.period IS 'old'")
            tx.execute("COMMENT ON COLUMN ref.code.list IS NULL")
        ensure_schema(lake, later)
        found = in_lake(lake)
        snapshot = lake.snapshot_id()
        ensure_schema(lake, later)
        assert lake.snapshot_id() == snapshot
    assert found[f"rec.lawyers.{item.key[0]}"][1].startswith("执业证书号（")
    assert found["rec.lawyers"][1].startswith("律师信息：")
    assert found["ops.batch.period"][1] == "期次（YYYY-MM）"
    assert found["ref.code.list"][1] == "代码表标识"


def test_a_change_of_our_own_words_reaches_them_too(tmp_path: Path, monkeypatch):
    with Lake(Home(tmp_path), resources=Resources(1, "1GiB")) as lake:
        ensure_schema(lake, CATALOG)
        monkeypatch.setattr("warehouse.schema._code_version", lambda: "later")
        monkeypatch.setattr("warehouse.schema.item_comment", lambda item: f"{item.title}：改过的话")
        ensure_schema(lake, CATALOG)
        assert in_lake(lake)["rec.lawyers"] == (None, f"{CATALOG.items['lawyers'].title}：改过的话")


def test_a_new_item_has_its_entry_and_its_template(tmp_path: Path):
    text = (ROOT.parent / "docs" / "catalog.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, re.S)
    item = Item.model_validate(yaml.load(example[1], Loader=yaml.BaseLoader))
    more = Catalog(
        {**CATALOG.items, item.id: item},
        CATALOG.lists,
        CATALOG.libraries,
        CATALOG.departments,
        CATALOG.divisions,
    )
    page = write_dictionary(more, tmp_path).read_text(encoding="utf-8")
    assert f'<article id="item-{item.id}"' in page
    assert f"rec.{item.id}.licence_no" in Page(page).comments
    assert write_template(item, more, tmp_path / "t.xlsx").stat().st_size > 5000
