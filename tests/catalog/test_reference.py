"""Departments, code lists and forbidden fields: no spelling with two meanings, no trap undone."""

import csv
import re
from collections import Counter

import pytest
import yaml

from catalog.loader import ROOT, read_all

REFERENCE = ROOT / "reference"
catalog, _ = read_all()


def _findings_of_lists():
    return [str(f) for f in read_all()[1] if "lists" in f.path.parts]


def test_every_list_can_be_read():
    assert _findings_of_lists() == []
    assert len(catalog.lists) >= 40


@pytest.mark.parametrize("code_list", catalog.lists.values(), ids=lambda code_list: code_list.id)
def test_no_spelling_means_two_codes(code_list):
    meanings = {}
    for code in code_list.codes:
        for spelling in {code.code, code.title, *code.accept}:
            assert meanings.setdefault(spelling, code.code) == code.code, spelling


@pytest.mark.parametrize("kind", ["permit", "penalty"])
def test_status_one_means_the_opposite_in_the_two_versions(kind):
    new, old = (catalog.lists[f"{kind}_status_{year}"].spellings() for year in (2018, 2016))
    assert (new["1"], new["2"]) == ("valid", "invalid")
    assert (old["0"], old["1"], old["2"], old["3"]) == ("valid", "revoked", "objection", "other")
    assert (
        {c.code for c in catalog.lists[f"{kind}_status_2018"].codes} == set(new.values()) == set(old.values())
    )


def test_phrases_that_hold_a_separator_are_spelled_out():
    penalties = catalog.lists["penalty_kind"]
    assert "、" in penalties.separators
    assert penalties.spellings()["没收违法所得、没收非法财物"] == "confiscation"
    assert penalties.spellings()["暂扣或者吊销许可证、执照"] == "licence_withheld"
    assert penalties.other_prefix == "其他-"


def test_types_met_in_the_real_register_are_known():
    known = catalog.lists["enterprise_type"].spellings()
    met = (
        "个体工商户|个体|个人独资企业|集体所有制|集体分支机构(非法人)|普通合伙|有限责任公司|国有企业|农民专业合作社|"
        "股份合作制|有限责任公司 国有企业|股份有限公司|集体经营单位(非法人)|集体事业单位营业|"
        "国有经营单位(非法人)|联营企业|股份合作制分支机构|有限合伙|港、澳、台|个体户|外商投资企业|外国(地区)企业常驻代表机构|股份制"
    )
    assert [kind for kind in met.split("|") if kind not in known] == []


def test_departments_have_one_id_and_one_spelling_each():
    with (REFERENCE / "departments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [i for i, n in Counter(r["id"] for r in rows).items() if n > 1] == []
    spellings = Counter(s for r in rows for s in {r["name"], r["full_name"], *r["aliases"].split("|")} if s)
    assert [s for s, n in spellings.items() if n > 1] == []
    assert {r["id"] for r in rows if r["in_plan"] == "false"} >= {
        "mzj",
        "shuiwu",
        "ybj",
        "gjj",
        "gyqy",
        "haiguan",
    }
    assert {r["in_plan"] for r in rows} == {"true", "false"}
    assert len(rows) >= 40


@pytest.mark.parametrize(
    ("header", "forbidden"),
    [
        ("血型", True), ("宗教信仰", True), ("宗教活动场所名称", False), ("民族", True), ("婚姻状况", True),
        ("既往病史", True), ("月工资收入", True), ("主营业务收入", False), ("政治面貌", True),
        ("银行账号", True), ("统一社会信用代码", False), ("执业范围", False), ("违法行为类型", False),
        ("注册资本（万元）", False),
    ],
)  # fmt: skip
def test_what_must_not_be_collected(header, forbidden):
    rules = yaml.safe_load((REFERENCE / "forbidden_fields.yml").read_text(encoding="utf-8"))["rules"]
    hits = [r["id"] for r in rules if _hit(r, header)]
    assert bool(hits) is forbidden


def test_no_field_of_the_catalog_is_forbidden():
    rules = yaml.safe_load((REFERENCE / "forbidden_fields.yml").read_text(encoding="utf-8"))["rules"]
    for item in catalog.items.values():
        for field in item.fields:
            for header in (field.title, *field.headers):
                assert not [r["id"] for r in rules if _hit(r, header)], (item.id, header)


def _hit(rule, header):
    return re.search(rule["pattern"], header) and not re.search(rule.get("except", r"(?!)"), header)
