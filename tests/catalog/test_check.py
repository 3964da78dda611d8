"""Every finding of `catalog check`, produced from a tiny catalog by one change, with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from catalog.check import check
from catalog.check_item import RESERVED
from catalog.loader import ROOT
from catalog.model import RULE_FIELDS, Name, RowRule
from warehouse.schema import LINEAGE

ITEM = "items/scjg/probe.yml"
LIBRARY = "libraries/tiny.yml"
FILES = {
    ITEM: """\
id: probe
code: XT900
title: 试验登记信息
english: probe
department: scjg
library: tiny
category: "01"
subject: {kind: any, name: name, uscc: uscc, person: id_number}
share: public
frequency: monthly
due: {day: 5}
legal_basis:
  - {document: 某条例, clause: 第六条}
owner: {provider: 某局}
provision: {role: city_department, since: "2019-10", reason: 某通知}
retention: 五年
key: [uscc]
source_time: begun
fields:
  - {name: uscc, title: 统一社会信用代码, type: uscc, required: true, headers: [信用代码]}
  - {name: name, title: 名称, type: org_name, length: 200, required: {field: kind, in: ["1"]}, headers: [单位名称]}
  - {name: id_number, title: 身份号码, type: person_document, document_kind: document_kind, share: authorised}
  - {name: document_kind, title: 证件类型, type: code, list: colours}
  - {name: kind, title: 类别, type: code, list: colours}
  - {name: kinds, title: 各类别, type: code_set, list: colours}
  - {name: fine, title: 罚款（万元）, type: amount, unit: 万元, max: "100"}
  - {name: currency, title: 币种, type: currency, list: colours, same_column_as: fine}
  - {name: begun, title: 开始日期, type: date, min: "1990-01-01", max: "2050-01-01"}
  - {name: ended, title: 结束日期, type: date}
  - {name: number, title: 人数, type: integer, min: "1", max: "9"}
one_of:
  - [uscc, id_number]
rules:
  - {rule: not_before, field: ended, other: begun}
  - {rule: not_after_period, field: begun}
  - {rule: prefix, field: uscc, by: kind, allow: {"1": ["91"]}}
  - {rule: adult, id: id_number, on: begun}
  - {rule: matches_id, field: begun, id: id_number, what: birth_date}
  - {rule: empty, field: uscc, when: {field: kind, in: ["2"]}}
  - {rule: within_city, code: uscc}
county:
  - {by: registrar, field: uscc}
formats:
  - id: old
    title: 旧版
    headers:
      uscc: [XYDM]
      name: [MC]
    lists: {kind: colours_old}
    absent: [ended]
    ignore: [ZBR]
ignore: [序号]
rows: {min: 1, max: 100}
reject_rate: {warn: 0.02, fail: 0.3}
checks:
  - {level: warn, check: fill_rate_min, field: name, value: 0.5}
  - {level: warn, check: volume_change, months: 3, tolerance: 0.8}
expires: ended
""",
    "items/scjg/other.yml": """\
id: other
code: XT901
title: 另一信息
english: other
department: scjg
library: people
category: "01"
subject: {kind: person, name: name, person: id_number}
share: government
frequency: yearly
legal_basis:
  - {document: 某条例}
owner: {provider: 某局}
provision: {role: city_department, since: "2019-10", reason: 某通知}
retention: 五年
key: [id_number]
fields:
  - {name: id_number, title: 身份号码, type: resident_id, required: true}
  - {name: name, title: 姓名, type: person_name}
  - {name: kind, title: 类别, type: code, list: colours_old}
county: []
rows: {min: 1, max: 100}
""",
    LIBRARY: """\
id: tiny
title: 试验库
kind: base
subject: organisation
members: [probe]
legal_basis: 某通知
attributes:
  - {name: name, title: 名称, sources: [probe.name]}
  - {name: kind, title: 类别, sources: [probe.kind]}
  - {name: fine, title: 罚款, sources: [probe.fine]}
""",
    "reference/lists/colours.yml": """\
id: colours
title: 颜色
source: 试验
codes:
  - {code: "1", title: 红, accept: [赤]}
  - {code: "2", title: 蓝}
