"""A value for every field of a row, by the field's semantic type and what the item's rules ask of it.

`GENERATORS` has one entry per semantic type. Whatever is peculiar to an item (whose code, which prefix, which order of
dates) is read from its rules; titles only choose among plausible wordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.codes import CodeList
from catalog.errors import UserError
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
    NotAbove,
    NotAfterPeriod,
    NotBefore,
    NoTestData,
    Prefix,
    WithinCity,
)
from catalog.sample import words
from catalog.sample.draw import Bools, Draw, Ints
from catalog.sample.population import (
    EPOCH,
    FOUNDED_DAYS,
    FOUNDED_FROM,
    GROUP_NUMBER,
    GROUPS,
    PREFIXES,
    Population,
    join,
    pick,
)

LONG_TERM = 47_481  # 2099-12-31, in days since 1970
_GENERIC = (
    ("enterprise", 60.0),
    ("individual_business", 20.0),
    ("cooperative", 10.0),
    ("public_institution", 6.0),
    ("social_organization", 4.0),
)
_PLACEHOLDERS = {
    "无",
    "空",
    "暂无",
    "/",
    "\\",
    "-",
    "--",
    "—",
    "——",
    "null",
    "none",
    "nan",
    "na",
    "n/a",
    "#n/a",
    "\\n",
    "未知",
    "不详",
    "（空）",
    "(空)",
}
_SERIAL_TYPES = {"document_no", "case_no", "certificate_no"}
_END_WORDS = ("至", "止", "截止", "到期", "有效期", "移除", "注销", "期满")
_RARE_WORDS = ("移除", "注销", "吊销", "撤销", "退出")
_AUTHORITY_WORDS = ("机关", "主管", "来源单位", "登记管理", "依据单位", "举办单位", "部门")


@dataclass(frozen=True)
class Column:
    """Values of a field: texts as a careful clerk would write them, and what they mean where rules
    need it.
    """

    text: pa.StringArray
    days: Ints | None = None
    codes: Ints | None = None
    """Positions in the spellings' list; for sets, those of the first member."""
    second: Ints | None = None
    amount: Ints | None = None
    """Hundredths of the field's unit."""
    currency: Ints | None = None


@dataclass(frozen=True)
class Style:
    """How one file is written: its format version and the habits of the clerk."""

    fmt: Format | None
    dates: int = 0
    codes: int = 0


@dataclass(frozen=True)
class Spelling:
    """A code list as the sample uses it: per code the spellings that mean it and nothing else."""

    codes: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]

    def position(self, code: str) -> int:
        """Position of a code; raises ValueError."""
        return self.codes.index(code)


@lru_cache(maxsize=256)
def spelling(codes: CodeList) -> Spelling:
    """Unambiguous spellings of a list, without those that read as empty or would be cut by a separator."""
    owners: dict[str, set[str]] = {}
    for code in codes.codes:
        for form in (code.code, code.title, *code.accept):
            owners.setdefault(form, set()).add(code.code)
    separators = set("、;；,，/ ") | set(codes.separators or "")

    def usable(form: str) -> bool:
        plain = form.strip()
        return (
            len(owners[form]) == 1
            and plain == form
            and form.lower() not in _PLACEHOLDERS
            and not any("０" <= char <= "ｚ" for char in form)
            and not (codes.joined and len(form) > 2)
        )

    kept: list[tuple[str, tuple[str, ...]]] = []
    for code in codes.codes:
        forms = tuple(dict.fromkeys(f for f in (code.title, code.code, *code.accept) if usable(f)))
        clean = tuple(f for f in forms if not separators & set(f)) or forms
        if clean:
            kept.append((code.code, clean))
    return Spelling(tuple(code for code, _ in kept), tuple(forms for _, forms in kept))


@lru_cache(maxsize=16)
def date_texts(style: int) -> pa.StringArray:
    """Every day from 1890 to 2109 in one of the forms departments use (domain notes 9.1)."""
    days = np.arange(DATE_FROM, DATE_TO)
    return pa.array([date_text(int(day), style) for day in days], pa.string())


DATE_FROM, DATE_TO = -29_220, 51_100
DATE_STYLES = 6


def date_text(day: int, style: int) -> str:
    """One day in one form: ISO, slashes, digits, dots, Chinese, with an empty time."""
    y, m, d = str(np.datetime64(day, "D")).split("-")
    return (
        f"{y}-{m}-{d}",
        f"{y}/{m}/{d}",
        f"{y}{m}{d}",
        f"{y}.{int(m)}.{int(d)}",
        f"{y}年{int(m)}月{int(d)}日",
        f"{y}-{m}-{d} 00:00:00",
    )[style]


