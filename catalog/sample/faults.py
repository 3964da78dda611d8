"""Faulty rows: one fault each, and the one rule that must name it.

A recipe changes a good row so that exactly one thing is wrong, or says that it does not fit the row. Where
moving a date may break several of the item's rules, the first of them in the catalog's order is the one that is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from catalog.model import (
    Adult,
    Condition,
    Differs,
    Empty,
    Field,
    MatchesId,
    NotAbove,
    NotAfterPeriod,
    NotBefore,
    NoTestData,
    Prefix,
    WithinCity,
)
from catalog.sample import words
from catalog.sample.draw import Ints
from catalog.sample.population import PREFIXES
from catalog.sample.values import DATE_FROM, LONG_TERM, Build, Plan, date_text, resident_rows

Cells = dict[str, str]


@dataclass(frozen=True)
class Broken:
    """What was done to a row: its new cells, and the rule and field that must be named."""

    cells: Cells
    rule: str
    field: str


@dataclass(frozen=True)
class Row:
    """One good row of a build, looked at from a recipe."""

    build: Build
    i: int
    n: int
    """A number drawn for the row, to vary the fault."""
    end: int
    """Last day of the period, in days since 1970."""

    @property
    def plan(self) -> Plan:
        """The item's plan."""
        return self.build.plan

    def filled(self, name: str) -> bool:
        """Whether the row has a value in the field."""
        return name in self.plan.names and bool(self.build.filled(name)[self.i])

    def text(self, name: str) -> str:
        """The value as text, whether or not it is written."""
        return str(self.build.column(name).text[self.i].as_py())

    def day(self, name: str) -> int | None:
        """The day in a date field, None if empty."""
        days = self.build.column(name).days
        return int(days[self.i]) if days is not None and self.filled(name) else None

    def code(self, name: str) -> str | None:
        """The canonical code in a field with a list, None if empty."""
        codes = self.build.column(name).codes
        return (
            self.plan.codes(self.plan.item.field(name)).codes[int(codes[self.i])]
            if codes is not None and self.filled(name)
            else None
        )

    def holds(self, condition: Condition) -> bool:
        """Whether a condition is true of the row."""
        return bool(self.build.holds(condition)[self.i])

    def required(self, f: Field) -> bool:
        """Whether the field must be filled in this row."""
        return f.required is True or (isinstance(f.required, Condition) and self.holds(f.required))

    def resident(self, f: Field) -> bool:
        """Whether the field holds a resident ID number."""
        return bool(resident_rows(self.build, f)[self.i])

    def one(self) -> tuple[Ints, Ints]:
        """Group and number of the row's organisation, as arrays of one."""
        return self.build.group[self.i : self.i + 1], self.build.number[self.i : self.i + 1]


Recipe = Callable[[Row], Broken | None]


def fault_recipes(plan: Plan) -> list[Recipe]:
    """All that can go wrong in the rows of an item, from its fields and rules."""
    return [*_field_recipes(plan), *_group_recipes(plan), *_rule_recipes(plan, "quarantine")]


def set_aside_recipes(plan: Plan) -> list[Recipe]:
    """How a row can be none of ours: another city's, another catalog item's, a minor's."""
    return list(_rule_recipes(plan, "set_aside"))


# --- faults of a single field
# ----------------------------------------------------------------------------------------


def _field_recipes(plan: Plan) -> Iterator[Recipe]:
    for f in plan.fields:
        if f.required is not False:
            yield _required(f)
        for rule, bad in FAULTS.get(f.type, ()):
            yield _cell(f, rule, bad)


def _required(f: Field) -> Recipe:
    def make(row: Row) -> Broken | None:
        if not row.required(f) or _rules_document(row, f):
            return None
        cells = {f.name: ("", "无", "/", "null")[row.n % 4]}
        if f.fallback is not None and row.filled(f.fallback):
            # What another field may stand in for is missing only where that one is, too.
            if row.required(row.plan.item.field(f.fallback)):
                return None
            cells[f.fallback] = ""
        return Broken(cells, "required", f.name)

    return make


def _rules_document(row: Row, f: Field) -> bool:
    """Whether the field says of what kind a number is that would be misread without it."""
    numbers = [o for o in row.plan.fields if o.document_kind == f.name]
    return any(not row.resident(o) for o in numbers)