""",
    "reference/lists/colours_old.yml": """\
id: colours_old
title: 旧颜色
source: 试验
codes:
  - {code: "1", title: 蓝}
  - {code: "2", title: 红}
""",
    "reference/lists/category.yml": """\
id: category
title: 信息类别
source: 试验
codes:
  - {code: "01", title: 登记}
""",
    "libraries/people.yml": """\
id: people
title: 自然人试验库
kind: group
subject: person
members: [other]
legal_basis: 某通知
attributes: []
""",
    "reference/departments.csv": """\
id,name,full_name,aliases,uscc,kind,in_plan,members
scjg,市场监管局,邢台市市场监督管理局,工商局|质监局,,department,true,
gaj,公安局,邢台市公安局,,,department,true,
""",
    "reference/divisions.csv": """\
code,name,level,parent,valid_from,valid_to,kind,aliases,successors,note
130500,邢台市,city,130000,,,gb2260,,,
130502,桥东区,county,130500,,2020-06-23,gb2260,,130502,
130528,宁晋县,county,130500,,,gb2260,,,
""",
    "targets/weights.csv": """\
layout,code,name
2019,130528,宁晋县
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "reference" / "forbidden_fields.yml").write_bytes(
        (ROOT / "reference" / "forbidden_fields.yml").read_bytes()
    )
    return tmp_path


def test_the_catalog_is_clean():
    assert [str(finding) for finding in check()] == []


def test_the_tiny_catalog_is_clean(root):
    assert [str(finding) for finding in check(root)] == []


def test_reserved_names_are_the_warehouses_columns():
    assert {name for name, _, _ in LINEAGE} <= RESERVED


def test_every_key_of_a_rule_that_names_a_field_is_looked_up():
    (rules, _) = get_args(RowRule)
    hints = [get_type_hints(rule, include_extras=True).items() for rule in get_args(rules)]
    assert {key for each in hints for key, hint in each if hint in (Name, Name | None)} == set(RULE_FIELDS)


