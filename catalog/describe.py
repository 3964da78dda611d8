"""The catalog's facts in Chinese words: one wording for templates, the data dictionary and the lake's comments."""

from __future__ import annotations

from catalog.codes import CodeList, read_list
from catalog.loader import Catalog
from catalog.model import Condition, Field, Item
from catalog.types import TYPES

SUBJECT_KINDS: dict[str, str] = {
    "enterprise": "企业",
    "individual_business": "个体工商户",
    "cooperative": "农民专业合作社",
    "person": "自然人",
    "social_organization": "社会组织",
    "public_institution": "事业单位",
    "government_organ": "机关群团",
    "village_committee": "村（居）民委员会",
    "other_organization": "其他机构",
    "organization": "机构",
    "any": "机构或自然人",
}
ROLES: dict[str, str] = {
    "city_department": "市直部门报送",
    "county_bureau": "县级部门报送",
    "city_and_county": "市、县两级部门报送",
}
COUNTY_RULES: dict[str, str] = {
    "authority": "机关代码中的区划",
    "registrar": "信用代码中的登记机关",
    "division": "区划项",
    "address": "地址文字",
    "household": "证件号码的户籍登记",
}

LINEAGE: tuple[tuple[str, str, str], ...] = (
    ("batch_id", "VARCHAR", "批次标识"),
    ("period", "VARCHAR", "期次"),
    ("delivery", "VARCHAR", "报送标识"),
    ("row_number", "BIGINT", "文件中的行号"),
    ("record_key", "UUID", "记录键"),
    ("content_hash", "UUID", "内容摘要"),
    ("subject_key", "VARCHAR", "主体键"),
    ("identity_rule", "VARCHAR", "主体识别依据"),
    ("county_code", "VARCHAR", "归属县（市、区）"),
    ("county_rule", "VARCHAR", "归属依据"),
    ("division_code", "VARCHAR", "记录所载最细区划"),
    ("source_time", "TIMESTAMP", "来源时间"),
)
"""Columns of every `rec.<item>` before its fields: name, type, comment."""


def share_title(item: Item, field: Field | None = None) -> str:
    """社会公开, 政务共享 or 授权查询: the field's own class, else the item's."""
    return _title(read_list("sharing"), (field.share if field else None) or item.share)


def frequency_title(item: Item) -> str:
    """每月, 每周, 七个工作日内 ..."""
    return _title(read_list("frequency"), item.frequency)


def category_title(item: Item) -> str:
    """The class of information the item belongs to."""
    return _title(read_list("category"), item.category)


def library_title(item: Item, catalog: Catalog) -> str:
    """The library the item goes into."""
    return catalog.libraries[item.library].title


def due_text(item: Item) -> str:
    """By when a delivery is owed."""
    months = {1: "次月", 3: "季后首月", 6: "半年后首月", 12: "次年1月"}[item.period_months]
    text = f"{months}{item.due.day}日前"
    return f"自作出之日起{item.due.working_days}个工作日内，最迟{text}" if item.due.working_days else text


def basis_text(item: Item) -> str:
    """All legal bases, each with its clause."""
    return "；".join(f"{basis.document}{basis.clause or ''}" for basis in item.legal_basis)


def key_text(item: Item) -> str:
    """The fields that together tell one record from another; `subject` is whoever the row is about."""
    titles = {field.name: field.title for field in item.fields}
    return "＋".join(f"“{titles.get(name, '主体')}”" for name in item.key)


def county_text(item: Item) -> str:
    """By what, in order, a record is attributed to a county."""
    titles = {field.name: field.title for field in item.fields}
    steps = (
        f"{COUNTY_RULES[rule.by]}（{titles[rule.field]}）" if rule.field else COUNTY_RULES[rule.by]
        for rule in item.county
    )
    return f"依次看{'、'.join(steps)}；都不成立归市本级"


def condition_text(condition: Condition, item: Item, catalog: Catalog) -> str:
    """当“行政相对人类别”为自然人时."""
    field = item.field(condition.field)
    codes = catalog.code_list(field)
    if condition.in_ is not None:
        return f"“{field.title}”为{_titles(codes, condition.in_)}时"
    if condition.has is not None:
        return f"“{field.title}”含{_titles(codes, condition.has)}时"
    return f"“{field.title}”{'已填' if condition.present else '未填'}时"


def required_text(field: Field, item: Item, catalog: Catalog) -> str:
    """必填, the condition on which it is, the group of which one is, or 选填."""
    if field.required is True:
        return "必填"
    texts = []
    if isinstance(field.required, Condition):
        texts.append(f"{condition_text(field.required, item, catalog)}必填")
    for group in item.one_of:
        if field.name in group:
            others = [f"“{item.field(name).title}”" for name in group if name != field.name]
            named = "、".join(others) if len(others) < 3 else f"{others[0]}等{len(group)}项"
            texts.append(f"与{named}至少填一项")
    return "；".join(texts) or "选填"


def bounds_text(field: Field) -> str:
    """Length and range with the unit, as far as stated."""
    low, high = (_bound(limit, field) for limit in (field.min, field.max))
    before, after = ("不早于", "不晚于") if _is_day(field.min or field.max) else ("不小于", "不大于")
    texts = [f"不超过{field.length}字"] if field.length else []
    if low and high:
        texts.append(f"{low}至{high}")
    elif low or high:
        texts.append(f"{before}{low}" if low else f"{after}{high}")
    return "，".join(texts)


def _is_day(limit: str | None) -> bool:
    return limit is not None and limit.count("-") == 2


def _bound(limit: str | None, field: Field) -> str | None:
    grouped = f"{int(limit):,}" if limit is not None and limit.isdigit() and len(limit) > 4 else limit
    return None if grouped is None else f"{grouped}{field.unit or ''}"


def field_comment(field: Field, item: Item) -> str:
    """What a column of `rec.<item>` says of itself: meaning, unit, code list, sharing class, note, example."""
    kind = TYPES[field.type]
    facts = [kind.title] if kind.title != field.title else []
    facts += [f"单位{field.unit}"] if field.unit else []
    facts += [f"代码表 {field.list}"] if field.list else []
    facts += ["只存假名"] if kind.private else []
    facts += [share_title(item, field)]
    facts += [field.note] if field.note else []
    facts += [f"例 {field.example}"] if field.example else []
    return f"{field.title}（{'；'.join(facts)}）"


def item_comment(item: Item) -> str:
    """What `rec.<item>` says of itself: title, provider, sharing class, legal basis."""
    facts = f"来源{item.owner.provider}；{share_title(item)}；依据{basis_text(item)}"
    return f"{item.title}：各批次的有效行（{facts}）"


def _title(codes: CodeList, code: str) -> str:
    return next((entry.title for entry in codes.codes if entry.code == code), code)


def _titles(codes: CodeList | None, values: tuple[str, ...]) -> str:
    return "、".join(_title(codes, value) if codes else value for value in values)
