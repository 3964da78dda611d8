"""A unit's own bulletin: what it owes and sent itself, whoever else shares the item and whatever its code was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.loader import Department
from catalog.model import Provision
from catalog.period import Period
from transforms.assess import assess
from transforms.report import freeze, report, words
from transforms.report.figures import read_figures
from warehouse.schema import ensure_schema

DECEMBER = Period(2019, 12)


@pytest.fixture
def shared(lake, three_items):
    """The catalog with penalties owed by everyone: 司法局 and 市场监管局 in the city, one provider in each county."""
    everyone = Department("all", "各行政机关", "各行政机关", (), True, ("sfj", "scjg"))
    penalty = three_items.items["penalty"].model_copy(
        update={
            "department": "all",
            "provision": Provision(role="city_and_county", since="2019-10", reason="试验"),
        }
    )
    catalog = replace(
        three_items,
        departments=three_items.departments | {"all": everyone},
        items=three_items.items | {"penalty": penalty},
    )
    ensure_schema(lake, catalog)
    return catalog


def test_a_member_finds_what_it_owes_and_sent_of_a_shared_item(lake, shared, batch, question):
    question(batch("penalty", department="sfj", new=1, questioned=1), "penalty")
    assess(lake, shared, DECEMBER)
    own = read_figures(lake, shared, DECEMBER, department="sfj")
    assert [(i["item_id"], i["status"], i["submitted"]) for i in own.items] == [("penalty", "delivered", 2)]
    assert (own.departments[0]["questioned"], len(own.rows), len(own.faults)) == (1, 1, 1)
    other = read_figures(lake, shared, DECEMBER, department="scjg")
    assert [(i["item_id"], i["status"]) for i in other.items] == [
        ("enterprise_registration", "missing"), ("penalty", "missing"),
    ]  # fmt: skip
    assert not other.rows
    text = words.sections(other)[0].paragraphs[0]
    assert "应报目录2项，已报0项" in text
    assert "应报未报：企业设立登记信息、行政处罚信息" in text


def test_a_county_finds_what_it_sent_under_its_earlier_code(lake, shared, batch, question):
    sent = batch(
        "penalty",
        department="all",
        period="2020-07",
        new=1,
        questioned=1,
        division="130526",
        delivery="20200803-01-130526",
    )
    question(sent, "penalty", period="2020-07")
    july = Period(2020, 7)
    assess(lake, shared, july)
    assert len(read_figures(lake, shared, july, county="130505").rows) == 1
    assert not read_figures(lake, shared, july, county="130506").rows


def test_a_units_questioned_rows_show_no_whole_name(lake, three_items, batch, question):
    question(batch(questioned=1), field="legal_representative", value="张样例")
    assess(lake, three_items, DECEMBER)
    assert [r["value"] for r in read_figures(lake, three_items, DECEMBER, department="scjg").rows] == ["张**"]


def test_a_published_month_keeps_the_catalogs_titles(lake, three_items, batch, tmp_path, question):
    question(batch(questioned=1, new=1), "enterprise_registration")
    assess(lake, three_items, DECEMBER)
    freeze(lake, three_items, DECEMBER)
    before = [p.read_bytes() for p in report(lake, three_items, DECEMBER, tmp_path / "a")]
    item = three_items.items["enterprise_registration"]
    fields = tuple(f.model_copy(update={"title": "改过的名称"}) for f in item.fields)
    changed = item.model_copy(
        update={"title": "改过的目录", "fields": fields, "library": "industry_double_publicity"}
    )
    catalog = replace(three_items, items=three_items.items | {item.id: changed})
    ensure_schema(lake, catalog)
    after = [p.read_bytes() for p in report(lake, catalog, DECEMBER, tmp_path / "b")]
    assert after == before
