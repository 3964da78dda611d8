"""Row rules: SQL predicates derived from the catalog, judged in the one pass that stages a batch.

A predicate sees two columns per field: `t_<field>` (text as delivered, cleaned) and `<field>` (the plain value).
The first rule a row breaks names its fault; the order is part of the contract: records that could not be divided, set-aside rules, then the fields in
catalog order (what the type says, required, length), then one-of groups, the key, and the item's own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch

from catalog.divisions import CITY
from catalog.loader import Catalog
from catalog.model import (
    SUBJECT,
    Adult,
    Condition,
    Differs,
    Empty,
    Field,
    Format,
    Item,
    MatchesId,
    Model,
    NotAbove,
    NotAfterPeriod,
    NotBefore,
    NoTestData,
    Prefix,
    StatedAmount,
    WithinCity,
)
from catalog.period import Period
from catalog.types import TYPES, Repair, Use
from catalog.types.base_sql import literal_list, quote
from catalog.types.date import LONG_TERM

_WHERE_REGION = {
    "100000",
    "130000",
}  # the State's and the province's registrars: they register for every city


@dataclass(frozen=True)
class RowRule:
    """One way a row can be wrong. `when` is true for such rows; `value` is the column whose text is shown.

    `alone`: `when` looks at nothing but the field's own text and plain value, so that it holds of a value, wherever it stands.
    """

    rule: str
    field: str
    level: str
    when: str
    message: str
    value: str
    alone: bool = False


_MALFORMED = RowRule(
    "malformed",
    "",
    "quarantine",
    "_malformed IS NOT NULL AND _malformed <> 'preamble'",
    "行的列数与表头不符、引号不成对、同一项给了两个值，或无标题的列中有值，请核对分隔符、引号与表头",
    "_line",
)
"""A record that the reader could not divide into the file's columns."""


@dataclass(frozen=True)
class RowRules:
    """All rules of an item in one format: `rejecting` in order of precedence, `warnings`, and `repairs` by field."""

    rejecting: tuple[RowRule, ...]
    warnings: tuple[RowRule, ...]
    repairs: tuple[tuple[str, Repair], ...]

    def numbered(self) -> list[tuple[int, RowRule]]:
        """The rejecting rules, each with the number that stands for it as a row's fault; 0 is none."""
        return list(enumerate(self.rejecting, 1))

    def first_broken(self, among: Callable[[RowRule], bool]) -> str:
        """SQL for the number of the first rejecting rule broken, of those asked for; NULL where none is."""
        cases = " ".join(f"WHEN {rule.when} THEN {number}" for number, rule in self.numbered() if among(rule))
        return f"CASE {cases} END" if cases else "NULL"

    def remarked(self, among: Callable[[RowRule], bool], of: Callable[[str], bool]) -> list[str]:
        """SQL conditions under which something is to be remarked: by warnings asked for, by repairs `of` fields asked for."""
        return [
            *(rule.when for rule in self.warnings if among(rule)),
            *(repaired(field, repair) for field, repair in self.repairs if of(field)),
        ]


@dataclass(frozen=True)
class Scope:
    """What rules may refer to beside the row: the item, its format, the catalog, the period."""

    item: Item
    fmt: Format | None
    catalog: Catalog
    period: Period

    def use(self, field: Field) -> Use:
        """The field with the code list that its format gives it."""
        shared = any(other.same_column_as == field.name for other in self.item.fields)
        return Use(field, self.catalog.code_list(field, self.fmt), shared)

    def absent(self, field: str) -> bool:
        """Whether the format has no such field, so that nobody can be asked for it."""
        return self.item.lacks(field, self.fmt)


def text(field: str) -> str:
    """SQL name of a field's text column."""
    return f'"t_{field}"'


def plain(field: str) -> str:
    """SQL name of a field's plain column."""
    return f'"{field}"'


def delivered(field: str) -> str:
    """SQL name of a routed code's text as it stood in the file, before it moved to its own column."""
    return f'"o_{field}"'


def repaired(field: str, repair: Repair) -> str:
    """SQL: whether a field's value was changed so."""
    return f"{text(field)} IS NOT NULL AND {repair.when}"


def any_of(conditions: Sequence[str]) -> str:
    """SQL that is true where one of the conditions is, and never NULL."""
    return " OR ".join(f"coalesce({condition}, FALSE)" for condition in conditions) or "FALSE"


def routed_groups(item: Item) -> list[list[str]]:
    """The codes of each one-of group that can be told apart by their form, where there are at least two."""
    groups = [
        [name for name in group if TYPES[item.field(name).type].form(text(name))] for group in item.one_of
    ]
    return [group for group in groups if len(group) > 1]