PROBE = [
    # what is replaced in the item, by what, what the finding says
    ("retention: 五年", "retentoin: 五年", "不认识的键“retentoin”"),
    ("retention: 五年\n", "", "缺少“retention”"),
    ("due: {day: 5}", "due: {day: 25}", "“due.day”的值“25”超出范围"),
    ("code: XT900", "code: XT9", "“code”的值“XT9”写法不符"),
    ("frequency: monthly", "frequency: 每月", "“frequency”的值“每月”不在许可范围内"),
    ("rows: {min: 1, max: 100}", "rows: {min: 1}", "缺少“rows.max”"),
    ("rows: {min: 1, max: 100}\n", "", "缺少“rows”"),
    ("{rule: within_city, code: uscc}", "{rule: inside, code: uscc}", "不在许可范围内"),
    ("{rule: within_city, code: uscc}", "{rule: within_city, code: uscc, citty: x}", "不认识的键"),
    ("share: public", "share: public\nshare: government", "键“share”写了两次"),
    ("title: 试验登记信息", "title: [试验", "YAML 写法有误"),
    ("id: probe", "id: probes", "与文件名不一致"),
    ("code: XT900", "code: XT901", "编号“XT901”与目录"),
    ("title: 试验登记信息", "title: 另一信息", "名称“另一信息”与目录"),
    ("department: scjg", "department: nobody", "部门“nobody”不在部门表中"),
    ("department: scjg", "department: gaj", "文件在“scjg”之下"),
    ("library: tiny", "library: nowhere", "库“nowhere”不存在"),
    ('category: "01"', 'category: "99"', "类别“99”不在代码表"),
    ("{document: 某条例, clause: 第六条}", '{document: " "}', "没有归集依据"),
    ("legal_basis:\n  - {document: 某条例, clause: 第六条}", "legal_basis: []", "没有归集依据"),
    ("owner: {provider: 某局}", 'owner: {provider: ""}', "“owner”是空的"),
    ("retention: 五年", 'retention: ""', "“retention”是空的"),
    ('since: "2019-10"', 'since: "2019-13"', "起始期次“2019-13”不是有效的年月"),
    ("expires: ended", "expires: fine", "不是日期"),
    ("field: ended, other: begun}", "field: ended, other: begun}\n  - {rule: not_above, field: fine, other: number}", "单位不同"),
    ("field: ended, other: begun}", "field: ended, other: begun}\n  - {rule: not_above, field: kind, other: number}", "不是数"),
    ("type: date, min", "type: date, only: gone, min", "格式“gone”不存在"),
    ("expires: ended", "end: someday", "终止期次“someday”不是有效的年月"),
    ("expires: ended", 'end: "2019-09"', "终止期次 2019-09 早于起始期次"),
    ("due: {day: 5}", "due: {day: 5, working_days: 0}", "工作日数小于1"),
    # subject, key, references
    ("person: id_number}", "person: uscc}", "主体标识 person 所指的“统一社会信用代码”类型不符"),
    ("uscc: uscc, person", "uscc: name, person", "主体标识 uscc 所指的“名称”类型是 org_name"),
    ("uscc: uscc, person", "uscc: id_number, person", "主体标识 uscc 所指的“身份号码”类型不符"),
    ("subject: {kind: any, name: name, uscc: uscc, person: id_number}", "subject: {kind: any, name: name}", "主体没有可据以识别的标识项"),
    ("subject: {kind: any, name: name,", "subject: {kind: any, name: nome,", "subject.name 所指的数据项“nome”不存在"),
    ("key: [uscc]", "key: []", "没有关键项"),
    ("key: [uscc]", "key: [uscc, begun]", "关键项“开始日期”可能为空"),
    ("key: [uscc]", "key: [uscc, name]", "关键项“名称”可能为空"),
    ("key: [uscc]", "key: [usc]", "key 所指的数据项“usc”不存在"),
    ("source_time: begun", "source_time: began", "source_time 所指的数据项“began”不存在"),
    ("source_time: begun", "source_time: number", "来源时间“人数”不是日期"),
    ("- [uscc, id_number]", "- [uscc, idnumber]", "one_of 所指的数据项“idnumber”不存在"),
    ("- [uscc, id_number]", "- [uscc]", "“至少填一项”只列了一项"),
    ("{by: registrar, field: uscc}", "{by: registrar, field: usc}", "county.field 所指的数据项“usc”不存在"),
    ("{by: registrar, field: uscc}", "{by: registrar}", "属地规则 registrar 没有写 field"),
    ("field: ended, other: begun", "field: end, other: begun", "rules.field 所指的数据项“end”不存在"),
    ("field: ended, other: begun", "field: ended, other: began", "rules.other 所指的数据项“began”不存在"),
    ("{rule: within_city, code: uscc}", "{rule: within_city, city: town}", "rules.city 所指的数据项“town”不存在"),
    ("id: id_number, on: begun", "id: id_number, on: began", "rules.on 所指的数据项“began”不存在"),
    ("by: kind, allow", "by: sort, allow", "rules.by 所指的数据项“sort”不存在"),
    ("{rule: within_city, code: uscc}", "{rule: stated_amount, field: fine, text: nome}", "rules.text 所指的数据项“nome”不存在"),
    ("check: fill_rate_min, field: name", "check: fill_rate_min, field: nome", "checks.field 所指的数据项“nome”不存在"),
    ("document_kind: document_kind", "document_kind: nothing", "fields.document_kind 所指的数据项“nothing”不存在"),
    ("same_column_as: fine", "same_column_as: fines", "fields.same_column_as 所指的数据项“fines”不存在"),
    ("type: integer,", "type: integer, fallback: nothing,", "fields.fallback 所指的数据项“nothing”不存在"),
    ("type: integer,", "type: integer, fallback: number,", "“人数”不能代替“人数”"),
    ("type: integer,", "type: integer, fallback: name,", "“名称”不能代替“人数”"),
    ("required: {field: kind,", "required: {field: sort,", "fields.required.field 所指的数据项“sort”不存在"),
    ("when: {field: kind,", "when: {field: sort,", "rules.when.field 所指的数据项“sort”不存在"),
    ("      name: [MC]", "      nome: [MC]", "formats.headers.nome 所指的数据项“nome”不存在"),
    ("lists: {kind: colours_old}", "lists: {sort: colours_old}", "formats.lists.sort 所指的数据项“sort”不存在"),
    ("absent: [ended]", "absent: [end]", "formats.absent 所指的数据项“end”不存在"),
    # fields and their types
    ("name: number, title", "name: begun, title", "数据项“begun”写了两次"),
    ("name: number, title", "name: record_key, title", "“record_key”是系统列名"),
    ("name: number, title", "name: t_uscc, title", "“t_uscc”是系统列名"),
    ("type: integer", "type: whole", "语义类型“whole”不存在"),
    ("title: 类别, type: code, list: colours", "title: 类别, type: code, list: colors", "代码表“colors”不存在"),
    ("title: 类别, type: code, list: colours", "title: 类别, type: code", "类型“code”缺少“list”"),
    ("type: integer,", "type: integer, length: 3,", "类型“integer”用不上“length”"),
    ("type: uscc, required", "type: uscc, list: colours, required", "类型“uscc”用不上“list”"),
    ("title: 结束日期, type: date", "title: 结束日期, type: date, unit: 天", "类型“date”用不上“unit”"),
    ("type: amount, unit: 万元", "type: amount", "类型“amount”缺少“unit”"),
    ("unit: 万元", "unit: 千元", "单位“千元”无法换算"),
    ('unit: 万元, max: "100"', "unit: 万元", "“罚款（万元）”没有上限"),
    ("length: 200", "length: 0", "长度 0 小于1"),
    ("length: 200", "length: long", "“fields.1.length”的值“long”不是数字"),
    ('min: "1990-01-01"', 'min: "1990-13-01"', "“开始日期”的 min“1990-13-01”不是日期"),
    ('min: "1", max: "9"', 'min: few, max: "9"', "“人数”的 min“few”不是数字"),
    ('min: "1", max: "9"', 'min: "10", max: "9"', "“人数”的下限 10 大于上限 9"),
    ('max: "2050-01-01"', 'max: "1980-01-01"', "“开始日期”的下限 1990-01-01 大于上限 1980-01-01"),
    ("document_kind: document_kind, share: authorised", "document_kind: document_kind, share: public", "证件号码“身份号码”不得社会公开"),
    ("document_kind: document_kind, share: authorised", "document_kind: document_kind", "证件号码“身份号码”不得社会公开"),
    ("document_kind: document_kind", "document_kind: name", "证件类型“名称”没有代码表"),
    ("same_column_as: fine", "same_column_as: currency", "“币种”自己没有列"),
    ("same_column_as: fine}", "same_column_as: fine, headers: [货币]}", "“币种”取自另一项的列，不用表头"),
    ('{field: kind, in: ["1"]}', '{field: kind, in: ["3"]}', "“3”不是代码表“colours”的代码"),
    ('{field: kind, in: ["1"]}', '{field: begun, in: ["1"]}', "“开始日期”没有代码表"),
    ('{field: kind, in: ["1"]}', '{field: kinds, has: ["3"]}', "“3”不是代码表“colours”的代码"),
    ('{field: kind, in: ["1"]}', '{field: kind, in: ["1"], present: true}', "恰写一项"),
    ('when: {field: kind, in: ["2"]}', 'when: {field: kind, in: ["9"]}', "“9”不是代码表“colours”的代码"),
    ('allow: {"1": ["91"]}', 'allow: {"7": ["91"]}', "“7”不是代码表“colours”的代码"),
    # rules, bounds, checks
    ("field: ended, other: begun", "field: ended, other: number", "规则中的“人数”不是日期"),
    ("rule: not_after_period, field: begun", "rule: not_after_period, field: name", "规则中的“名称”不是日期"),
    ("rule: not_after_period, field: begun", "rule: not_after_period, field: begun, days: -1", "宽限天数小于0"),
    ("rule: adult, id: id_number", "rule: adult, id: uscc", "规则中的“统一社会信用代码”不是证件号码"),
    ("id: id_number, what: birth_date", "id: name, what: birth_date", "规则中的“名称”不是证件号码"),
    ("field: begun, id: id_number, what: birth_date", "field: number, id: id_number, what: birth_date", "规则中的“人数”不是日期"),
    ("field: begun, id: id_number, what: birth_date", "field: name, id: id_number, what: sex", "“名称”没有代码表"),
    ("{rule: within_city, code: uscc}", "{rule: within_city}", "within_city 没有写 city 或 code"),
    ("rows: {min: 1, max: 100}", "rows: {min: 0, max: 100}", "最少行数 0 小于1"),
    ("rows: {min: 1, max: 100}", "rows: {min: 101, max: 100}", "最少行数 101 大于最多行数 100"),
    ("{warn: 0.02, fail: 0.3}", "{warn: 0.4, fail: 0.3}", "差错率提醒值 0.4 高于拒收值 0.3"),
    ("{warn: 0.02, fail: 0.3}", "{warn: 2, fail: 30}", "差错率限值 2.0、30.0 不在0到1之间"),
    ("field: name, value: 0.5", "field: name", "整批检查 fill_rate_min 缺少“value”"),
    ("field: name, value: 0.5", "field: name, value: 50", "比例 50.0 不在0到1之间"),
    ("months: 3, tolerance: 0.8", "months: 3, tolerance: 0.8, value: 1", "整批检查 volume_change 用不上“value”"),
    ("months: 3, tolerance: 0.8", "months: 0, tolerance: 0.8", "比较的月数小于1"),
    ("months: 3, tolerance: 0.8", "months: 3, tolerance: 0", "容许的变化不大于0"),
    ("{level: warn, check: volume_change", "{level: fail, check: volume_change", "行数变化不能阻断入库"),
    # formats and headings
    ("  - id: old", "  - id: standard", "格式标识“standard”已被占用"),
    ("absent: [ended]", "absent: [ended, name]", "格式“old”中的“name”既有表头又列为缺少"),
    ("absent: [ended]", "absent: [ended, uscc]", "格式“old”缺少全部关键项"),
    ("      name: [MC]", "      name: [MC]\n      currency: [BZ]", "“currency”取自另一项的列，不用表头"),
    ("lists: {kind: colours_old}", "lists: {kind: colors}", "代码表“colors”不存在"),
    ("lists: {kind: colours_old}", "lists: {kind: category}", "代码表“category”的代码 01 在“colours”中没有"),
    ("headers: [单位名称]", "headers: [信用代码]", "表头“信用代码”在格式“standard”中既是“uscc”又是“name”"),
    ("headers: [单位名称]", "headers: [ 类 别 ]", "表头“类别”在格式“standard”中既是“name”又是“kind”"),
    ("headers: [单位名称]", "headers: [人数*]", "既是“name”又是“number”"),
    ("      name: [MC]", "      name: [xydm]", "表头“xydm”在格式“old”中既是“uscc”又是“name”"),
    ("ignore: [序号]", "ignore: [序号, 单位名称]", "表头“单位名称”在格式“standard”中既列为忽略又是“name”"),
    ("ignore: [ZBR]", "ignore: [mc]", "表头“mc”在格式“old”中既列为忽略又是“name”"),
    ("    absent: [ended]\n", "    absent: []\n", None),
    ("      uscc: [XYDM]\n      name: [MC]", "      uscc: [信用代码]\n      name: [名称]", "格式“old”的表头与“standard”分不开"),
    # what must not be collected
    ("title: 人数,", "title: 民族,", "“民族”属不得归集的信息：民族不属于信用信息"),
    ("headers: [单位名称]", "headers: [单位名称, 血 型]", "“血 型”属不得归集的信息：血型不得采集"),
    ("      name: [MC]", "      name: [政治面貌]", "“政治面貌”属不得归集的信息"),
    ("ignore: [序号]", "ignore: [序号, 婚姻状况]", "“婚姻状况”属不得归集的信息"),
    ("title: 试验登记信息", "title: 婚姻登记信息", "“婚姻登记信息”属不得归集的信息"),
    ("title: 人数,", "title: 宗教活动场所数,", None),
    ("owner: {provider: 某局}", "owner: {provider: TODO}  # TODO 提供单位", "待补：提供单位"),
    ("library: tiny", "library: TODO  # TODO 归入哪个库", "待补：归入哪个库"),
]  # fmt: skip