def _cell(f: Field, rule: str, bad: Callable[[Row, Field, str], str | None]) -> Recipe:
    def make(row: Row) -> Broken | None:
        if not row.filled(f.name) or _rules_document(row, f):
            return None
        text = bad(row, f, row.text(f.name))
        return None if text is None else Broken({f.name: text}, rule, f.name)

    return make


def _wrong_last(row: Row, f: Field, text: str) -> str | None:
    return text[:-1] + ("1" if text[-1] != "1" else "2")


def _too_short(row: Row, f: Field, text: str) -> str | None:
    return text[:-2] if len(text) > 9 else text[:-1]


def _foreign_letter(row: Row, f: Field, text: str) -> str | None:
    # I for a digit that is not 1: no repair of look-alikes may save it.
    at = 9 + row.n % 8
    return text[:at] + "I" + text[at + 1 :] if text[at] != "1" else None


def _scientific(row: Row, f: Field, text: str) -> str | None:
    return f"{text[0]}.{text[1:6]}E+{len(text) - 1}" if text[:6].isdigit() else None


def _resident(change: Callable[[Row, Field, str], str | None]) -> Callable[[Row, Field, str], str | None]:
    def bad(row: Row, f: Field, text: str) -> str | None:
        return change(row, f, text) if row.resident(f) else None

    return bad


def _impossible_birth(row: Row, f: Field, text: str) -> str | None:
    from catalog.sample.digits import resident_id, strings

    head = text[:10] + ("0230", "1301", "0431")[row.n % 3] + text[14:17]
    return str(strings(resident_id(np.frombuffer(head.encode(), dtype=np.uint8).reshape(1, 17)))[0].as_py())


def _odd_document(row: Row, f: Field, text: str) -> str | None:
    return None if row.resident(f) else ("E12", "护照", "E12345678901234567890123")[row.n % 3]


def _impossible_date(row: Row, f: Field, text: str) -> str | None:
    return ("20190931", "2019-02-29", "2019-13-01", "2019/4/31", "201909", "2019", "2019年9月", "待定")[
        row.n % 8
    ]


def _too_early(row: Row, f: Field, text: str) -> str | None:
    if f.min is None:
        return None
    day = int(np.datetime64(f.min, "D").astype(np.int64)) - 2 - row.n % 300
    return (
        date_text(day, 0)
        if day > DATE_FROM and date_text(day, 0) not in ("1900-01-01", "1899-12-31", "1899-12-30")
        else None
    )


def _too_late(row: Row, f: Field, text: str) -> str | None:
    day = int(np.datetime64(f.max, "D").astype(np.int64)) + 2 + row.n % 300 if f.max else LONG_TERM
    return date_text(day, 0) if day < LONG_TERM else None


def _no_number(row: Row, f: Field, text: str) -> str | None:
    return ("待定", "见附件", "若干", "abc")[row.n % 4]


def _below_minimum(row: Row, f: Field, text: str) -> str | None:
    return str(int(float(f.min)) - 1 - row.n % 50) if f.min is not None else None


def _negative(row: Row, f: Field, text: str) -> str | None:
    return str(int(float(f.min or 0)) - 1 - row.n % 50)


def _above_maximum(row: Row, f: Field, text: str) -> str | None:
    return str(int(float(f.max)) + 1 + row.n % 50) if f.max is not None else None


def _unknown_code(row: Row, f: Field, text: str) -> str | None:
    return ("未登记的值", "ZZ99", "待核实情形")[row.n % 3]


def _unknown_in_set(row: Row, f: Field, text: str) -> str | None:
    codes = row.plan.catalog.code_list(f, row.plan.fmt)
    return None if codes is not None and codes.unlisted_as_other else "未登记的值"


def _elsewhere(row: Row, f: Field, text: str) -> str | None:
    return ("火星县", "1305", "无名区")[row.n % 3]


def _no_name(row: Row, f: Field, text: str) -> str | None:
    return ("某", "20191031", "5000")[row.n % 3]


def _no_person(row: Row, f: Field, text: str) -> str | None:
    return ("某", "13900001234", "李4")[row.n % 3]


def _no_document_no(row: Row, f: Field, text: str) -> str | None:
    if f.fallback is not None and row.filled(f.fallback):
        return None
    return ("[]号", "〔〕号", "第号")[row.n % 3]


