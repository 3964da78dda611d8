"""Every row rule against rows that break it and rows that do not, run in DuckDB; NULL never breaks one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.loader import Catalog, load_catalog
from catalog.model import Condition, Format, Item
from catalog.period import Period
from catalog.types import TYPES
from quality.rules import RowRule, Scope, holds, plain, row_rules, text
from warehouse.home import Resources
from warehouse.lake import connect
from warehouse.secret import pseudonym_macro

FIELDS = (
    {"name": "uscc", "title": "代码", "type": "uscc"},
    {"name": "registration_no", "title": "注册号", "type": "registration_no"},
    {"name": "name", "title": "名称", "type": "line", "length": "10"},
    {"name": "id", "title": "身份号码", "type": "resident_id", "share": "authorised"},
    {"name": "sex", "title": "性别", "type": "code", "list": "sex"},
    {"name": "born", "title": "出生日期", "type": "date"},
    {"name": "begun", "title": "起", "type": "date"},
    {"name": "ended", "title": "止", "type": "date"},
    {"name": "kind", "title": "类别", "type": "code", "list": "subject_kind"},
    {"name": "kinds", "title": "处罚类别", "type": "code_set", "list": "penalty_kind"},
    {"name": "city", "title": "地区", "type": "line"},
)
OURS, OTHERS, ENTERPRISE, HOUSEHOLD = (
    "91130500MA0A1B2C2J",
    "91110000MA0A1B2C2J",
    "91130500MA0A1B2C2J",
    "92130528MA0C3D4EX6",
)
ADULT, MALE = "130521197001010017", "130521197001010017"
Judge = Callable[..., list[str]]


def item(*, fields: tuple[dict[str, Any], ...] = FIELDS, **changes: Any) -> Item:
    """An item with these fields and nothing else to obey."""
    facts: dict[str, Any] = {
        "id": "probe", "code": "XT900", "title": "试验", "english": "probe", "department": "scjg", "library": "enterprise",
        "category": "01", "subject": {"kind": "any", "name": "name", "uscc": "uscc"}, "share": "government",
        "frequency": "monthly", "legal_basis": [{"document": "试验"}], "owner": {"provider": "试验"},
        "provision": {"role": "city_department", "since": "2019-10", "reason": "试验"}, "retention": "试验",
        "key": [], "county": [], "rows": {"min": 1, "max": 10}, "fields": fields,
    }  # fmt: skip
    return Item.model_validate(facts | changes)


@pytest.fixture(scope="module")
def judge() -> Any:
    """Names of the rules a row breaks, in order; `row` gives delivered texts, `only` the rules looked at."""
    with connect(Resources(1, "1GiB")) as connection:
        connection.execute(pseudonym_macro(bytes(32)))

        def run(
            probe: Item, row: dict[str, str | None], fmt: str | None = None, levels: str = "rejecting"
        ) -> list[str]:
            chosen = next((f for f in probe.formats if f.id == fmt), None)
            scope = Scope(probe, chosen, load_catalog(), Period(2019, 12))
            rules = getattr(row_rules(scope), levels)
            found: tuple[RowRule, ...] = rules
            cells, plains = [], []
            for field in probe.fields:
                # The file's column, as the staging pass names it before and after codes are routed.
                cells.append(f"xt_clean($v_{field.name}::VARCHAR) AS {text(field.name)}")
                cells.append(f'xt_clean($v_{field.name}::VARCHAR) AS "o_{field.name}"')
                plains.append(
                    f"{TYPES[field.type].plain(text(field.name), scope.use(field))} AS {plain(field.name)}"
                )
            verdicts = ", ".join(f"coalesce({rule.when}, FALSE)" for rule in found)
            sql = (
                f"SELECT {verdicts} FROM (SELECT *, {', '.join(plains)} FROM"
                f" (SELECT {', '.join(cells)}, $malformed::VARCHAR AS _malformed, NULL::VARCHAR AS _line))"
            )
            values = {f"v_{field.name}": row.get(field.name) for field in probe.fields}
            verdict = connection.execute(sql, {**values, "malformed": row.get("_malformed")}).fetchone()
            assert verdict is not None
            return [rule.rule for rule, broken in zip(found, verdict, strict=True) if broken]

        yield run


RULES = [
    # rule, a row that breaks it, rows that do not
    ({"rule": "not_before", "field": "ended", "other": "begun"}, {"begun": "2019-01-02", "ended": "2019-01-01"},
     [{"begun": "2019-01-01", "ended": "2019-01-01"}, {"begun": "2019-01-02"}, {"ended": "2019-01-02"}, {"begun": "2019-01-02", "ended": "长期"}]),
    ({"rule": "not_after_period", "field": "begun"}, {"begun": "2020-02-01"},
     [{"begun": "2020-01-31"}, {"begun": "2019-12-31"}, {}, {"begun": "长期"}]),
    ({"rule": "not_after_period", "field": "begun", "days": "0"}, {"begun": "2020-01-01"}, [{"begun": "2019-12-31"}]),
    ({"rule": "prefix", "field": "uscc", "in": ["92"]}, {"uscc": ENTERPRISE}, [{"uscc": HOUSEHOLD}, {}]),
    ({"rule": "prefix", "field": "uscc", "in": ["92"], "level": "set_aside"}, {"uscc": ENTERPRISE}, [{"uscc": HOUSEHOLD}, {}]),
    ({"rule": "prefix", "field": "uscc", "by": "kind", "allow": {"individual_business": ["92"], "organization": ["1", "91"]}},
     {"uscc": ENTERPRISE, "kind": "个体工商户"},
     [{"uscc": HOUSEHOLD, "kind": "个体工商户"}, {"uscc": ENTERPRISE, "kind": "法人"}, {"uscc": ENTERPRISE, "kind": "自然人"},
      {"uscc": ENTERPRISE}, {"kind": "个体工商户"}]),
    ({"rule": "within_city", "city": "city", "code": "uscc"}, {"city": "石家庄市"},
     [{"city": "邢台市"}, {"city": "河北邢台"}, {"uscc": OURS}, {}]),
    ({"rule": "within_city", "city": "city"}, {"city": "石家庄市"}, [{"city": "邢台市"}, {}]),
    ({"rule": "matches_id", "field": "born", "id": "id", "what": "birth_date"}, {"id": ADULT, "born": "1970-01-02"},
     [{"id": ADULT, "born": "1970-01-01"}, {"id": ADULT}, {"born": "1970-01-02"}, {"id": "130521********0017", "born": "1970-01-02"}]),
    ({"rule": "matches_id", "field": "sex", "id": "id", "what": "sex"}, {"id": MALE, "sex": "女"},
     [{"id": MALE, "sex": "男"}, {"id": MALE, "sex": "未知的性别"}, {"id": MALE}, {"sex": "女"}]),
    ({"rule": "empty", "field": "uscc", "when": {"field": "kind", "in": ["person"]}}, {"uscc": OURS, "kind": "自然人"},
     [{"uscc": OURS, "kind": "法人"}, {"uscc": OURS}, {"kind": "自然人"}]),
    ({"rule": "no_test_data", "field": "name"}, {"name": "测试公司"}, [{"name": "检测公司"}, {}, {"name": "张三丰"}]),
    ({"rule": "no_test_data", "field": "name"}, {"name": "张三"}, [{"name": "Latest公司"}]),
    ({"rule": "no_test_data", "field": "name"}, {"name": "test 1"}, [{"name": "contest"}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "broken", "fine"), RULES, ids=lambda v: v["rule"] if isinstance(v, dict) and "rule" in v else ""
)
def test_own_rules(judge, rule, broken, fine):
    probe = item(rules=[rule])
    assert judge(probe, broken) == [rule["rule"]]
    for row in fine:
        assert judge(probe, row) == []


def _id(birth: str) -> str:
    from stdnum.iso7064 import mod_11_2

    body = f"130521{birth}001"
    return body + mod_11_2.calc_check_digit(body)


def test_adults(judge):
    probe = item(rules=[{"rule": "adult", "id": "id"}])
    assert judge(probe, {"id": _id("20020101")}) == ["adult"]  # 17 on 2019-12-31
    assert judge(probe, {"id": _id("20011231")}) == []  # 18 on that day
    on_the_day = item(rules=[{"rule": "adult", "id": "id", "on": "begun"}])
    assert judge(on_the_day, {"id": _id("20011231"), "begun": "2019-12-30"}) == ["adult"]
    assert judge(on_the_day, {"id": _id("20011231"), "begun": "2019-12-31"}) == []
    assert judge(on_the_day, {"id": _id("20020101")}) == ["adult"]  # no day given: the period's end
    assert judge(probe, {}) == []
    assert judge(probe, {"id": "130521********0017"}) == []


def test_another_citys_code_is_set_aside_before_it_is_faulty(judge):
    from stdnum.cn.uscc import calc_check_digit

    probe = item(rules=[{"rule": "within_city", "code": "uscc"}])
    beijing = "91110000MA0A1B2C2"
    assert judge(probe, {"uscc": beijing + calc_check_digit(beijing)}) == ["within_city"]
    # One that is no code at all belongs nowhere: its own fault.
    assert judge(probe, {"uscc": beijing + "0"}) == ["uscc_check"]
    registrar = "91130000MA0A1B2C2"  # the province registers for every city
    assert judge(probe, {"uscc": registrar + calc_check_digit(registrar)}) == []


def test_an_unreadable_code_is_not_set_aside_by_its_prefix(judge):
    probe = item(rules=[{"rule": "prefix", "field": "uscc", "in": ["92"], "level": "set_aside"}])
    assert judge(probe, {"uscc": "91130500MA0A1B2C2K"}) == ["uscc_check"]


@pytest.mark.parametrize(
    ("required", "broken", "fine"),
    [
        ("true", {}, {"name": "x"}),
        ("true", {"name": "无"}, {"name": "x"}),
        ({"field": "kind", "in": ["person"]}, {"kind": "自然人"}, {"kind": "法人"}),
        ({"field": "kind", "in": ["person"]}, {"kind": "自然人"}, {}),
        ({"field": "kinds", "has": ["fine"]}, {"kinds": "警告、罚款"}, {"kinds": "警告"}),
        ({"field": "uscc", "present": "true"}, {"uscc": OURS}, {}),
        ({"field": "uscc", "present": "false"}, {}, {"uscc": OURS}),
    ],
)
def test_required(judge, required, broken, fine):
    fields = tuple(f | {"required": required} if f["name"] == "name" else f for f in FIELDS)
    probe = item(fields=fields)
    assert judge(probe, broken) == ["required"]
    assert judge(probe, fine) == []


def test_one_of(judge):
    probe = item(one_of=[["uscc", "registration_no"]])
    assert judge(probe, {}) == ["one_of"]
    assert judge(probe, {"uscc": "无", "registration_no": "/"}) == ["one_of"]
    assert judge(probe, {"registration_no": "130500000012342"}) == []


def test_the_key_must_be_there(judge):
    assert judge(item(key=["name"]), {}) == ["key_missing"]
    assert judge(item(key=["name"]), {"name": "x"}) == []
    assert judge(item(key=["subject"]), {}) == []


def test_over_length_is_a_warning_for_text_and_a_fault_elsewhere(judge):
    assert judge(item(), {"name": "一二三四五六七八九十"}, levels="warnings") == []
    assert judge(item(), {"name": "一二三四五六七八九十一"}, levels="warnings") == ["over_length"]
    assert judge(item(), {"name": "一二三四五六七八九十一"}) == []


def test_what_a_type_finds(judge):
    assert judge(item(), {"sex": "男女"}) == ["code_unknown"]
    assert judge(item(), {"begun": "2019-02-29", "ended": "201909"}) == ["date_invalid", "date_invalid"]


def test_a_record_that_could_not_be_divided(judge):
    assert judge(item(), {"_malformed": "too_few_columns"}) == ["malformed"]
    assert judge(item(), {"_malformed": "preamble"}) == []


def test_set_aside_comes_before_every_fault_but_a_broken_record():
    probe = item(
        rules=[
            {"rule": "not_before", "field": "ended", "other": "begun"},
            {"rule": "within_city", "city": "city"},
        ],
        key=["name"],
    )
    order = [r.rule for r in row_rules(Scope(probe, None, load_catalog(), Period(2019, 12))).rejecting]
    assert order[:2] == ["malformed", "within_city"]
    assert order.index("key_missing") < order.index("not_before") == len(order) - 1


def test_a_format_is_not_asked_for_what_it_lacks(judge):
    rules = [
        {"rule": "not_before", "field": "ended", "other": "begun"},
        {"rule": "no_test_data", "field": "name"},
    ]
    fields = tuple(f | {"required": "true"} if f["name"] in ("name", "born") else f for f in FIELDS)
    formats = [{"id": "old", "title": "旧", "absent": ["born", "begun"]}]
    probe = item(fields=fields, rules=rules, formats=formats, one_of=[["born", "begun"]], key=["name"])
    assert judge(probe, {"name": "x", "ended": "2019-01-01"}, fmt="old") == []
    assert judge(probe, {"name": "测试", "ended": "2019-01-01"}, fmt="old") == ["no_test_data"]
    assert "required" in judge(probe, {"name": "x"})


def test_the_formats_own_list_counts():
    scope = Scope(
        item(fields=({"name": "name", "title": "状态", "type": "code", "list": "permit_status_2018"},), subject={"kind": "any", "name": "name"}),
        Format(id="old", title="旧", lists={"name": "permit_status_2016"}), load_catalog(), Period(2019, 12),
    )  # fmt: skip
    codes = scope.use(scope.item.fields[0]).codes
    assert codes is not None
    assert codes.id == "permit_status_2016"


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ({"field": "f", "in": ["a", "b"]}, "b", True), ({"field": "f", "in": ["a"]}, "c", False), ({"field": "f", "in": ["a"]}, None, False),
        ({"field": "f", "has": ["a"]}, "b;a", True), ({"field": "f", "has": ["a"]}, "ab;c", False), ({"field": "f", "has": ["a"]}, None, False),
        ({"field": "f", "present": True}, "x", True), ({"field": "f", "present": True}, None, False), ({"field": "f", "present": False}, None, True),
    ],
)  # fmt: skip
def test_a_condition_is_never_null(condition, value, expected):
    with connect(Resources(1, "1GiB")) as connection:
        sql = f"SELECT {holds(Condition.model_validate(condition))} FROM (SELECT ?::VARCHAR AS f)"
        assert connection.execute(sql, [value]).fetchone() == (expected,)


def test_every_level_but_warnings_rejects():
    catalog: Catalog = load_catalog()
    for probe in catalog.items.values():
        for fmt in (None, *probe.formats):
            scope = Scope(probe, fmt, catalog, Period(2019, 12))
            rules = row_rules(scope)
            assert rules.rejecting
            assert all(rule.level in ("quarantine", "set_aside") for rule in rules.rejecting)