def _line(text: str, part: str) -> int:
    """Number of the line on which `part` begins."""
    return text[: text.index(part)].count("\n") + 1


FIXED = "ignore: [ZBR]\n  - {{id: txt, title: 定长文本, absent: [{absent}], fixed_width: {{columns: [{columns}]}}}}"
U, N = "{field: uscc, start: 1, length: 18}", "{field: name, start: 19, length: 40}"
PROBE += [
    ("ignore: [ZBR]", FIXED.format(absent=absent, columns=columns), says)
    for absent, columns, says in (
        ("ended", f"{U}, {N}", None),
        ("ended", f"{U}, {{field: ended, start: 19, length: 8}}", "“ended”不是此格式中有列的数据项"),
        ("ended", f"{U}, {{field: nome, start: 19, length: 8}}", "“nome”不是此格式中有列的数据项"),
        ("ended", f"{U}, {{field: uscc, start: 19, length: 18}}", "“uscc”有两处列位"),
        ("ended", f"{U}, {{field: name, start: 18, length: 40}}", "“name”（18—57 位）与“uscc”（1—18 位）重叠"),
        ("ended", f"{N}, {{field: uscc, start: 20, length: 18}}", "“uscc”（20—37 位）与“name”（19—58 位）重叠"),
        ("ended", f"{{field: uscc, start: 1, length: 17}}, {N}", "“uscc”占 17 位，统一社会信用代码至少 18 位"),
        ("ended", N, "必填的“uscc”没有列位"),
        ("ended", f"{U}, {{field: name, start: 0, length: 40}}", "start"),
    )
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), PROBE)
def test_a_mistake_in_an_item(root, old, new, says):
    assert FILES[ITEM].count(old) == 1, "the change must be one"
    changed = FILES[ITEM].replace(old, new)
    (root / ITEM).write_text(changed, encoding="utf-8")
    found = check(root)
    if says is None:
        assert [str(f) for f in found] == []
        return
    said = [f for f in found if says in f.what]
    assert said, [str(f) for f in found]
    finding = said[0]
    assert finding.path.exists()
    assert finding.remedy
    assert 1 <= finding.line <= len(finding.path.read_text(encoding="utf-8").splitlines()) + 1