def _no_case_no(row: Row, f: Field, text: str) -> str | None:
    return ("冀0502执123号", "执行案件", "2019冀0502执8号")[row.n % 3]


def _no_certificate_no(row: Row, f: Field, text: str) -> str | None:
    return ("证书", "持证上岗", "ABC")[row.n % 3]


def _certificate_scientific(row: Row, f: Field, text: str) -> str | None:
    return "1.30528E+14"


def _no_identifier(row: Row, f: Field, text: str) -> str | None:
    return ("XT12345", "机构代码遗失", "9113050")[row.n % 3]


def _no_year(row: Row, f: Field, text: str) -> str | None:
    return ("19年", "去年", "201")[row.n % 3]


_LOST = ("code_digits_lost", _scientific)
_RESIDENT_FAULTS = (
    ("code_digits_lost", _resident(_scientific)),
    ("resident_id_format", _resident(_too_short)),
    ("resident_id_birth", _resident(_impossible_birth)),
    ("resident_id_check", _resident(_wrong_last)),
)
_CERTIFICATE_FAULTS = (
    ("certificate_no_invalid", _no_certificate_no),
    ("code_digits_lost", _certificate_scientific),
)
FAULTS: dict[str, tuple[tuple[str, Callable[[Row, Field, str], str | None]], ...]] = {
    "amount": (
        ("amount_invalid", _no_number),
        ("amount_too_small", _negative),
        ("amount_too_large", _above_maximum),
    ),
    "case_no": (("case_no_invalid", _no_case_no),),
    "certificate_no": _CERTIFICATE_FAULTS,
    "code": (("code_unknown", _unknown_code),),
    "code_set": (("code_unknown", _unknown_in_set),),
    "date": (
        ("date_invalid", _impossible_date),
        ("date_too_early", _too_early),
        ("date_too_late", _too_late),
    ),
    "decimal": (
        ("decimal_invalid", _no_number),
        ("number_too_small", _below_minimum),
        ("number_too_large", _above_maximum),
    ),
    "division": (("division_unknown", _elsewhere),),
    "document_no": (("document_no_empty", _no_document_no),),
    "integer": (
        ("integer_invalid", _no_number),
        ("number_too_small", _below_minimum),
        ("number_too_large", _above_maximum),
    ),
    "org_code": (("org_code_format", _too_short), ("org_code_check", _wrong_last)),
    "org_identifier": (("identifier_unknown", _no_identifier), _LOST),
    "org_name": (("name_invalid", _no_name),),
    "person_document": (*_RESIDENT_FAULTS, ("document_no_format", _odd_document)),
    "person_name": (("name_invalid", _no_person),),
    "registration_no": (
        ("registration_no_format", lambda row, f, text: text[:-1]),
        ("registration_no_check", _wrong_last),
        _LOST,
    ),
    "resident_id": _RESIDENT_FAULTS,
    "qualification_no": _CERTIFICATE_FAULTS,
    "taxpayer_no": _CERTIFICATE_FAULTS,
    "uscc": (
        ("uscc_length", _too_short),
        ("uscc_charset", _foreign_letter),
        ("uscc_check", _wrong_last),
        _LOST,
    ),
    "year": (
        ("year_invalid", _no_year),
        ("number_too_small", _below_minimum),
        ("number_too_large", _above_maximum),
    ),
}
"""By semantic type: the rule and how to break it."""


# --- faults of several fields
# ----------------------------------------------------------------------------------------


def _group_recipes(plan: Plan) -> Iterator[Recipe]:
    for group in plan.item.one_of:
        if any(name in plan.names for name in group):
            yield _none_of(plan, group)
    for name in plan.item.key:
        if name in plan.names and plan.item.field(name).required is not True:
            yield _no_key(plan, name)


def _none_of(plan: Plan, group: tuple[str, ...]) -> Recipe:
    def make(row: Row) -> Broken | None:
        members = [plan.item.field(n) for n in group if n in plan.names]
        if any(row.required(f) for f in members):
            return None
        return Broken({f.name: "" for f in members if row.filled(f.name)}, "one_of", group[0])

    return make


def _no_key(plan: Plan, name: str) -> Recipe:
    def make(row: Row) -> Broken | None:
        f = plan.item.field(name)
        groups = [[n for n in group if n in plan.names] for group in plan.item.one_of if name in group]
        alone = any(not any(row.filled(n) for n in group if n != name) for group in groups)
        if not row.filled(name) or row.required(f) or alone or _rules_document(row, f):
            return None
        return Broken({name: ""}, "key_missing", name)

    return make


