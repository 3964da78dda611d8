"""Two places of a bulletin that speak of the same thing say the same."""

from __future__ import annotations

from dataclasses import replace

from catalog.model import Provision
from catalog.period import Period
from transforms.assess import assess
from transforms.report import words
from transforms.report.figures import read_figures
from transforms.report.tables import cell_text, tables
from warehouse.schema import ensure_schema

DECEMBER = Period(2019, 12)


def said(figures, heading: str) -> str:
    (section,) = (s for s in words.sections(figures) if heading in s.heading)
    return "".join(section.paragraphs)


def test_late_reports_of_the_text_are_those_beside_the_scores(lake, three_items, batch, declare):
    batch(new=3, delivery="20200107-01-130500")  # late, and less than it declared
    declare("enterprise_registration", 5, department="scjg")
    batch("penalty", department="sfj", new=3, delivery="20200107-01-130500")
    assess(lake, three_items, DECEMBER)
    figures = read_figures(lake, three_items, DECEMBER)
    assert sum(score["late"] for score in figures.department_scores) == 2
    assert "迟报2项，涉及2个单位" in said(figures, "存在问题")
    assert [(d["fault"], d["department"]) for d in figures.duties] == [
        ("漏报", "jyj"), ("瞒报", "scjg"), ("迟报", "scjg"), ("迟报", "sfj"),
    ]  # fmt: skip


def test_items_named_as_missing_are_those_counted_as_missing(lake, three_items, batch, declare):
    county = Provision(role="county_bureau", since="2019-10", reason="试验")
    penalty = three_items.items["penalty"].model_copy(update={"provision": county})
    catalog = replace(three_items, items=three_items.items | {"penalty": penalty})
    batch(new=1)
    declare("penalty", 0, department="sfj", division="130528")
    assess(lake, catalog, DECEMBER)
    figures = read_figures(lake, catalog, DECEMBER)
    assert "应报目录3项，已报2项，未报1项" in said(figures, "总体情况")
    assert "市级一条未报的部门：市教育局。" in said(figures, "市直部门")
    assert "另有应报未报的目录" not in said(figures, "市直部门")


def test_nothing_declared_is_not_zero_declared(lake, three_items, batch, declare):
    penalty = three_items.items["penalty"].model_copy(update={"library": "industry_double_publicity"})
    catalog = replace(three_items, items=three_items.items | {"penalty": penalty})
    ensure_schema(lake, catalog)
    batch("penalty", department="sfj", new=3)
    assess(lake, catalog, DECEMBER)
    assert "各单位未申报产生数" in said(read_figures(lake, catalog, DECEMBER), "双公示")
    declare("penalty", 0, department="sfj")
    assess(lake, catalog, DECEMBER)
    assert "瞒报0条" in said(read_figures(lake, catalog, DECEMBER), "双公示")


def test_one_estimated_weight_is_in_every_quota(lake, three_items, batch):
    """沙河市's own GDP of 2020 was found; the sum by which its share is divided was not."""
    after = Period(2020, 7)
    batch(new=3, period=str(after))
    assess(lake, three_items, after)
    figures = read_figures(lake, three_items, after)
    assert {"estimate", "exact"} == {c["weight_confidence"] for c in figures.counties if c["quota_target"]}
    for name in ("counties", "forecast"):
        table = tables(figures)[name]
        (quota,) = (c for c in table.columns if c.key == "quota_target")
        told = [cell_text(row, quota) for row in table.rows if "county_code" in row and row["quota_target"]]
        assert len(told) == 19
        assert all(text.endswith("*") for text in told), name