def exchanged(scope: Scope) -> tuple[str, str] | None:
    """The subject's USCC and person's number, where the file has both: each is known by its check digits in the other's column."""
    subject = scope.item.subject
    if subject.uscc is None or subject.person is None or subject.uscc == subject.person:
        return None
    if any(
        scope.absent(name) or TYPES[scope.item.field(name).type].certain(text(name)) is None
        for name in (subject.uscc, subject.person)
    ):
        return None
    return subject.uscc, subject.person


def routed_fields(scope: Scope) -> list[str]:
    """All fields between which codes may move to the one they belong to, each once."""
    grouped = (name for group in routed_groups(scope.item) for name in group)
    return list(dict.fromkeys((*grouped, *(exchanged(scope) or ()))))


def stood_in_for(scope: Scope) -> list[str]:
    """Fields whose empty cells another column may fill (`fallback`), in a file that has them."""
    return [f.name for f in scope.item.fields if f.fallback and not scope.absent(f.name)]


def row_rules(scope: Scope) -> RowRules:
    """The rules of an item for one format and period."""
    item = scope.item
    own = [rule for r in item.rules if not _silent(scope, r) for rule in _row_rule(r, scope)]
    found = [
        _MALFORMED,
        *(rule for rule in own if rule.level == "set_aside"),
        *(
            rule
            for field in item.fields
            if not scope.absent(field.name)
            for rule in _field_rules(scope, field)
        ),
        *_one_of_rules(scope),
        *_key_rules(scope),
        *(rule for rule in own if rule.level != "set_aside"),
        *_moved_rules(scope),
    ]
    repairs = [
        (field.name, repair)
        for field in item.fields
        if not scope.absent(field.name)
        for repair in TYPES[field.type].repairs(text(field.name), plain(field.name), scope.use(field))
    ]
    return RowRules(
        rejecting=tuple(rule for rule in found if rule.level != "warn"),
        warnings=tuple(rule for rule in found if rule.level == "warn"),
        repairs=tuple(repairs),
    )


def holds(condition: Condition, table: str = "") -> str:
    """SQL for a condition on another field, of the table so named where several are read; never NULL."""
    column = f"{table}.{plain(condition.field)}" if table else plain(condition.field)
    if condition.in_ is not None:
        return f"coalesce({column} IN ({literal_list(condition.in_)}), FALSE)"
    if condition.has is not None:
        wanted = literal_list(condition.has)
        return f"coalesce(list_has_any(string_split({column}, ';'), [{wanted}]), FALSE)"
    return f"{column} IS {'NOT ' if condition.present else ''}NULL"


def _field_rules(scope: Scope, field: Field) -> Iterator[RowRule]:
    kind, use = TYPES[field.type], scope.use(field)
    t, p = text(field.name), plain(field.name)
    sound = kind.sound(p)
    for fault in kind.faults(t, p, use):
        when = f"{t} IS NOT NULL AND ({fault.when})"
        if sound:
            when = f"CASE WHEN {sound} THEN FALSE ELSE {when} END"
        message = f"“{field.title}”：{fault.message}"
        yield RowRule(fault.rule, field.name, fault.level, when, message, t, alone=not kind.looks_beside)
    # After the type's own faults: what they let pass as no value (000000, 1900-01-01) is a missing one.
    if field.required is True:
        message = f"“{field.title}”为必填项"
        yield RowRule("required", field.name, "quarantine", f"{p} IS NULL", message, t, alone=True)
    elif isinstance(field.required, Condition):
        when = f"{p} IS NULL AND {holds(field.required)}"
        yield RowRule("required", field.name, "quarantine", when, f"“{field.title}”在此情形下为必填项", t)
    if field.length is not None:
        message = f"“{field.title}”超过{field.length}字"
        when = f"length({p}) > {field.length}"
        yield RowRule("over_length", field.name, kind.over_length, when, message, t, alone=True)


def _one_of_rules(scope: Scope) -> Iterator[RowRule]:
    for group in scope.item.one_of:
        fields = [scope.item.field(name) for name in group if not scope.absent(name)]
        if fields:
            when = " AND ".join(f"{plain(f.name)} IS NULL" for f in fields)
            titles = "、".join(f.title for f in fields)
            yield RowRule("one_of", group[0], "quarantine", when, f"{titles}至少填一项", text(group[0]))


