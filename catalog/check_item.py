"""One catalog item against itself, its file and the rest of the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from catalog.channel import DatabaseSource
from catalog.describe import LINEAGE
from catalog.errors import UserError
from catalog.fixed_width import FixedColumn, FixedWidth
from catalog.forbidden import ForbiddenFields
from catalog.groups import Expanded, Keys
from catalog.headers import delivered_fields, headings, normalise_header
from catalog.loader import Catalog, Finding
from catalog.model import (
    IDENTIFIERS,
    RULE_FIELDS,
    STANDARD,
    SUBJECT,
    Adult,
    Condition,
    Empty,
    Field,
    Format,
    Item,
    MatchesId,
    NotAbove,
    NotAfterPeriod,
    NotBefore,
    Prefix,
    WithinCity,
)
from catalog.period import Period
from catalog.types import TYPES

RESERVED = frozenset({
    *(name for name, _, _ in LINEAGE), "ignored", "fault", "flag", SUBJECT,
})  # fmt: skip
"""Columns the warehouse adds to every record: no field may take their names."""
_PREFIXES = ("t_", "o_", "p_", "b_")
"""What stands before a field's name where staging keeps its text, its delivered text, its clear number, its text uncorrected."""
_TYPE_KEYS = ("unit", "list", "length", "min", "max", "document_kind", "same_column_as")
_PART_FIELDS = (
    "from_",
    "until",
    "ended",
    "degree",
    "kinds",
    "record_no",
    "catalog",
    "begun",
    "concluded",
    "conclusion",
)
"""Keys of an item's publicity and process that name fields."""