@dataclass(frozen=True)
class Plan:
    """What is fixed for an item in one format, whatever the rows."""

    item: Item
    fmt: Format | None
    catalog: Catalog
    population: Population
    total: int
    """Records that will be drawn for this item at most."""
    pool: int
    """Subjects of a kind that are surely registered in the first period."""
    style: Style

    @cached_property
    def draw(self) -> Draw:
        """Draws of the item, the same for every format."""
        return Draw(f"item/{self.population.seed}/{self.item.id}")

    def absent(self, name: str) -> bool:
        """Whether the format lacks a field."""
        return self.item.lacks(name, self.fmt)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Fields that have a column in the file."""
        return tuple(f for f in self.item.fields if not self.absent(f.name) and f.same_column_as is None)

    @cached_property
    def names(self) -> frozenset[str]:
        """Their names."""
        return frozenset(f.name for f in self.fields)

    def codes(self, f: Field) -> Spelling:
        """The spellings of a field's list in this format."""
        codes = self.catalog.code_list(f, self.fmt)
        if codes is None:
            raise UserError(f"数据项“{f.title}”没有代码表", where=self.item.id, remedy="在目录中写上 list")
        return spelling(codes)

    @cached_property
    def rules(self) -> tuple[object, ...]:
        """The item's rules that have something to say about this format."""
        named = ("field", "other", "by", "id")
        return tuple(
            r for r in self.item.rules if not any(self.absent(getattr(r, a, None) or "") for a in named)
        )

    @cached_property
    def subject_fields(self) -> frozenset[str]:
        """Fields that identify the subject, its name not among them."""
        return frozenset(self.item.subject.identifiers)

    @cached_property
    def registry(self) -> bool:
        """Whether a record is nothing but a subject: one record for each."""
        return all(k == SUBJECT or k in self.subject_fields for k in self.item.key)

    @cached_property
    def serial(self) -> str | None:
        """The key field that numbers the records apart, where the key is more than the subject."""
        if self.registry:
            return None
        keys = [
            k for k in self.item.key if k != SUBJECT and k not in self.subject_fields and not self.absent(k)
        ]
        for wanted in (_SERIAL_TYPES, {"text", "line", "integer"}):
            for k in keys:
                if self.item.field(k).type in wanted:
                    return k
        return None

    @cached_property
    def switch(self) -> str | None:
        """The field that says whether the row is about a person or which kind of organisation."""
        s = self.item.subject
        for rule in self.rules:
            if (
                isinstance(rule, Prefix)
                and rule.field == s.uscc
                and rule.by
                and rule.level != "warn"
                and rule.by in self.names
            ):
                return rule.by
        for name in (s.person, s.uscc):
            if name and not self.absent(name):
                required = self.item.field(name).required
                if isinstance(required, Condition) and required.field in self.names and required.in_:
                    return required.field
        return None

    @cached_property
    def person_values(self) -> frozenset[str]:
        """Values of `switch` that stand for natural persons."""
        s, found = self.item.subject, set()
        if s.person and s.person in self.names:
            required = self.item.field(s.person).required
            if isinstance(required, Condition) and required.field == self.switch:
                found |= set(required.in_ or ())
        for rule in self.rules:
            if isinstance(rule, Empty) and rule.field == s.uscc and rule.when.field == self.switch:
                found |= set(rule.when.in_ or ())
        return frozenset(found)

    def prefixes(self, name: str, value: str | None = None) -> tuple[str, ...]:
        """Prefixes the rules allow a code to have, empty when they allow any."""
        found: tuple[str, ...] = ()
        for rule in self.rules:
            if isinstance(rule, Prefix) and rule.field == name:
                allowed = rule.in_ or (rule.allow or {}).get(value or "", ())
                if allowed:
                    found = tuple(
                        a
                        for a in allowed
                        if not found or any(a.startswith(f) or f.startswith(a) for f in found)
                    )
        return found

    def groups(self, allowed: tuple[str, ...]) -> list[tuple[int, float]]:
        """Groups of organisations whose codes may begin so, with weights."""
        weights = dict(_GENERIC)
        fitting = dict.fromkeys(
            PREFIXES[p] for p in PREFIXES if any(p.startswith(a) or a.startswith(p) for a in allowed)
        )
        return [(n, weights.get(GROUPS[n].name, 1.0)) for n in fitting]

    @cached_property
    def mutable(self) -> tuple[str, ...]:
        """Fields whose change makes a new version, and nothing else happens by it."""
        return tuple(f.name for f in self.fields if f.change and self._free(f))

    @cached_property
    def immaterial(self) -> frozenset[str]:
        """Fields whose change does not count as one."""
        return frozenset(f.name for f in self.fields if not f.change and self._free(f))

    def _free(self, f: Field) -> bool:
        tied = {*self.item.key, *self.subject_fields, self.item.source_time, self.switch}
        if self.registry or SUBJECT in self.item.key:
            tied.add(self.item.subject.name)
        for rule in self.item.rules:
            tied |= {getattr(rule, a, None) for a in ("field", "other", "by", "id", "city", "code", "on")} - (
                {f.name} if isinstance(rule, NoTestData) else set()
            )
            if isinstance(rule, Empty):
                tied.add(rule.when.field)
        tied |= {other.required.field for other in self.item.fields if isinstance(other.required, Condition)}
        tied |= {other.document_kind for other in self.item.fields}
        tied |= {step.field for step in self.item.county if step.field}
        tied |= {n for group in self.item.one_of for n in group}
        if f.name in tied or isinstance(f.required, Condition) or f.type not in VARIABLE:
            return False
        return f.list is None or len(self.codes(f).codes) > 1

    def fill_share(self, f: Field) -> float:
        """Share of rows in which an optional field is filled, safely above what the item's checks expect."""
        if any(word in f.title for word in _RARE_WORDS) and f.type == "date":
            return 0.1
        floors = [
            c.value
            for c in self.item.checks
            if c.check == "fill_rate_min" and c.field == f.name and c.value is not None
        ]
        return min(1.0, max([0.93, *(v + 0.06 for v in floors)]))