LINES = [
    ("retention: 五年", "retentoin: 五年", "不认识的键"),
    ("department: scjg", "department: nobody", "部门"),
    ('since: "2019-10"', 'since: "2019-13"', "起始期次"),
    ("type: integer", "type: whole", "语义类型"),
    ("lists: {kind: colours_old}", "lists: {kind: colors}", "代码表"),
    ("ignore: [ZBR]", "ignore: [mc]", "表头"),
    ("      name: [MC]", "      name: [政治面貌]", "不得归集"),
    ("field: ended, other: begun", "field: end, other: begun", "rules.field"),
    ("{rule: within_city, code: uscc}", "{rule: within_city, code: uscc, citty: x}", "不认识的键"),
    ("months: 3, tolerance: 0.8", "months: 0, tolerance: 0.8", "月数"),
    ("share: public", "share: public\nshare: government", "写了两次"),
]


@pytest.mark.parametrize(("old", "new", "says"), LINES)
def test_a_finding_points_at_its_line(root, old, new, says):
    changed = FILES[ITEM].replace(old, new)
    (root / ITEM).write_text(changed, encoding="utf-8")
    finding = next(f for f in check(root) if says in f.what)
    assert (finding.path, finding.line) == (root / ITEM, _line(changed, new) + new.count("\n"))