def _moved_rules(scope: Scope) -> Iterator[RowRule]:
    for name in stood_in_for(scope):
        field = scope.item.field(name)
        if field.fallback and not scope.absent(field.fallback):
            message = (
                f"“{field.title}”没有填或没有编号，按填报说明取“{scope.item.field(field.fallback).title}”"
            )
            kind = TYPES[field.type]
            unsaid = kind.says_nothing(delivered(name))
            empty = f"({delivered(name)} IS NULL OR {unsaid})" if unsaid else f"{delivered(name)} IS NULL"
            yield RowRule(
                "fallback", name, "warn", f"{empty} AND {text(name)} IS NOT NULL", message, delivered(name)
            )
    for name in routed_fields(scope):
        if not scope.absent(name):
            was, now = delivered(name), text(name)
            when = f"{was} IS NOT NULL AND {now} IS DISTINCT FROM {was}"
            message = f"“{scope.item.field(name).title}”栏中是另一种代码，已按形式归入其所属的栏"
            yield RowRule("code_moved", name, "warn", when, message, was)


def _key_rules(scope: Scope) -> Iterator[RowRule]:
    for name in scope.item.key:
        if name != SUBJECT and scope.item.field(name).required is not True:
            title = scope.item.field(name).title
            yield RowRule(
                "key_missing",
                name,
                "quarantine",
                f"{plain(name)} IS NULL",
                f"“{title}”是本目录的关键项，缺少则无法认定为哪条记录",
                text(name),
                alone=True,
            )


def _silent(scope: Scope, rule: Model) -> bool:
    """A rule about a field that the format lacks has nothing to say."""
    named = [getattr(rule, attribute, None) for attribute in ("field", "other", "by", "id", "text")]
    return any(isinstance(name, str) and scope.absent(name) for name in named)


def _only_then(cheap: str, dear: str) -> str:
    """Both conditions, the dear one looked at only where the cheap one holds: AND would compute it for every row."""
    return f"CASE WHEN {cheap} THEN {dear} ELSE FALSE END"


@singledispatch
def _row_rule(rule: Model, scope: Scope) -> list[RowRule]:
    raise NotImplementedError(f"no SQL for the rule {type(rule).__name__}")


@_row_rule.register
def _(rule: NotBefore, scope: Scope) -> list[RowRule]:
    later, earlier = scope.item.field(rule.field).title, scope.item.field(rule.other).title
    when = f"{plain(rule.field)} < {plain(rule.other)}"
    return [RowRule(rule.rule, rule.field, rule.level, when, f"“{later}”早于“{earlier}”", text(rule.field))]


@_row_rule.register
def _(rule: NotAfterPeriod, scope: Scope) -> list[RowRule]:
    title = scope.item.field(rule.field).title
    limit = f"DATE '{scope.period.last_day}' + {rule.days}"
    when = f"{plain(rule.field)} > {limit} AND {plain(rule.field)} < DATE '{LONG_TERM}'"
    message = f"“{title}”晚于报送日期"
    return [RowRule(rule.rule, rule.field, rule.level, when, message, text(rule.field), alone=True)]


@_row_rule.register
def _(rule: NotAbove, scope: Scope) -> list[RowRule]:
    part, whole = scope.item.field(rule.field).title, scope.item.field(rule.other).title
    when = f"{plain(rule.field)} > {plain(rule.other)}"
    return [RowRule(rule.rule, rule.field, rule.level, when, f"“{part}”大于“{whole}”", text(rule.field))]


@_row_rule.register
def _(rule: Differs, scope: Scope) -> list[RowRule]:
    one, two = scope.item.field(rule.field).title, scope.item.field(rule.other).title
    when = f"{plain(rule.field)} = {plain(rule.other)}"
    return [RowRule(rule.rule, rule.field, rule.level, when, f"“{one}”与“{two}”相同", text(rule.field))]


@_row_rule.register
def _(rule: Prefix, scope: Scope) -> list[RowRule]:
    code = plain(rule.field)

    def foreign(prefixes: tuple[str, ...]) -> str:
        return " AND ".join(f"NOT starts_with({code}, {quote(prefix)})" for prefix in prefixes)

    title = scope.item.field(rule.field).title
    if rule.in_ is not None:
        expected = "、".join(rule.in_)
        aside = rule.level == "set_aside"
        message = f"“{title}”不以{expected}开头，" + ("属于其他目录" if aside else "与主体类别不符")
        # An unreadable code belongs nowhere yet: it is a fault of its own, not another catalog item's row.
        when = _only_then(foreign(rule.in_), f"xt_is_uscc({code})") if aside else foreign(rule.in_)
        return [
            RowRule(
                rule.rule,
                rule.field,
                rule.level,
                when,
                message,
                text(rule.field),
                alone=True,
            )
        ]
    assert rule.by is not None
    assert rule.allow is not None
    cases = [
        f"({plain(rule.by)} = {quote(value)} AND {foreign(prefixes)})"
        for value, prefixes in rule.allow.items()
    ]
    by_title = scope.item.field(rule.by).title
    return [
        RowRule(
            rule.rule,
            rule.field,
            rule.level,
            " OR ".join(cases),
            f"“{title}”前两位与“{by_title}”不符",
            text(rule.field),
        )
    ]