# --- faults against the item's own rules
# -----------------------------------------------------------------------------


def _rule_recipes(plan: Plan, level: str) -> Iterator[Recipe]:
    for rule in plan.rules:
        if getattr(rule, "level", None) != level:
            continue
        match rule:
            case NotBefore():
                yield _too_soon(rule)
            case NotAfterPeriod():
                yield _in_future(rule)
            case NotAbove():
                yield _too_much(rule)
            case Differs():
                yield _the_same(rule)
            case Prefix():
                yield _other_kind(plan, rule)
            case WithinCity():
                yield _other_city(plan, rule)
            case MatchesId():
                yield _contradicts_id(rule)
            case Adult():
                yield _minor(rule)
            case Empty():
                yield _not_empty(rule)
            case NoTestData():
                yield _test_data(plan, rule)


def _in_bounds(f: Field, day: int) -> bool:
    low = int(np.datetime64(f.min or "1900-01-02", "D").astype(np.int64))
    high = int(np.datetime64(f.max, "D").astype(np.int64)) if f.max else LONG_TERM - 1
    return low <= day <= high


def _moved(row: Row, name: str, day: int) -> Broken | None:
    f = row.plan.item.field(name)
    if not row.filled(name) or not _in_bounds(f, day):
        return None
    named = first_broken(row, {name: day}, {})
    return None if named is None else Broken({name: date_text(day, row.plan.style.dates)}, *named)


def _too_soon(rule: NotBefore) -> Recipe:
    def make(row: Row) -> Broken | None:
        other = row.day(rule.other)
        return (
            None if other is None or other == LONG_TERM else _moved(row, rule.field, other - 1 - row.n % 300)
        )

    return make


def _in_future(rule: NotAfterPeriod) -> Recipe:
    def make(row: Row) -> Broken | None:
        return _moved(row, rule.field, row.end + rule.days + 1 + row.n % 300)

    return make


def _too_much(rule: NotAbove) -> Recipe:
    def make(row: Row) -> Broken | None:
        f, whole = row.plan.item.field(rule.field), row.plan.item.field(rule.other)
        if not row.filled(rule.field) or not row.filled(rule.other):
            return None
        value = int(float(row.text(rule.other))) + 1 + row.n % 5
        fits = value <= float(f.max or 10**9) and whole.type == f.type
        return Broken({rule.field: str(value)}, rule.rule, rule.field) if fits else None

    return make


def _the_same(rule: Differs) -> Recipe:
    def make(row: Row) -> Broken | None:
        if not row.filled(rule.field) or not row.filled(rule.other):
            return None
        other = row.text(rule.other)
        prefixes = row.plan.prefixes(rule.field)
        if prefixes and not other.startswith(prefixes):
            return None  # broken already by its prefix
        if prefixes and other[:2] != row.text(rule.field)[:2]:
            return None  # another kind of subject than the row states
        return Broken({rule.field: other}, rule.rule, rule.field)

    return make


def first_broken(row: Row, days: dict[str, int], cells: Cells) -> tuple[str, str] | None:
    """The first of the item's rules about dates and ID numbers that the changed row breaks, as (rule,
    field).
    """

    def day(name: str) -> int | None:
        return days[name] if name in days else row.day(name)

    def number(name: str) -> str | None:
        text = cells.get(name) or (
            row.text(name) if row.filled(name) and row.resident(row.plan.item.field(name)) else ""
        )
        return text if len(text) == 18 else None

    for level in ("set_aside", "quarantine"):
        for rule in row.plan.rules:
            if getattr(rule, "level", None) != level:
                continue
            match rule:
                case NotBefore(field=name, other=other):
                    a, b = day(name), day(other)
                    broken = a is not None and b is not None and a < b
                case NotAfterPeriod(field=name, days=grace):
                    a = day(name)
                    broken = a is not None and row.end + grace < a < LONG_TERM
                case MatchesId(field=name, id=number_, what="birth_date"):
                    a, text = day(name), number(number_)
                    broken = a is not None and text is not None and date_text(a, 2) != text[6:14]
                case Adult(id=name, on=on):
                    text, a = number(name), day(on) if on and on in row.plan.names else None
                    at = date_text(row.end if a is None else a, 2)
                    broken = text is not None and int(text[6:14]) + 180_000 > int(at)
                case _:
                    continue
            if broken:
                return rule.rule, name
    return None