OTHERS = [
    ("items/scjg/copy.yml", None, FILES[ITEM], "标识“probe”与"),
    ("reference/lists/colours.yml", "title: 蓝}", "title: 蓝, accept: [赤]}", "写法“赤”既是“1”又是“2”"),
    ("reference/lists/colours.yml", 'code: "2"', 'code: "1"', "代码“1”写了两次"),
    ("reference/lists/colours.yml", "source: 试验", "origin: 试验", "不认识的键“origin”"),
    (
        "reference/lists/colours_old.yml",
        '- {code: "1", title: 蓝}\n  - {code: "2", title: 红}',
        "[]",
        "代码表是空的",
    ),
    (LIBRARY, "members: [probe]", "members: [probe, ghost]", "成员目录“ghost”不存在"),
    (LIBRARY, "members: [probe]", "members: [probe, other]", "成员目录“other”没有机构代码"),
    (LIBRARY, "members: [probe]", "members: [probe]\nfeeds: [probe]", "既是 members 又是 feeds"),
    (LIBRARY, "subject: organisation", "subject: any", "基础库与重点人群库须写明主体"),
    (LIBRARY, "subject: organisation", "subject: nobody", "不在许可范围内"),
    (LIBRARY, "[probe.name]", "[probe.nome]", "来源“probe.nome”不存在"),
    (LIBRARY, "[probe.name]", "[ghost.name]", "来源“ghost.name”不存在"),
    (LIBRARY, "[probe.name]", "[probe.id_number]", "来源“probe.id_number”是证件号码"),
    (LIBRARY, "[probe.name]", "[probe.name, probe.kind]", "从目录“probe”取值两次"),
    (
        LIBRARY,
        "[probe.name]",
        "[probe.name, other.kind]",
        "来源“other.kind”的类型、代码表或单位与“probe.name”不同",
    ),
    (
        LIBRARY,
        "[probe.kind]",
        "[probe.kind, other.kind]",
        "来源“other.kind”的类型、代码表或单位与“probe.kind”不同",
    ),
    (LIBRARY, "name: fine, title", "name: kind, title", "属性“kind”写了两次"),
    ("reference/departments.csv", "gaj,公安局", "scjg,公安局", "部门标识“scjg”写了两次"),
    (
        "reference/departments.csv",
        "邢台市公安局,,",
        "邢台市公安局,工商局,",
        "“工商局”既是部门“scjg”又是“gaj”",
    ),
    (
        "reference/divisions.csv",
        "130528,宁晋县,county,130500",
        "130528,宁晋县,county,130599",
        "区划“130599”不在区划表中",
    ),
    ("reference/divisions.csv", ",gb2260,,130502,", ",gb2260,,130599,", "区划“130599”不在区划表中"),
    ("reference/divisions.csv", "2020-06-23", "2020-06-31", "区划表有误"),
    ("targets/weights.csv", "2019,130528", "2019,130599", "区划“130599”不在区划表中"),
]


