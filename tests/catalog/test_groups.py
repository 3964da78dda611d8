"""Groups of fields: what an item's file becomes with them, and that findings point at the file to be mended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalog.groups import Expanded, expand
from catalog.loader import ROOT, group_sources, load_catalog
from catalog.source import Source

PARTY = """\
id: party
title: 对象
source: 试验
fields:
  - {name: name, title: "{title}名称", type: org_name, required: true, headers: ["{code}_MC", 名称, "{title}"]}
  - {name: uscc, title: 信用代码, type: uscc}
  - {name: old_no, title: 旧号, type: line, only: old}
one_of:
  - [uscc, old_no]
rules:
  - {rule: prefix, field: uscc, in: "{prefixes}"}
  - {rule: empty, field: uscc, when: {field: name, present: false}}
  - {rule: adult, id: uscc, on: "{on}"}
formats:
  old:
    headers: {name: ["{code}_NAME"], old_no: [JH]}
    absent: [uscc]
"""


def expanded(tmp_path: Path, item: str) -> Expanded:
    (tmp_path / "party.yml").write_text(PARTY, encoding="utf-8")
    (tmp_path / "item.yml").write_text(item, encoding="utf-8")
    return expand(Source(tmp_path / "item.yml"), {"party": Source(tmp_path / "party.yml")})


def test_fields_stand_where_they_are_included_and_rules_before_the_items_own(tmp_path: Path) -> None:
    data = expanded(
        tmp_path,
        "fields:\n"
        "  - {name: first, title: 一}\n"
        "  - {include: party, with: {title: 企业, code: CF, prefixes: ['91', '93']}}\n"
        "  - {name: last, title: 末}\n"
        "rules:\n  - {rule: no_test_data, field: last}\n",
    ).data
    assert [f["name"] for f in data["fields"]] == ["first", "name", "uscc", "last"]
    assert data["fields"][1]["headers"] == ["CF_MC", "名称", "企业"]
    assert [r["rule"] for r in data["rules"]] == ["prefix", "empty", "adult", "no_test_data"]
    assert data["rules"][0]["in"] == ["91", "93"]


def test_what_names_a_parameter_not_given_is_left_out(tmp_path: Path) -> None:
    data = expanded(tmp_path, "fields:\n  - {include: party, with: {title: 企业}}\n").data
    assert data["fields"][0]["headers"] == ["名称", "企业"]
    assert [r["rule"] for r in data["rules"]] == ["empty", "adult"]
    assert "on" not in data["rules"][1]


def test_omitted_fields_take_their_rules_along_and_set_overrides(tmp_path: Path) -> None:
    data = expanded(
        tmp_path,
        "fields:\n  - {include: party, with: {title: 企业}, omit: [uscc], set: {name: {length: '9'}}}\n",
    ).data
    assert [f["name"] for f in data["fields"]] == ["name"]
    assert data["fields"][0]["length"] == "9"
    assert "rules" not in data or data["rules"] == []
    assert "one_of" not in data


def test_a_format_of_the_group_joins_the_items_of_the_same_id(tmp_path: Path) -> None:
    data = expanded(
        tmp_path,
        "fields:\n  - {include: party, with: {title: 企业, code: XK}}\n"
        "formats:\n  - {id: old, title: 旧版, headers: {name: [XK_XDR]}, absent: [other]}\n",
    ).data
    assert [f["name"] for f in data["fields"]] == ["name", "uscc", "old_no"]
    (old,) = data["formats"]
    assert old["headers"] == {"name": ["XK_XDR"], "old_no": ["JH"]}  # the item's own word counts
    assert old["absent"] == ["uscc", "other"]


def test_places_lead_to_the_file_where_the_part_is_written(tmp_path: Path) -> None:
    found = expanded(
        tmp_path,
        "fields:\n  - {include: party, with: {title: 企业}}\n  - name: own\n    title: 自己\n"
        "rules:\n  - {rule: no_test_data, field: own}\n",
    )
    assert found.place("fields", 1, "type") == (tmp_path / "party.yml", 6)
    assert found.place("fields", 2, "title") == (tmp_path / "item.yml", 4)
    assert found.place("rules", 2) == (tmp_path / "item.yml", 6)
    assert found.place("rules", 1) == (tmp_path / "party.yml", 13)


@pytest.mark.parametrize(
    ("include", "what"),
    [
        ("{include: partei}", "字段组“partei”不存在"),
        ("{include: party, wit: {}}", "不认识的键“wit”"),
        ("{include: party, with: {titel: 企业}}", "没有参数“titel”"),
        ("{include: party, omit: [nome]}", "没有数据项“nome”"),
        ("{include: party, set: {nome: {length: '1'}}}", "没有数据项“nome”"),
        ("{include: party, with: x}", "不是键值对"),
    ],
)
def test_an_include_that_cannot_be_is_a_finding(tmp_path: Path, include: str, what: str) -> None:
    ((line, said, remedy),) = expanded(tmp_path, f"fields:\n  - {include}\n").problems
    assert line == 2
    assert what in said
    assert remedy


def test_every_group_is_used_by_two_items_and_the_counterparty_is_written_once() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "items").glob("*/*.yml")}
    for group in group_sources(ROOT):
        users = [path for path, text in texts.items() if re.search(rf"include: {group}\b", text)]
        assert len(users) > 1, group
    # Fields of 行政相对人 and of a list's subject stand in their groups only.
    for path, text in texts.items():
        assert "行政相对人代码_1(统一社会信用代码)\n    type" not in text, path
    assert len(load_catalog().items) == 106