@dataclass
class ItemCheck:
    """One item against itself, its file and the rest of the catalog."""

    item: Item
    source: Expanded
    catalog: Catalog
    forbidden: ForbiddenFields
    fields: dict[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        self.fields = {f.name: f for f in self.item.fields}

    def at(self, what: str, remedy: str, *keys: str | int) -> Finding:
        return Finding(*self.source.place(*keys), what, remedy)

    def findings(self) -> Iterator[Finding]:
        """Everything wrong with the item, in the order of its file's parts."""
        yield from self._facts()
        yield from self._publicity()
        yield from self._bounds()
        yield from self._named()
        yield from self._subject()
        yield from self._keys()
        for number, each in enumerate(self.item.fields):
            yield from self._field(each, ("fields", number))
        for number, rule in enumerate(self.item.rules):
            yield from self._rule(rule, ("rules", number))
        yield from self._checks()
        for number, fmt in enumerate(self.item.formats):
            yield from self._format(fmt, ("formats", number))
        yield from self._headings()
        yield from self._alike()
        for number in range(len(self.item.sources)):
            yield from self._source(number, ("sources", number))

    # -- facts about the item ---------------------------------------------------------------------------

    def _facts(self) -> Iterator[Finding]:
        item, catalog = self.item, self.catalog
        folder = self.source.path.parent.name
        if item.department not in catalog.departments:
            yield self.at(
                f"部门“{item.department}”不在部门表中",
                "改成 catalog/reference/departments.csv 中的标识，或在该表中增加",
                "department",
            )
        elif folder != item.department:
            yield self.at(
                f"文件在“{folder}”之下，部门却是“{item.department}”",
                f"移到 items/{item.department}/ 或改正部门",
                "department",
            )
        categories = catalog.lists.get("category")
        if categories is not None and item.category not in {c.code for c in categories.codes}:
            yield self.at(
                f"类别“{item.category}”不在代码表“{categories.title}”中", "改成表中的代码", "category"
            )
        if item.library not in catalog.libraries:
            yield self.at(f"库“{item.library}”不存在", "改成 catalog/libraries 中的库，或先声明它", "library")
        if not item.legal_basis or any(not basis.document.strip() for basis in item.legal_basis):
            yield self.at("没有归集依据", "写明依据的文件（legal_basis）；没有依据的不得归集", "legal_basis")
        for name, value in (
            ("title", item.title),
            ("retention", item.retention),
            ("owner", item.owner.provider),
        ):
            if not value.strip():
                yield self.at(f"“{name}”是空的", "补上", name)
        try:
            Period.parse(item.provision.since)
        except UserError:
            yield self.at(
                f"起始期次“{item.provision.since}”不是有效的年月",
                "写成 YYYY-MM，例如 2019-10",
                "provision",
                "since",
            )
        yield from self._end()

    def _end(self) -> Iterator[Finding]:
        """`end` is the last period of the duty; `expires` the date field with which a record ends."""
        end, expires = self.item.end, self.fields.get(self.item.expires or "")
        if expires is not None and expires.type in TYPES and TYPES[expires.type].storage != "DATE":
            yield self.at(f"终止项“{expires.title}”不是日期", "写一个日期类数据项", "expires")
        if end is None:
            return
        try:
            last = Period.parse(end)
        except UserError:
            yield self.at(
                f"终止期次“{end}”不是有效的年月", "写成 YYYY-MM；记录的终止日期项写在 expires", "end"
            )
            return
        if str(last) < self.item.provision.since:
            yield self.at(f"终止期次 {end} 早于起始期次 {self.item.provision.since}", "核对两个期次", "end")

    def _publicity(self) -> Iterator[Finding]:
        publicity = self.item.publicity
        if publicity is None:
            return
        for key in ("from_", "until", "ended"):
            found = self.fields.get(getattr(publicity, key) or "")
            if found is not None and found.type in TYPES and TYPES[found.type].storage != "DATE":
                yield self.at(
                    f"公示所据的“{found.title}”不是日期", "写一个日期类数据项", "publicity", key.rstrip("_")
                )
        if publicity.period is None:
            return
        if publicity.period not in self.catalog.publicity:
            yield self.at(
                f"没有公示期“{publicity.period}”",
                "改成 catalog/reference/publicity.yml 中的，或先在该文件写明",
                "publicity",
                "period",
            )
        if publicity.from_ is None:
            yield self.at("有公示期而没有起算日", "写明 from（作出决定的日期项）", "publicity", "period")

    def _bounds(self) -> Iterator[Finding]:
        item = self.item
        if item.rows.min < 1:
            yield self.at(
                f"最少行数 {item.rows.min} 小于1", "至少写1：没有数据的应作零报告，不是空文件", "rows", "min"
            )
        if item.rows.min > item.rows.max:
            yield self.at(
                f"最少行数 {item.rows.min} 大于最多行数 {item.rows.max}", "核对 rows 的上下限", "rows", "max"
            )
        warn, fail = item.reject_rate.warn, item.reject_rate.fail
        if not (0 <= warn <= 1 and 0 <= fail <= 1):
            yield self.at(
                f"差错率限值 {warn}、{fail} 不在0到1之间", "写成小数，例如百分之二写成0.02", "reject_rate"
            )
        if warn > fail:
            yield self.at(
                f"差错率提醒值 {warn} 高于拒收值 {fail}", "提醒值应低于拒收值", "reject_rate", "warn"
            )
        if item.due.working_days is not None and item.due.working_days < 1:
            yield self.at("工作日数小于1", "写成1以上的整数，或删去", "due", "working_days")
        if (item.due.working_days is None) != (item.due.after is None):
            yield self.at("工作日数与起算日期项须同时写", "补上 working_days 或 after（起算的日期项）", "due")

    # -- names of fields --------------------------------------------------------------------------------

    def _named(self) -> Iterator[Finding]:
        for name, keys in self._mentions():
            if name not in self.fields:
                yield self.at(f"{_path(keys)} 所指的数据项“{name}”不存在", "改成 fields 中某项的 name", *keys)

    def _mentions(self) -> Iterator[tuple[str, Keys]]:
        item = self.item
        yield from ((name, ("key", i)) for i, name in enumerate(item.key) if name != SUBJECT)
        yield from (
            (name, ("one_of", i, j)) for i, group in enumerate(item.one_of) for j, name in enumerate(group)
        )
        for role in ("name", *IDENTIFIERS, "address"):
            if (name := getattr(item.subject, role)) is not None:
                yield name, ("subject", role)
        for name in ("source_time", "expires"):
            if (stated := getattr(item, name)) is not None:
                yield stated, (name,)
        if item.due.after is not None:
            yield item.due.after, ("due", "after")
        for i, step in enumerate(item.county):
            if step.field is not None:
                yield step.field, ("county", i, "field")
        for i, expectation in enumerate(item.checks):
            if expectation.field is not None:
                yield expectation.field, ("checks", i, "field")
        for i, rule in enumerate(item.rules):
            for key in RULE_FIELDS:
                if isinstance(name := getattr(rule, key, None), str):
                    yield name, ("rules", i, key)
        for condition, keys in self._conditions():
            yield condition.field, (*keys, "field")
        for part in ("publicity", "process"):
            for key, value in getattr(item, part) or {}:
                if key in _PART_FIELDS and value is not None:
                    names = (value,) if isinstance(value, str) else value
                    yield from ((name, (part, key.rstrip("_"))) for name in names)
        for i, each in enumerate(item.fields):
            for key in ("document_kind", "same_column_as", "fallback"):
                if (name := getattr(each, key, None)) is not None:
                    yield name, ("fields", i, key)
        for i, fmt in enumerate(item.formats):
            yield from ((name, ("formats", i, "headers", name)) for name in fmt.headers)
            yield from ((name, ("formats", i, "lists", name)) for name in fmt.lists)
            yield from ((name, ("formats", i, "absent", j)) for j, name in enumerate(fmt.absent))

    def _conditions(self) -> Iterator[tuple[Condition, Keys]]:
        for i, each in enumerate(self.item.fields):
            if isinstance(each.required, Condition):
                yield each.required, ("fields", i, "required")
        for i, rule in enumerate(self.item.rules):
            if isinstance(rule, Empty):
                yield rule.when, ("rules", i, "when")
        if self.item.publicity is not None and self.item.publicity.withdrawn is not None:
            yield self.item.publicity.withdrawn, ("publicity", "withdrawn")

    # -- subject and key --------------------------------------------------------------------------------

    def _subject(self) -> Iterator[Finding]:
        subject = self.item.subject
        identifiers = [role for role in IDENTIFIERS if getattr(subject, role) is not None]
        wanted = {"person": ["person"], "any": list(IDENTIFIERS)}.get(
            subject.kind, [r for r in IDENTIFIERS if r != "person"]
        )
        if not set(identifiers) & set(wanted):
            yield self.at(
                "主体没有可据以识别的标识项", f"在 subject 中写 {'、'.join(wanted)} 之一", "subject"
            )
        for role in identifiers:
            found = self.fields.get(getattr(subject, role))
            if found is None or found.type not in TYPES:
                continue
            if TYPES[found.type].private != (role == "person"):
                yield self.at(
                    f"主体标识 {role} 所指的“{found.title}”类型不符",
                    "person 应指证件号码，其余应指机构代码",
                    "subject",
                    role,
                )
            elif role in TYPES and found.type != role:  # a role and its type bear one name
                yield self.at(
                    f"主体标识 {role} 所指的“{found.title}”类型是 {found.type}",
                    f"该项的 type 应为 {role}",
                    "subject",
                    role,
                )

    def _keys(self) -> Iterator[Finding]:
        item = self.item
        if not item.key:
            yield self.at("没有关键项", "写明哪些数据项共同认定一条记录（key）", "key")
        for i, name in enumerate(item.key):
            found = self.fields.get(name)
            if found is not None and found.required is not True:
                yield self.at(f"关键项“{found.title}”可能为空", "写 required: true，或另选关键项", "key", i)
        for i, fmt in enumerate(item.formats):
            if item.key and all(item.lacks(name, fmt) for name in item.key):
                yield self.at(
                    f"格式“{fmt.id}”缺少全部关键项",
                    "这种格式无法认定记录，删去该格式或另选关键项",
                    "formats",
                    i,
                    "absent",
                )
        for i, group in enumerate(item.one_of):
            if len(group) < 2:
                yield self.at(
                    "“至少填一项”只列了一项", "写两项以上；只有一项的用 required: true", "one_of", i
                )
        for i, step in enumerate(item.county):
            if step.field is None:
                yield self.at(f"属地规则 {step.by} 没有写 field", "写明据以判定的数据项", "county", i)
        time = self.fields.get(item.source_time or "")
        if time is not None and time.type in TYPES and TYPES[time.type].storage != "DATE":
            yield self.at(f"来源时间“{time.title}”不是日期", "写一个日期类数据项", "source_time")

    # -- one field --------------------------------------------------------------------------------------

    def _field(self, each: Field, keys: Keys) -> Iterator[Finding]:
        if next(f for f in self.item.fields if f.name == each.name) is not each:
            yield self.at(f"数据项“{each.name}”写了两次", "改用另一个 name", *keys, "name")
        if each.name in RESERVED or each.name.startswith(_PREFIXES):
            yield self.at(f"“{each.name}”是系统列名", "改用另一个 name", *keys, "name")
        if each.only is not None and self.item.format(each.only) is None:
            yield self.at(f"格式“{each.only}”不存在", "改成 formats 中某个格式的 id", *keys, "only")
        if each.list is not None and each.list not in self.catalog.lists:
            yield self.at(
                f"代码表“{each.list}”不存在", "改成 reference/lists 中的代码表，或新建", *keys, "list"
            )
        if each.type not in TYPES:
            yield self.at(f"语义类型“{each.type}”不存在", f"改成 {'、'.join(TYPES)} 之一", *keys, "type")
            return
        kind = TYPES[each.type]
        stated = {key for key in _TYPE_KEYS if getattr(each, key) is not None}
        for key in sorted(stated - kind.options - kind.needs):
            yield self.at(f"类型“{each.type}”用不上“{key}”", "删去，或换一个类型", *keys, key)
        for key in sorted(kind.needs - stated):
            yield self.at(f"类型“{each.type}”缺少“{key}”", "补上", *keys)
        if kind.units and each.unit is not None and each.unit not in kind.units:
            yield self.at(f"单位“{each.unit}”无法换算", f"写成 {'、'.join(kind.units)} 之一", *keys, "unit")
        if kind.units and each.max is None:
            yield self.at(f"“{each.title}”没有上限", "写 max：以元为单位的数填进万元栏时靠它发现", *keys)
        if each.length is not None and each.length < 1:
            yield self.at(f"长度 {each.length} 小于1", "写成1以上的整数", *keys, "length")
        yield from self._limits(each, kind.storage, keys)
        yield from self._condition(each.required, (*keys, "required"))
        if kind.private and (each.share or self.item.share) == "public":
            yield self.at(f"证件号码“{each.title}”不得社会公开", "写 share: authorised", *keys, "share")
        judged_by = self.fields.get(each.document_kind or "")
        if judged_by is not None and judged_by.list is None:
            yield self.at(
                f"证件类型“{judged_by.title}”没有代码表",
                "document_kind 应指一个有代码表的数据项",
                *keys,
                "document_kind",
            )
        source = self.fields.get(each.same_column_as or "")
        if source is not None and (source.same_column_as is not None or source is each):
            yield self.at(
                f"“{source.title}”自己没有列", "same_column_as 应指有列的数据项", *keys, "same_column_as"
            )
        spare = self.fields.get(each.fallback or "")
        if spare is not None and (
            spare is each or spare.type not in TYPES or TYPES[spare.type].storage != kind.storage
        ):
            yield self.at(
                f"“{spare.title}”不能代替“{each.title}”", "fallback 应指同类的另一数据项", *keys, "fallback"
            )
        if each.same_column_as is not None and each.headers:
            yield self.at(f"“{each.title}”取自另一项的列，不用表头", "删去 headers", *keys, "headers")

    def _limits(self, each: Field, storage: str, keys: Keys) -> Iterator[Finding]:
        parsed: dict[str, date | Decimal] = {}
        for key in ("min", "max"):
            text = getattr(each, key)
            if text is None:
                continue
            try:
                parsed[key] = date.fromisoformat(text) if storage == "DATE" else _finite(text)
            except (ValueError, InvalidOperation):
                form = "日期 YYYY-MM-DD" if storage == "DATE" else "数字"
                yield self.at(f"“{each.title}”的 {key}“{text}”不是{form[:2]}", f"写成{form}", *keys, key)
        if len(parsed) == 2 and parsed["min"] > parsed["max"]:  # type: ignore[operator]
            yield self.at(
                f"“{each.title}”的下限 {each.min} 大于上限 {each.max}", "核对 min 与 max", *keys, "max"
            )

    def _condition(self, condition: object, keys: Keys) -> Iterator[Finding]:
        if not isinstance(condition, Condition) or condition.field not in self.fields:
            return
        key = "in" if condition.in_ is not None else "has"
        values = condition.in_ if condition.in_ is not None else condition.has
        if values is not None:
            yield from self._values(self.fields[condition.field], values, (*keys, key))

    def _values(self, tested: Field, values: Iterable[str], keys: Keys) -> Iterator[Finding]:
        """Values that a condition compares with must be canonical codes of the field's list."""
        code_list = self.catalog.lists.get(tested.list or "")
        if tested.list is None:
            yield self.at(
                f"“{tested.title}”没有代码表，无从比较其值",
                "条件只能用于有代码表的数据项，或改用 present",
                *keys,
            )
        if code_list is None:
            return
        known = {c.code for c in code_list.codes}
        for value in values:
            if value not in known and not (
                code_list.other_prefix and value.startswith(code_list.other_prefix)
            ):
                yield self.at(
                    f"“{value}”不是代码表“{code_list.id}”的代码",
                    f"改成 {'、'.join(sorted(known))} 之一",
                    *keys,
                )

    # -- rules and checks -------------------------------------------------------------------------------

    def _rule(self, rule: object, keys: Keys) -> Iterator[Finding]:
        match rule:
            case NotBefore():
                yield from self._must_be(keys, "日期", rule, "field", "other")
            case NotAbove():
                yield from self._must_be(keys, "数", rule, "field", "other")
                if len({self.fields[n].unit for n in (rule.field, rule.other) if n in self.fields}) > 1:
                    yield self.at("比较的两项单位不同", "用同一单位", *keys)
            case NotAfterPeriod():
                yield from self._must_be(keys, "日期", rule, "field")
                if rule.days < 0:
                    yield self.at("宽限天数小于0", "写成0以上的整数", *keys, "days")
            case Adult():
                yield from self._must_be(keys, "证件号码", rule, "id")
                yield from self._must_be(keys, "日期", rule, "on")
            case MatchesId():
                yield from self._must_be(keys, "证件号码", rule, "id")
                if rule.what == "birth_date":
                    yield from self._must_be(keys, "日期", rule, "field")
                elif rule.field in self.fields:
                    yield from self._values(self.fields[rule.field], ("1", "2"), (*keys, "field"))
            case WithinCity() if rule.city is None and rule.code is None:
                yield self.at("within_city 没有写 city 或 code", "写明据以判断的数据项", *keys)
            case Prefix() if rule.allow is not None and rule.by in self.fields:
                yield from self._values(self.fields[rule.by], rule.allow, (*keys, "allow"))
            case Empty():
                yield from self._condition(rule.when, (*keys, "when"))

    def _must_be(self, keys: Keys, what: str, rule: object, *names: str) -> Iterator[Finding]:
        for name in names:
            found = self.fields.get(getattr(rule, name) or "")
            if found is None or found.type not in TYPES:
                continue
            kind = TYPES[found.type]
            fits = {
                "证件号码": kind.private,
                "日期": kind.storage == "DATE",
                "数": kind.storage.startswith(("DECIMAL", "BIGINT")),
            }
            if not fits[what]:
                yield self.at(f"规则中的“{found.title}”不是{what}", f"改成{what}类数据项", *keys, name)

    def _checks(self) -> Iterator[Finding]:
        wanted = {
            "fill_rate_min": {"field", "value"},
            "distinct_max_share": {"field", "value"},
            "volume_change": {"months", "tolerance"},
        }
        for i, each in enumerate(self.item.checks):
            stated = {k for k in ("field", "value", "months", "tolerance") if getattr(each, k) is not None}
            for key in sorted(wanted[each.check] - stated):
                yield self.at(f"整批检查 {each.check} 缺少“{key}”", "补上", "checks", i)
            for key in sorted(stated - wanted[each.check]):
                yield self.at(f"整批检查 {each.check} 用不上“{key}”", "删去", "checks", i, key)
            if each.value is not None and not 0 <= each.value <= 1:
                yield self.at(f"比例 {each.value} 不在0到1之间", "写成小数", "checks", i, "value")
            if each.months is not None and each.months < 1:
                yield self.at("比较的月数小于1", "写成1以上的整数", "checks", i, "months")
            if each.check == "volume_change" and each.level == "fail":
                yield self.at(
                    "行数变化不能阻断入库：收与不收不得取决于以前收过什么",
                    "把 level 改为 warn",
                    "checks",
                    i,
                    "level",
                )
            if each.tolerance is not None and each.tolerance <= 0:
                yield self.at("容许的变化不大于0", "写成正数，例如0.8", "checks", i, "tolerance")

    # -- formats and headings ---------------------------------------------------------------------------

    def _format(self, fmt: Format, keys: Keys) -> Iterator[Finding]:
        if fmt.id == STANDARD or next(f for f in self.item.formats if f.id == fmt.id) is not fmt:
            yield self.at(f"格式标识“{fmt.id}”已被占用", "改用另一个标识", *keys, "id")
        if fmt.fixed_width is not None:
            yield from self._fixed_width(fmt, fmt.fixed_width, (*keys, "fixed_width"))
        for name in fmt.headers:
            if name in fmt.absent:
                yield self.at(
                    f"格式“{fmt.id}”中的“{name}”既有表头又列为缺少", "二者删去其一", *keys, "headers", name
                )
            if name in self.fields and self.fields[name].same_column_as is not None:
                yield self.at(f"“{name}”取自另一项的列，不用表头", "删去", *keys, "headers", name)
        for name, list_id in fmt.lists.items():
            where = (*keys, "lists", name)
            if list_id not in self.catalog.lists:
                yield self.at(f"代码表“{list_id}”不存在", "改成 reference/lists 中的代码表，或新建", *where)
                continue
            own = self.catalog.lists.get(self.fields[name].list or "") if name in self.fields else None
            if own is None:
                continue
            alien = {c.code for c in self.catalog.lists[list_id].codes} - {c.code for c in own.codes}
            if alien:
                yield self.at(
                    f"代码表“{list_id}”的代码 {'、'.join(sorted(alien))} 在“{own.id}”中没有",
                    "两个版本的代码须换算成同一套",
                    *where,
                )

    def _fixed_width(self, fmt: Format, shape: FixedWidth, keys: Keys) -> Iterator[Finding]:
        """The columns are fields of the format, each at a place of its own, none too narrow for what it holds."""
        delivered = {f.name: f for f in delivered_fields(self.item, fmt)}
        placed: dict[str, FixedColumn] = {}
        for i, column in enumerate(shape.columns):
            where = (*keys, "columns", i)
            each = delivered.get(column.field)
            if each is None:
                yield self.at(
                    f"“{column.field}”不是此格式中有列的数据项", "改成数据项的 name，或删去", *where
                )
            elif column.field in placed:
                yield self.at(f"“{column.field}”有两处列位", "删去其一", *where)
            elif column.length < (least := TYPES[each.type].shortest):
                yield self.at(
                    f"“{column.field}”占 {column.length} 位，{TYPES[each.type].title}至少 {least} 位",
                    "核对部门给的列位表", *where, "length",
                )  # fmt: skip
            for other in placed.values():
                if column.start <= other.end and other.start <= column.end:
                    yield self.at(
                        f"“{column.field}”（{column.start}—{column.end} 位）与“{other.field}”（{other.start}—{other.end} 位）重叠",
                        "核对部门给的列位表", *where, "start",
                    )  # fmt: skip
            placed.setdefault(column.field, column)
        for each in delivered.values():
            if (each.required is True or each.name in self.item.key) and each.name not in placed:
                yield self.at(
                    f"必填的“{each.name}”没有列位",
                    "在 columns 中写明，或列入此格式的 absent",
                    *keys,
                    "columns",
                )

    def _headings(self) -> Iterator[Finding]:
        """Each heading of a format means one field; none is both read and ignored; none is forbidden."""
        yield from self._banned(self.item.title, ("title",))
        for fmt in (None, *self.item.formats):
            name = fmt.id if fmt else STANDARD
            meanings: dict[str, Field] = {}
            for each in delivered_fields(self.item, fmt):
                for heading in headings(each, fmt):
                    keys = self._where(each, fmt, heading)
                    other = meanings.setdefault(normalise_header(heading), each)
                    if other.name != each.name:
                        yield self.at(
                            f"表头“{heading}”在格式“{name}”中既是“{other.name}”又是“{each.name}”",
                            "只留给其中一项", *keys,
                        )  # fmt: skip
                    yield from self._banned(heading, keys)
            ignored: list[tuple[str, Keys]] = [(h, ("ignore", i)) for i, h in enumerate(self.item.ignore)]
            if fmt is not None:
                number = self.item.formats.index(fmt)
                ignored += [(h, ("formats", number, "ignore", i)) for i, h in enumerate(fmt.ignore)]
            for heading, keys in ignored:
                mapped = meanings.get(normalise_header(heading))
                if mapped is not None:
                    yield self.at(
                        f"表头“{heading}”在格式“{name}”中既列为忽略又是“{mapped.name}”",
                        "二者删去其一",
                        *keys,
                    )
                yield from self._banned(heading, keys)

    def _banned(self, heading: str, keys: Keys) -> Iterator[Finding]:
        rule = self.forbidden.find(normalise_header(heading))
        if rule is not None:
            yield self.at(f"“{heading}”属不得归集的信息：{rule.reason}", f"删去（{rule.source}）", *keys)

    def _where(self, each: Field, fmt: Format | None, heading: str) -> Keys:
        """Where a field's heading is written."""
        if fmt is not None and each.name in fmt.headers:
            return (
                "formats",
                self.item.formats.index(fmt),
                "headers",
                each.name,
                fmt.headers[each.name].index(heading),
            )
        keys: Keys = ("fields", self.item.fields.index(each))
        if heading in each.headers:
            return (*keys, "headers", each.headers.index(heading))
        return (*keys, "title" if heading == each.title else "name")

    def _source(self, number: int, keys: Keys) -> Iterator[Finding]:
        """A source names what there is: fields, format, department, division; its name is its own."""
        source = self.item.sources[number]
        if source.id in {other.id for other in self.item.sources[:number]}:
            yield self.at(f"来源标识“{source.id}”已被占用", "改用另一个标识", *keys, "id")
        if source.department is not None and source.department not in self.catalog.departments:
            yield self.at(f"部门“{source.department}”不在部门表中", "改成部门表中的标识", *keys, "department")
        if source.division is not None and not self.catalog.divisions.known(source.division):
            yield self.at(
                f"区划“{source.division}”不在区划表中", "改成六位区划代码，并加引号", *keys, "division"
            )
        if not isinstance(source, DatabaseSource):
            return
        fmt = self.item.format(source.format) if source.format else None
        if source.format and fmt is None:
            yield self.at(
                f"格式“{source.format}”不在 formats 中", "改成 formats 中的 id，或删去", *keys, "format"
            )
            return
        delivered = {f.name: f for f in delivered_fields(self.item, fmt)}
        for name in source.columns:
            if name not in delivered:
                yield self.at(
                    f"“{name}”不是此格式中有列的数据项", "改成数据项的 name，或删去", *keys, "columns", name
                )
        for name, column in source.columns.items():
            yield from self._banned(column, (*keys, "columns", name))
        for each in delivered.values():
            if each.required is True and each.name not in source.columns:
                yield self.at(f"必填的“{each.name}”没有对应的列", "在 columns 中写明", *keys, "columns")

    def _alike(self) -> Iterator[Finding]:
        """A file with all headings of one format, in any spelling, must not look more like another."""
        formats = [None, *(f for f in self.item.formats if f.fixed_width is None)]
        for fmt in formats:
            rows = list(_header_rows(self.item, fmt))
            for other in formats:
                if other is fmt:
                    continue
                # Of equals the one that stands first is taken.
                ahead = 0 if formats.index(other) < formats.index(fmt) else 1
                if any(
                    _likeness(self.item, other, row) >= _likeness(self.item, fmt, row) + ahead for row in rows
                ):
                    names = [f.id if f else STANDARD for f in (fmt, other)]
                    keys: Keys = ("fields",) if fmt is None else ("formats", self.item.formats.index(fmt))
                    yield self.at(
                        f"格式“{names[0]}”的表头与“{names[1]}”分不开",
                        "给它只有自己才有的表头，或删去该格式",
                        *keys,
                    )


def _finite(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number


def _header_rows(item: Item, fmt: Format | None) -> Iterator[list[str]]:
    """The header of a full file: all first spellings, all second ones and so on."""
    spellings = [headings(each, fmt) for each in delivered_fields(item, fmt)]
    for turn in range(max((len(s) for s in spellings), default=0)):
        yield [normalise_header(s[min(turn, len(s) - 1)]) for s in spellings if s]


def _likeness(item: Item, fmt: Format | None, row: list[str]) -> int:
    """How strongly a header speaks for a format: what it names there counts, what it lacks counts against."""
    fields = delivered_fields(item, fmt)
    meanings = {normalise_header(h): f.name for f in fields for h in headings(f, fmt)}
    ignored = {normalise_header(h) for h in (*item.ignore, *(fmt.ignore if fmt else ()))}
    found = {meanings[h] for h in row if h in meanings}
    missing = {f.name for f in fields if f.required is True} - found
    return 2 * (len(found) + sum(h in ignored for h in row)) - len(missing)


def _path(keys: Keys) -> str:
    return ".".join(str(key) for key in keys if isinstance(key, str))