@dataclass
class Build:
    """The rows of a part of a batch, column by column, each made when first asked for."""

    plan: Plan
    record: Ints
    version: Ints
    first_day: Ints
    """First day of the period in which the record first appears."""
    last_day: Ints
    end: int
    """Last day of the batch's period."""
    wave: int
    """Number of the batch: fields whose change does not count may differ from batch to batch."""
    _columns: dict[str, Column] = field(default_factory=dict)
    _filled: dict[str, Bools] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.record)

    def draw(self, f: Field) -> Draw:
        """Draws of one field."""
        return self.plan.draw.of(f.name)

    def salt(self, f: Field) -> Ints:
        """How often the field has changed."""
        if f.name in self.plan.immaterial:
            return np.full(self.rows, self.wave, dtype=np.int64)
        if f.name not in self.plan.mutable:
            return np.zeros(self.rows, dtype=np.int64)
        chosen = self.plan.draw.of("mutable").below(len(self.plan.mutable), self.record)
        return np.where(chosen == self.plan.mutable.index(f.name), self.version, 0)

    # --- who the row is about
    # ------------------------------------------------------------------------------------

    @cached_property
    def person_row(self) -> Bools:
        """Rows about natural persons."""
        plan = self.plan
        if plan.switch is not None:
            values = self.plan.codes(plan.item.field(plan.switch)).codes
            position = self.positions(plan.switch)
            return np.isin(position, [i for i, v in enumerate(values) if v in plan.person_values])
        if plan.item.subject.kind == "person":
            return np.ones(self.rows, dtype=bool)
        return np.zeros(self.rows, dtype=bool)

    @cached_property
    def number(self) -> Ints:
        """Number of the subject within its kind."""
        plan = self.plan
        if plan.registry and plan.item.category == "01":
            return self.record
        if plan.serial is None:
            # Without a number of their own records are told apart by their subjects alone: none twice.
            step = next(
                s for s in range(plan.total // 2 + 7, plan.total * 3 + 11) if np.gcd(s, plan.total) == 1
            )
            return (self.record * step + plan.draw.one(plan.total)) % plan.total
        return plan.draw.of("subject").below(plan.pool, self.record)

    @cached_property
    def allowed(self) -> list[tuple[Bools, tuple[str, ...]]]:
        """Prefixes that the rules allow the subject's code in which rows."""
        plan, subject = self.plan, self.plan.item.subject
        name = subject.uscc or subject.mixed or ""
        found: list[tuple[Bools, tuple[str, ...]]] = [(np.ones(self.rows, dtype=bool), plan.prefixes(name))]
        if plan.switch is not None:
            position = self.positions(plan.switch)
            codes = plan.codes(plan.item.field(plan.switch)).codes
            found += [(position == i, plan.prefixes(name, code)) for i, code in enumerate(codes)]
        return found

    @cached_property
    def group(self) -> Ints:
        """Group of the organisation a row is about."""
        plan, subject = self.plan, self.plan.item.subject
        result = np.full(self.rows, GROUP_NUMBER.get(subject.kind, -1), dtype=np.int64)
        if result[:1].tolist() != [-1] and self.rows:
            return result
        pick_ = plan.draw.of("group")
        for where, allowed in self.allowed:
            options = plan.groups(allowed) if allowed else [(GROUP_NUMBER[n], w) for n, w in _GENERIC]
            # 91/93 etc. are listed beside whole families ("5"): generic weights keep companies in the
            # majority.
            chosen = np.array([n for n, _ in options], dtype=np.int64)[
                pick_.weighted([w for _, w in options], self.record)
            ]
            result = np.where(where, chosen, result)
        return result

    @cached_property
    def chief(self) -> Ints:
        """Number of the person who represents the organisation."""
        return self.plan.population.chief(self.group, self.number)

    def person_of(self, f: Field) -> Ints:
        """Number of the person whom a field of a personal type is about."""
        subject = self.plan.item.subject
        own = (
            f.name in (subject.person, subject.name, subject.mixed) or self.plan.item.subject.kind == "person"
        )
        return self.number if own else np.where(self.person_row, self.number, self.chief)

    @cached_property
    def born(self) -> Ints:
        """Birth date of the person a row is about."""
        return self.plan.population.born(self.number)

    def other_body(self, f: Field) -> tuple[Ints, Ints, pa.StringArray | None]:
        """Group, number and prefix of an organisation other than the subject: a school, an office,
        an employer.

        A name and a code whose titles begin alike mean the same body.
        """
        plan = self.plan
        codes = [c for c in plan.item.fields if c.type == "uscc" and c.name not in plan.subject_fields]
        match = max(codes, key=lambda c: _common(c.title, f.title), default=None)
        anchor = f if f.type == "uscc" or match is None or _common(match.title, f.title) < 2 else match
        size = 40 if any(w in anchor.title for w in _AUTHORITY_WORDS) else 400
        index = plan.draw.of("body", anchor.name).below(min(size, max(plan.pool, 8)), self.record)
        by = next(
            (
                r.by
                for r in plan.rules
                if isinstance(r, Prefix) and r.field == anchor.name and r.by in plan.names
            ),
            None,
        )
        allowed = [(np.ones(self.rows, dtype=bool), plan.prefixes(anchor.name) or _likely(anchor.title))]
        if by is not None:
            positions, values = self.positions(by), plan.codes(plan.item.field(by)).codes
            allowed += [
                (positions == i, p) for i, v in enumerate(values) if (p := plan.prefixes(anchor.name, v))
            ]
        group = np.zeros(self.rows, dtype=np.int64)
        for where, prefixes in allowed:
            options = [number for number, _ in plan.groups(prefixes)]
            organ = GROUP_NUMBER["government_organ"]
            authority = organ in options and any(word in anchor.title for word in _AUTHORITY_WORDS)
            group = np.where(where, organ if authority else options[0], group)
        return group, index, _within(plan.population.prefix(group, index), allowed)

    # --- whether a cell is filled
    # --------------------------------------------------------------------------------

    def holds(self, condition: Condition) -> Bools:
        """Rows in which a condition is true."""
        if condition.field not in self.plan.names:
            return np.zeros(self.rows, dtype=bool)
        filled = self.filled(condition.field)
        if condition.present is not None:
            return filled if condition.present else ~filled
        f = self.plan.item.field(condition.field)
        if f.list is None:
            return np.zeros(self.rows, dtype=bool)
        values, column = self.plan.codes(f).codes, self.column(f.name)
        wanted = [i for i, v in enumerate(values) if v in (condition.in_ or condition.has or ())]
        met = np.isin(self.positions(f.name), wanted)
        if condition.has is not None and column.second is not None:
            met |= np.isin(column.second, wanted)
        return met & filled

    def filled(self, name: str) -> Bools:
        """Rows in which the field has a value."""
        if name not in self._filled:
            self._filled[name] = self._decide(self.plan.item.field(name))
        return self._filled[name]

    def _decide(self, f: Field) -> Bools:
        plan, subject = self.plan, self.plan.item.subject
        if f.required is True:
            return np.ones(self.rows, dtype=bool)
        result = self.draw(f).of("filled").share(self.record) < plan.fill_share(f)
        # A change must show, and a key must be there.
        result |= self.salt(f) > 0 if f.change else False
        if f.name in plan.item.key or f.name == subject.uscc:
            result[:] = True
        if f.name in (subject.uscc, subject.org_code, subject.registration_no):
            result &= ~self.person_row
        elif f.name == subject.person and plan.item.subject.kind != "person":
            result &= self.person_row
        if isinstance(f.required, Condition):
            result |= self.holds(f.required)
            if (f.required.in_ or f.required.has) and f.required.field in plan.names:
                result &= self.holds(f.required)
        for rule in plan.rules:
            if isinstance(rule, Empty) and rule.field == f.name:
                result &= ~self.holds(rule.when)
        for group in plan.item.one_of:
            group_ = [n for n in group if n in plan.names]
            if f.name in group_ and f.name == self._last_resort(group_):
                others = [self.filled(n) for n in group_ if n != f.name]
                result |= ~np.logical_or.reduce(others) if others else True
        return result

    def _last_resort(self, group: list[str]) -> str:
        """The member of a one-of group that is filled where all others are empty: the first that no
        rule empties.
        """
        emptied = {r.field for r in self.plan.rules if isinstance(r, Empty)} | {self.plan.item.subject.uscc}
        return next((n for n in group if n not in emptied), group[0])

    # --- values -------------------------------------------------------------------------------------
    # -------------

    def positions(self, name: str) -> Ints:
        """Positions of the codes in a field with a list."""
        codes = self.column(name).codes
        if codes is None:
            raise UserError(
                f"“{name}”没有代码表，不能作为条件",
                where=self.plan.item.id,
                remedy="条件只写在代码类数据项上",
            )
        return codes

    def days(self, name: str) -> Ints:
        """Days of a date field."""
        days = self.column(name).days
        if days is None:
            raise UserError(
                f"“{name}”不是日期，不能比较先后", where=self.plan.item.id, remedy="not_before 只写在日期上"
            )
        return days

    def column(self, name: str) -> Column:
        """The values of a field, whether or not they will be written."""
        if name not in self._columns:
            f = self.plan.item.field(name)
            try:
                generate = GENERATORS[f.type]
            except KeyError:
                raise UserError(
                    f"类型“{f.type}”没有样例生成办法",
                    where=self.plan.item.id,
                    remedy="在 catalog/sample/values.py 中登记",
                ) from None
            self._columns[name] = generate(self, f)
        return self._columns[name]


def _within(prefix: pa.StringArray, allowed: list[tuple[Bools, tuple[str, ...]]]) -> pa.StringArray:
    """Prefixes of codes made to fit: of a group with several (11, 13) a rule may allow only one."""
    for where, prefixes in allowed:
        right = [p for p in PREFIXES if p.startswith(prefixes)]
        wrong = where & ~np.asarray(pc.is_in(prefix, value_set=pa.array(right, pa.string())))
        if prefixes and wrong.any():
            prefix = pc.if_else(pa.array(wrong), right[0] if right else (prefixes[0] + "1")[:2], prefix)
    return prefix


def _common(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _likely(title: str) -> tuple[str, ...]:
    for word, prefix in (
        ("律", "31"),
        ("学校", "12"),
        ("医", "12"),
        ("机关", "11"),
        ("单位", "11"),
        ("机构", "12"),
    ):
        if word in title:
            return (prefix,)
    return ("91",)


# --- one generator per semantic type
# ---------------------------------------------------------------------------------


def _year(b: Build) -> pa.StringArray:
    return pc.cast(
        pa.array(b.first_day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970),
        pa.string(),
    )


def _number_text(values: Ints, width: int = 0) -> pa.StringArray:
    texts = pc.cast(pa.array(values), pa.string())
    return pc.utf8_lpad(texts, width, "0") if width else texts


def _marked(text: pa.StringArray, salt: Ints) -> pa.StringArray:
    """The text with the number of its change behind it, where it changed."""
    if not salt.any():
        return text
    return pc.if_else(pa.array(salt > 0), join(text, "（第", _number_text(salt), "次变更）"), text)


def _text(b: Build, f: Field) -> Column:
    if f.name == b.plan.serial:
        return Column(join("第", _number_text(b.record + 1), "号"))
    options = next((o for word, o in words.SENTENCES if word in f.title), words.DEFAULT_SENTENCES)
    return Column(_marked(pick(options, b.draw(f).below(len(options), b.record)), b.salt(f)))


def _line(b: Build, f: Field) -> Column:
    for rule in b.plan.item.rules:
        if isinstance(rule, WithinCity) and rule.city == f.name:
            return Column(pick(("邢台市",), b.record * 0))
    if "省" in f.title:
        return Column(pick(("河北省", "河北"), b.salt(f) % 2))
    if "文号" in f.title or "案号" in f.title:
        return Column(
            _marked(
                join("（", _year(b), "）冀0502民初", _number_text(b.draw(f).below(9000, b.record) + 1), "号"),
                b.salt(f),
            )
        )
    return _text(b, f)


def _address(b: Build, f: Field) -> Column:
    people = b.plan.population.person_address(b.number, b.salt(f))
    if b.person_row.all():
        return Column(people)
    bodies = b.plan.population.org_address(b.group, b.number, b.salt(f))
    return Column(pc.if_else(pa.array(b.person_row), people, bodies) if b.person_row.any() else bodies)


def _org_name(b: Build, f: Field) -> Column:
    plan, people = b.plan, b.plan.population
    if f.name == plan.item.subject.name:
        if b.person_row.all():
            return Column(people.person_name(b.number))
        bodies = people.org_name(b.group, b.number)
        names = (
            pc.if_else(pa.array(b.person_row), people.person_name(b.number), bodies)
            if b.person_row.any()
            else bodies
        )
        return Column(_marked(names, b.salt(f)))
    if "法院" in f.title or "依据单位" in f.title:
        county = people.org_county(b.group, b.number) if not b.person_row.all() else people.home(b.number)
        courts = tuple(f"{name}人民法院" for _, name in people.counties)
        return Column(_marked(pick(courts, county), b.salt(f)))
    paired = any(
        c.type == "uscc" and c.name not in plan.subject_fields and _common(c.title, f.title) >= 2
        for c in plan.item.fields
    )
    if not paired and any(w in f.title for w in _AUTHORITY_WORDS):
        county = people.org_county(b.group, b.number) if not b.person_row.all() else people.home(b.number)
        office = next(
            (o for w, o in (("发证", "公安局"), ("登记", "行政审批局"), ("主管", "民政局")) if w in f.title),
            "行政审批局",
        )
        return Column(
            _marked(join(pick(tuple(name for _, name in people.counties), county), office), b.salt(f))
        )
    group, index, _ = b.other_body(f)
    return Column(_marked(people.org_name(group, index), b.salt(f)))


def _person_name(b: Build, f: Field) -> Column:
    return Column(b.plan.population.person_name(b.person_of(f), b.salt(f)))


def _serial(b: Build, f: Field) -> Ints:
    return (
        b.record + 1
        if f.name in b.plan.item.key
        else b.draw(f).below(1_000_000, b.record) * 16 + b.salt(f) % 16
    )


def _document_no(b: Build, f: Field) -> Column:
    word = next(
        (w for t, w in (("处罚", "邢市监罚"), ("许可", "邢审批许"), ("列入", "邢信列")) if t in f.title),
        "邢政",
    )
    return Column(join(word, "〔", _year(b), "〕", _number_text(_serial(b, f)), "号"))


def _case_no(b: Build, f: Field) -> Column:
    courts = ("0502", "0503", "0521", "0528", "0534", "0581", "0582", "05")
    return Column(
        join(
            "（",
            _year(b),
            "）冀",
            pick(courts, b.draw(f).below(len(courts), b.record)),
            "执",
            _number_text(_serial(b, f)),
            "号",
        )
    )


def _certificate_no(b: Build, f: Field) -> Column:
    if "行业" in f.title:
        trades = ("F5137", "C1711", "C3761", "E4710", "H6210", "I6510", "A0111", "G5430")
        return Column(pick(trades, (b.draw(f).below(len(trades), b.record) + b.salt(f)) % len(trades)))
    width = min(f.length or 15, 17)
    digits_ = _number_text(_serial(b, f), max(width - 5, 1) if width >= 13 else width)
    return Column(join("13050", digits_) if width >= 13 else digits_)


def _qualification_no(b: Build, f: Field) -> Column:
    """Year, place and kind before the holder's ID number, as physicians' certificates are numbered."""
    return Column(join("201013110", b.plan.population.resident_id(b.person_of(f))))


def _taxpayer_no(b: Build, f: Field) -> Column:
    """Region and organisation code; of one in four, the chief's ID number with two digits, as of individual businesses."""
    people = b.plan.population
    bodies = pc.utf8_slice_codeunits(people.uscc(b.group, b.number, people.prefix(b.group, b.number)), 2, 17)
    owners = join(people.resident_id(b.chief), "01")
    return Column(pc.if_else(pa.array(b.draw(f).below(4, b.record) == 0), owners, bodies))


def _ceiling(b: Build, f: Field) -> str | None:
    """The field that a rule says this one must not exceed."""
    return next((r.other for r in b.plan.rules if isinstance(r, NotAbove) and r.field == f.name), None)


def _integer(b: Build, f: Field) -> Column:
    low, high = int(float(f.min or 0)), int(float(f.max or 500))
    if _ceiling(b, f) is not None:
        high = low
    span = max(high - low + 1, 1)
    values = (
        b.record + 1
        if f.name == b.plan.serial
        else low + (b.draw(f).below(min(span, 500), b.record) + b.salt(f)) % span
    )
    return Column(_number_text(values))


def _decimal(b: Build, f: Field) -> Column:
    low, high = int(float(f.min or 0)), int(float(f.max or 100))
    if _ceiling(b, f) is not None:
        return Column(pa.array([str(low)] * b.rows, pa.string()))
    whole = low + (b.draw(f).below(min(max(high - low, 1), 500), b.record) + b.salt(f)) % max(high - low, 1)
    return Column(
        join(_number_text(whole), ".", _number_text(b.draw(f).of("part").below(99, b.record) + 1, 2))
    )


def _year_value(b: Build, f: Field) -> Column:
    now = b.first_day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    values = now - (b.draw(f).below(4, b.record) + b.salt(f)) % 5
    return Column(_number_text(np.clip(values, int(f.min or 1900), int(f.max or 2099))))


_CAPITAL = (
    300,
    500,
    1000,
    2000,
    5000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    1250,
    3868,
)
_SUMS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 38)
_SUMS_YUAN = (20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 5_000_000, 12_345)


def _amount(b: Build, f: Field) -> Column:
    """Hundredths of the unit; the currency goes into the text where a field of its own reads it there."""
    options = _SUMS_YUAN if f.unit == "元" else _CAPITAL if b.plan.registry else _SUMS
    values = np.array(options, dtype=np.int64)[b.draw(f).below(len(options), b.record)] * (1 + b.salt(f))
    if (whole := _ceiling(b, f)) is not None:
        # A share of the whole; a change adds little, so that it stays below.
        amount = b.column(whole).amount
        assert amount is not None
        values = amount * b.draw(f).below(10, b.record) // 20 + b.salt(f)
    values = np.clip(values, int(float(f.min or 0) * 100), int(float(f.max or 10**12) * 100))
    reader = next(
        (o for o in b.plan.item.fields if o.same_column_as == f.name and not b.plan.absent(o.name)), None
    )
    text = pc.if_else(
        pa.array(values % 100 == 0),
        _number_text(values // 100),
        join(_number_text(values // 100), ".", _number_text(values % 100, 2)),
    )
    if reader is None:
        return Column(text, amount=values)
    foreign = [name for name in currencies(b.plan, reader) if name]
    chosen = b.draw(f).of("currency").below(1000, b.record)
    currency = np.where(chosen < 15, 1 + chosen % max(len(foreign), 1), 0) if foreign else chosen * 0
    scale = {"万元": "万", "亿元": "亿"}.get(f.unit or "", "")
    suffix = pick(("", *(scale + name for name in foreign)), currency)
    return Column(join(text, suffix), amount=values, currency=currency)


def currencies(plan: Plan, reader: Field) -> list[str]:
    """Foreign currencies that can be written behind an amount in Chinese alone."""
    codes = plan.catalog.code_list(reader, plan.fmt)
    names = [c.title for c in codes.codes if c.code != "CNY"] if codes else []
    return [
        n for n in names if all("\u4e00" <= char <= "\u9fff" for char in n) and not set("亿万千百") & set(n)
    ][:6]


def _currency(b: Build, f: Field) -> Column:
    return Column(pa.array([""] * b.rows, pa.string()))


def _division(b: Build, f: Field) -> Column:
    people = b.plan.population
    draw = people.draw.of("division")
    if b.person_row.all():
        county, own = people.home(b.number), b.number
    else:
        county, own = people.org_county(b.group, b.number), b.number * len(GROUPS) + b.group
    counties = pick(tuple(code for code, _ in people.counties), county)
    towns = pick(tuple(code for code, _ in people.flat_towns), people.town(county, draw, own))
    return Column(pc.if_else(pa.array(draw.of("depth").below(10, own) < 4), towns, counties))


def _uscc(b: Build, f: Field) -> Column:
    if f.name == b.plan.item.subject.uscc:
        group, number = b.group, b.number
        prefix = _within(b.plan.population.prefix(group, number), b.allowed)
        return Column(b.plan.population.uscc(group, number, prefix))
    group, number, prefix_ = b.other_body(f)
    code = b.plan.population.uscc(group, number, prefix_)
    for other in (o for r in b.plan.rules if isinstance(r, Differs) for o in _opposite(r, f)):
        same = pc.equal(code, b.column(other).text)
        code = pc.if_else(same, b.plan.population.uscc(group, number + 1, prefix_), code)
    return Column(code)


def _opposite(rule: Differs, f: Field) -> list[str]:
    """The field that this one must differ from, unless the rule is about others."""
    return [b for a, b in ((rule.field, rule.other), (rule.other, rule.field)) if a == f.name]


def _org_code(b: Build, f: Field) -> Column:
    return Column(b.plan.population.org_code(b.group, b.number))


def _registration_no(b: Build, f: Field) -> Column:
    return Column(b.plan.population.registration_no(b.group, b.number))


def _org_identifier(b: Build, f: Field) -> Column:
    people, kind = b.plan.population, b.draw(f).below(10, b.record)
    codes = pc.if_else(pa.array(kind < 3), people.org_code(b.group, b.number), people.uscc(b.group, b.number))
    return Column(pc.if_else(pa.array(kind == 9), people.registration_no(b.group, b.number), codes))


def _resident_id(b: Build, f: Field) -> Column:
    return Column(b.plan.population.resident_id(b.person_of(f)))


def _person_document(b: Build, f: Field) -> Column:
    numbers = b.plan.population.resident_id(b.person_of(f))
    resident = resident_rows(b, f)
    if resident.all():
        return Column(numbers)
    passports = join("E", _number_text(b.person_of(f) % 90_000_000 + 10_000_000))
    return Column(pc.if_else(pa.array(resident), numbers, passports))


def resident_rows(b: Build, f: Field) -> Bools:
    """Rows whose document is a resident ID card, by the field that names its kind."""
    if f.document_kind is None or f.document_kind not in b.plan.names:
        return np.ones(b.rows, dtype=bool)
    values = b.plan.codes(b.plan.item.field(f.document_kind)).codes
    kinds = b.positions(f.document_kind)
    return ~b.filled(f.document_kind) | np.isin(
        kinds, [i for i, v in enumerate(values) if v == "resident_id"]
    )


def _code_positions(b: Build, f: Field) -> Ints:
    """Mostly the first of the list, which is the usual case; what a rule fixes, as it fixes it."""
    plan, values = b.plan, b.plan.codes(f).codes
    for rule in plan.rules:
        if isinstance(rule, MatchesId) and rule.field == f.name and rule.what == "sex":
            male = plan.population.male(b.person_of(plan.item.field(rule.id)))
            return np.where(male, values.index("1"), values.index("2"))
        if (
            isinstance(rule, Prefix)
            and rule.by == f.name
            and rule.field == plan.item.subject.uscc
            and f.name != plan.switch
        ):
            prefixes = plan.population.prefix(b.group, b.number).to_pylist()
            fits = {
                p: next((i for i, v in enumerate(values) if p.startswith((rule.allow or {}).get(v, ()))), 0)
                for p in set(prefixes)
            }
            return np.array([fits[p] for p in prefixes], dtype=np.int64)
    draw = b.draw(f)
    if any(o.document_kind == f.name for o in plan.item.fields):
        weights = [96.0 if v == "resident_id" else 1.0 if v == "passport" else 0.0 for v in values]
        return draw.weighted(weights, b.record)
    if f.name == plan.switch:
        return draw.weighted([1.0 if v in plan.person_values else 3.0 for v in values], b.record)
    base = draw.weighted([6.0, *([1.5 / max(len(values) - 1, 1)] * (len(values) - 1))], b.record)
    return (base + b.salt(f)) % len(values)


def _code(b: Build, f: Field) -> Column:
    positions, forms = _code_positions(b, f), b.plan.codes(f).forms
    style = b.plan.style.codes
    return Column(pick(tuple(form[min(style, len(form) - 1)] for form in forms), positions), codes=positions)


def _code_set(b: Build, f: Field) -> Column:
    forms = b.plan.codes(f).forms
    first = _code_positions(b, f)
    two = (b.draw(f).of("two").below(10, b.record) < 2) & (len(forms) > 1)
    second = np.where(two, (first + 1) % len(forms), first)
    texts = tuple(form[min(b.plan.style.codes, len(form) - 1)] for form in forms)
    one = pick(texts, first)
    return Column(
        pc.if_else(pa.array(two), join(one, set_separator(b.plan, f), pick(texts, second)), one),
        codes=first,
        second=second,
    )


def set_separator(plan: Plan, f: Field) -> str:
    """The mark between the values of a set."""
    codes = plan.catalog.code_list(f, plan.fmt)
    marks = (codes.separators if codes else None) or "、"
    return "、" if "、" in marks else marks[0]


def _date(b: Build, f: Field) -> Column:
    days = _days(b, f)
    return Column(date_texts(b.plan.style.dates).take(pa.array(days - DATE_FROM)), days=days)


def _days(b: Build, f: Field) -> Ints:
    plan = b.plan
    draw = b.draw(f)
    rules = plan.rules
    if "出生" in f.title or any(
        isinstance(r, MatchesId) and r.field == f.name and r.what == "birth_date" for r in rules
    ):
        return b.born
    past = (
        any(isinstance(r, NotAfterPeriod) and r.field == f.name for r in rules)
        or f.name == plan.item.source_time
    )
    others = [
        b.days(r.other)
        for r in rules
        if isinstance(r, NotBefore) and r.field == f.name and r.other in plan.names
    ]
    ends = any(word in f.title for word in _END_WORDS) and not any(
        word in f.title for word in ("自", "起", "始")
    )
    if f.name == plan.item.source_time:
        base = b.first_day + plan.draw.of("time").below(12, b.record) + b.version
        days = np.minimum(np.maximum.reduce([base, *others]) if others else base, b.first_day + 27)
    elif others:
        after = np.maximum.reduce(others)
        if past:
            days = np.minimum(after + draw.below(8, b.record), np.maximum(after, b.last_day))
        else:
            days = after + (
                365 * (1 + draw.below(15, b.record)) if plan.registry else 90 + draw.below(1000, b.record)
            )
            if ends:
                days = np.where(draw.of("long").below(5, b.record) == 0, LONG_TERM, days)
    else:
        days = _base_day(b)
        if ends and not past:
            days = days + 90 + draw.below(1000, b.record)
    if any(isinstance(r, Adult) and r.on == f.name for r in rules):
        adult = next(r for r in rules if isinstance(r, Adult) and r.on == f.name)
        born = plan.population.born(b.person_of(plan.item.field(adult.id)))
        days = np.maximum(days, born + 6600 + draw.of("age").below(300, b.record))
        days = np.minimum(days, b.last_day)
    days = np.minimum(days, LONG_TERM)
    low = _day(f.min) if f.min else None
    high = _day(f.max) if f.max else None
    return np.clip(days, low, high) if low is not None or high is not None else days


def _base_day(b: Build) -> Ints:
    """When it happened: the foundation of a subject that is registered, a day of the period for what
    was done.
    """
    plan = b.plan
    if not plan.registry:
        return b.first_day + plan.draw.of("day").below(28, b.record)
    if b.person_row.all():
        return np.maximum(FOUNDED_FROM + plan.draw.of("day").below(FOUNDED_DAYS, b.record), b.born + 6600)
    return plan.population.founded(b.group, b.number)


def _day(text: str) -> int:
    return int((np.datetime64(text, "D") - np.datetime64(EPOCH, "D")).astype(np.int64))


GENERATORS: dict[str, Callable[[Build, Field], Column]] = {
    "address": _address,
    "amount": _amount,
    "case_no": _case_no,
    "certificate_no": _certificate_no,
    "code": _code,
    "code_set": _code_set,
    "currency": _currency,
    "date": _date,
    "decimal": _decimal,
    "division": _division,
    "document_no": _document_no,
    "integer": _integer,
    "line": _line,
    "org_code": _org_code,
    "org_identifier": _org_identifier,
    "org_name": _org_name,
    "person_document": _person_document,
    "person_name": _person_name,
    "qualification_no": _qualification_no,
    "registration_no": _registration_no,
    "resident_id": _resident_id,
    "taxpayer_no": _taxpayer_no,
    "text": _text,
    "uscc": _uscc,
    "year": _year_value,
}
"""One generator for each id of `catalog.types.TYPES`; a test holds the two together."""

VARIABLE = frozenset(
    {
        "address",
        "amount",
        "certificate_no",
        "code",
        "document_no",
        "decimal",
        "integer",
        "line",
        "org_name",
        "person_name",
        "text",
        "year",
    }
)
"""Types of which another value can be made that surely differs from the one before."""