def _other_kind(plan: Plan, rule: Prefix) -> Recipe:
    aside = [
        r for r in plan.rules if isinstance(r, Prefix) and r.field == rule.field and r.level == "set_aside"
    ]

    def make(row: Row) -> Broken | None:
        if not row.filled(rule.field) or (aside and rule not in aside):
            return None
        value = row.code(rule.by) if rule.by else None
        allowed = rule.in_ or (rule.allow or {}).get(value or "")
        if not allowed:
            return None
        others = [p for p in ("91", "92", "93", "51", "12", "11") if not p.startswith(allowed)]
        if not others:
            return None
        prefix = others[row.n % len(others)]
        number = row.build.number[row.i : row.i + 1]
        code = plan.population.uscc(np.array([PREFIXES[prefix]]), number, pa.array([prefix]))
        return Broken({rule.field: str(code[0].as_py())}, rule.rule, rule.field)

    return make


def _other_city(plan: Plan, rule: WithinCity) -> Recipe:
    def make(row: Row) -> Broken | None:
        name, region = words.OTHER_CITIES[row.n % len(words.OTHER_CITIES)]
        cells: Cells = {}
        if rule.city in plan.names:
            cells[rule.city or ""] = name
        if rule.code in plan.names and row.filled(rule.code or ""):
            cells[rule.code or ""] = str(plan.population.uscc(*row.one(), region=int(region))[0].as_py())
        return Broken(cells, rule.rule, rule.city or rule.code or "") if cells else None

    return make


def _contradicts_id(rule: MatchesId) -> Recipe:
    def make(row: Row) -> Broken | None:
        f = row.plan.item.field(rule.id)
        if not row.filled(rule.field) or not row.filled(rule.id) or not row.resident(f):
            return None
        if rule.what == "birth_date":
            day = row.day(rule.field)
            return None if day is None else _moved(row, rule.field, day - 1 - row.n % 900)
        codes, code = row.plan.codes(row.plan.item.field(rule.field)), row.code(rule.field)
        if code not in ("1", "2"):
            return None
        forms = codes.forms[codes.position("2" if code == "1" else "1")]
        return Broken({rule.field: forms[row.n % len(forms)]}, rule.rule, rule.field)

    return make


def _minor(rule: Adult) -> Recipe:
    def make(row: Row) -> Broken | None:
        plan, f = row.plan, row.plan.item.field(rule.id)
        if not row.filled(rule.id) or not row.resident(f):
            return None
        on = row.day(rule.on) if rule.on and rule.on in plan.names else None
        born = (row.end if on is None else on) - 2000 - row.n % 3500
        person = row.build.person_of(f)[row.i : row.i + 1]
        number = str(plan.population.resident_id(person, np.array([born], dtype=np.int64))[0].as_py())
        cells, days = {rule.id: number}, {}
        for other in plan.rules:
            if (
                isinstance(other, MatchesId)
                and other.id == rule.id
                and other.what == "birth_date"
                and row.filled(other.field)
            ):
                if not _in_bounds(plan.item.field(other.field), born):
                    return None
                cells[other.field], days[other.field] = date_text(born, plan.style.dates), born
        named = first_broken(row, days, cells)
        return None if named is None else Broken(cells, *named)

    return make


def _not_empty(rule: Empty) -> Recipe:
    def make(row: Row) -> Broken | None:
        # Filled, it may ask for others to be filled, which would be missed first.
        asks = any(
            isinstance(f.required, Condition) and f.required.field == rule.field for f in row.plan.fields
        )
        if asks or not row.holds(rule.when):
            return None
        return Broken({rule.field: row.text(rule.field)}, rule.rule, rule.field)

    return make


def _test_data(plan: Plan, rule: NoTestData) -> Recipe:
    names = (
        words.TEST_PERSONS if plan.item.field(rule.field).type == "person_name" else words.TEST_ORGANISATIONS
    )

    def make(row: Row) -> Broken | None:
        return (
            Broken({rule.field: names[row.n % len(names)]}, rule.rule, rule.field)
            if row.filled(rule.field)
            else None
        )

    return make