@_row_rule.register
def _(rule: WithinCity, scope: Scope) -> list[RowRule]:
    divisions = scope.catalog.divisions
    ours = sorted({row.code[:6] for row in divisions.rows} | _WHERE_REGION)
    name = next(row.name for row in divisions.rows if row.code == CITY).removesuffix("市")
    city = plain(rule.city) if rule.city and not scope.absent(rule.city) else "NULL::VARCHAR"
    by_code = "FALSE"
    if rule.code and not scope.absent(rule.code):
        code = plain(rule.code)
        elsewhere = f"substr({code}, 3, 6) NOT IN ({literal_list(tuple(ours))})"
        by_code = _only_then(elsewhere, f"xt_is_uscc({code})")
    when = f"CASE WHEN {city} IS NOT NULL THEN NOT contains({city}, {quote(name)}) ELSE coalesce({by_code}, FALSE) END"
    field = rule.city or rule.code or ""
    return [RowRule(rule.rule, field, rule.level, when, "不是本市主体，已搁置", text(field))]


@_row_rule.register
def _(rule: MatchesId, scope: Scope) -> list[RowRule]:
    number, title = plain(rule.id), scope.item.field(rule.field).title
    derived = {
        "birth_date": f"xt_id_birth({number})",
        "sex": f"CASE WHEN contains('13579', substr({number}, 17, 1)) THEN '1' ELSE '2' END",
    }[rule.what]
    stated = {"birth_date": "TRUE", "sex": f"{plain(rule.field)} IN ('1', '2')"}[rule.what]
    when = _only_then(f"{stated} AND {plain(rule.field)} <> {derived}", f"xt_is_id({number})")
    return [
        RowRule(rule.rule, rule.field, rule.level, when, f"“{title}”与公民身份号码不一致", text(rule.field))
    ]


@_row_rule.register
def _(rule: Adult, scope: Scope) -> list[RowRule]:
    on = (
        f"coalesce({plain(rule.on)}, DATE '{scope.period.last_day}')"
        if rule.on
        else f"DATE '{scope.period.last_day}'"
    )
    minor = f"xt_id_birth({plain(rule.id)}) + INTERVAL 18 YEAR > {on}"
    when = _only_then(minor, f"xt_is_id({plain(rule.id)})")
    return [RowRule(rule.rule, rule.id, rule.level, when, "当事人未满18周岁，不得归集", text(rule.id))]


@_row_rule.register
def _(rule: Empty, scope: Scope) -> list[RowRule]:
    title = scope.item.field(rule.field).title
    when = f"{text(rule.field)} IS NOT NULL AND {holds(rule.when)}"
    return [RowRule(rule.rule, rule.field, rule.level, when, f"此类主体不应填“{title}”", text(rule.field))]


@_row_rule.register
def _(rule: StatedAmount, scope: Scope) -> list[RowRule]:
    field = scope.item.field(rule.field)
    stated = f"replace(replace({plain(rule.text)}, ',', ''), '，', '')"
    found = f"regexp_extract_all({stated}, '([0-9]+(?:[.][0-9]+)?){{}}元', 1)"
    yuan, wan = (f"list_transform({found.format(unit)}, n -> try_cast(n AS DOUBLE))" for unit in ("", "万"))
    amount = f"{plain(rule.field)}::DOUBLE"
    # Whole amounts from 50 on: a fine of as many 万元 is rare, one of as many 元 is not.
    when = (
        f"CASE WHEN {plain(rule.field)} >= 50 THEN list_contains({yuan}, {amount}) AND NOT list_contains({wan}, {amount})"
        f" AND NOT list_contains({yuan}, {amount} * 10000) ELSE FALSE END"
    )
    message = f"“{field.title}”与文字中的“元”数相同，应为以{field.unit}计的数，请换算后重报"
    return [RowRule(rule.rule, rule.field, rule.level, when, message, text(rule.field))]


@_row_rule.register
def _(rule: NoTestData, scope: Scope) -> list[RowRule]:
    title = scope.item.field(rule.field).title
    column = plain(rule.field)
    when = f"regexp_matches({column}, '测试|演示数据|(?i)\\btest') OR {column} IN ('张三', '李四', '王五', '123456', '12345')"
    message = f"“{title}”疑似测试数据"
    return [RowRule(rule.rule, rule.field, rule.level, when, message, text(rule.field), alone=True)]