@pytest.mark.parametrize(("name", "old", "new", "says"), OTHERS)
def test_a_mistake_elsewhere(root, name, old, new, says):
    changed = new if old is None else FILES[name].replace(old, new)
    assert old is None or FILES[name].count(old) == 1
    if name.endswith("colours_old.yml"):
        changed = changed.replace("codes:\n  []", "codes: []")
    (root / name).write_text(changed, encoding="utf-8")
    said = [f for f in check(root) if says in f.what]
    assert said
    assert said[0].remedy


def test_findings_are_one_line_each_in_order_of_file_and_line(root):
    broken = (
        FILES[ITEM].replace("department: scjg", "department: nobody").replace("type: integer", "type: whole")
    )
    (root / ITEM).write_text(broken, encoding="utf-8")
    found = check(root)
    assert [f.line for f in found] == sorted(f.line for f in found)
    assert all("\n" not in str(f) and f":{f.line}：" in str(f) for f in found)


def test_a_library_of_persons_needs_persons(root):
    (root / LIBRARY).write_text(FILES[LIBRARY].replace("organisation", "person"), encoding="utf-8")
    assert check(root) == []
    (root / ITEM).write_text(FILES[ITEM].replace(", person: id_number}", "}"), encoding="utf-8")
    assert [f.what for f in check(root)] == ["成员目录“probe”没有自然人的证件号码"]
