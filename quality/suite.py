"""What a healthy batch of an item looks like as a set, derived from the catalog alone.

Row rules have judged the rows one by one; these expectations judge what only the whole shows (volume,
completeness, duplicates, reject rate) and check once more, independently of the rules, what is to be loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from statistics import median
from typing import Any, Literal

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import SUBJECT, Check, CheckLevel, Condition, Field, Format, Item
from catalog.period import Period
from catalog.types import TYPES, Use
from quality.rules import holds, plain

Kind = Literal["filled", "in_set", "between", "holds", "unique", "measure"]
Unit = Literal["rows", "share", "ratio"]

REPEATED_WARN = (
    0.05  # identical rows inside one file: a few are corrected forms sent twice, more is an export gone wrong
)
FEW_ROWS = 20  # in fewer rows than this one value's share says nothing about the batch


@dataclass(frozen=True)
class Expectation:
    """One expectation on a batch. `id` is stable across runs: check, field, level.

    kind and params: `filled` (share) · `in_set` (values) · `between` (min, max) · `holds` (predicate: SQL
    over a valid row's columns, NULL is no value) · `unique` (columns, share) · `measure` (value: SQL on
    the counts `read valid quarantined set_aside ignored faulty` and the view `valid`; min, max, unit).
    """

    check: str
    field: str | None
    kind: Kind
    level: CheckLevel
    message: str
    params: Mapping[str, Any] = default(default_factory=dict)

    @property
    def id(self) -> str:
        return "__".join(filter(None, (self.check, self.field, self.level)))

    @property
    def on_rows(self) -> bool:
        """Whether it speaks about valid rows, so that a batch without any has nothing to say to it."""
        return self.kind != "measure"


@dataclass(frozen=True)
class History:
    """Rows of an average delivery (valid rows per file) in periods before `before`, oldest first."""

    before: str
    earlier: tuple[tuple[str, float], ...] = ()

    def usual(self, months: int) -> float | None:
        """The median of the last `months` months; None if nothing came in them."""
        since = str(Period.parse(self.before).shift(-months))
        rows = [n for period, n in self.earlier if since <= period < self.before and n > 0]
        return median(rows) if rows else None


def expectations(item: Item, fmt: Format | None, catalog: Catalog, history: History) -> list[Expectation]:
    """The suite of an item for one format of its files; fields the format lacks are not asked for.

    Raises `UserError` for a check of the catalog that cannot be an expectation.
    """
    fields = [f for f in item.fields if not item.lacks(f.name, fmt)]
    found = [*_whole(item), *(e for f in fields for e in _of_field(f, Use(f, catalog.code_list(f, fmt))))]
    for check in item.checks:
        if check.field is None or any(f.name == check.field for f in fields):
            found.extend(_check(item, check, history))
    return found


def _whole(item: Item) -> Iterator[Expectation]:
    low, high, rate = item.rows.min, item.rows.max, item.reject_rate
    yield _measure("rows_min", None, "fail", f"上报行数不少于{low}", "read", "rows", low=low)
    yield _measure("rows_max", None, "warn", f"上报行数不多于{high}", "read", "rows", high=high)
    # Rows of another city or another catalog item are not this provider's faults, nor part of what is judged.
    share = "coalesce(faulty / nullif(read - ignored - set_aside, 0), 0)"
    yield _measure(
        "reject_rate_max", None, "fail", f"问题行占比不超过{rate.fail:.0%}", share, "share", high=rate.fail
    )
    yield _measure(
        "reject_rate", None, "warn", f"问题行占比不超过{rate.warn:.0%}", share, "share", high=rate.warn
    )
    yield Expectation(
        "repeated_rows",
        None,
        "unique",
        "warn",
        f"文件内完全相同的记录不超过{REPEATED_WARN:.0%}",
        {"columns": ("record_key", "content_hash"), "share": 1 - REPEATED_WARN},
    )
    if not {SUBJECT, *item.subject.identifiers} & set(item.key):
        # One notice may name many, yet its number is the key: of these rows only the last one counts.
        keys = (
            "SELECT count(*) AS n FROM valid GROUP BY record_key HAVING min(subject_key) <> max(subject_key)"
        )
        titles = "、".join(item.field(name).title for name in item.key)
        message = f"“{titles}”相同的行说的是同一主体（不同主体共用一个号的，只有最后一行算数，请各编一号）"
        yield _measure(
            "one_subject",
            None,
            "warn",
            message,
            f"(SELECT coalesce(sum(n), 0) FROM ({keys}))",
            "rows",
            high=0,
        )


def _of_field(field: Field, use: Use) -> Iterator[Expectation]:
    if field.required is True:
        yield Expectation(
            "required", field.name, "filled", "fail", f"必填项“{field.title}”全部填写", {"share": 1.0}
        )
    elif isinstance(field.required, Condition):
        predicate = f"{plain(field.name)} IS NOT NULL OR NOT ({holds(field.required)})"
        yield Expectation(
            "required",
            field.name,
            "holds",
            "fail",
            f"条件必填项“{field.title}”该填的全部填写",
            {"predicate": predicate},
        )
    for expected in TYPES[field.type].expectations(use):
        kind: Kind = expected.kind  # type: ignore[assignment]
        yield Expectation(
            expected.check, field.name, kind, "fail", f"“{field.title}”{expected.message}", expected.params
        )


def _check(item: Item, check: Check, history: History) -> list[Expectation]:
    if check.check == "volume_change":
        return _volume_change(item, check, history)
    if check.field is None or check.value is None:
        raise UserError(
            f"检查 {check.check} 缺少 field 或 value", where=item.id, remedy="在目录文件的 checks 中补全"
        )
    title, column = item.field(check.field).title, plain(check.field)
    if check.check == "fill_rate_min":
        message = f"“{title}”填报率不低于{check.value:.0%}"
        return [
            Expectation("fill_rate_min", check.field, "filled", check.level, message, {"share": check.value})
        ]
    groups = f"SELECT count(*) AS n FROM valid WHERE {column} IS NOT NULL GROUP BY {column}"
    most = f"(SELECT max(n) / sum(n) FROM ({groups}) HAVING sum(n) >= {FEW_ROWS})"
    message = f"“{title}”同一个值占比不超过{check.value:.0%}"
    return [
        _measure(
            "distinct_max_share",
            check.field,
            check.level,
            message,
            f"coalesce({most}, 0)",
            "share",
            high=check.value,
        )
    ]


def _volume_change(item: Item, check: Check, history: History) -> list[Expectation]:
    if check.months is None or check.tolerance is None:
        raise UserError(
            "检查 volume_change 缺少 months 或 tolerance", where=item.id, remedy="在目录文件的 checks 中补全"
        )
    if check.level == "fail":
        # What is accepted must not depend on what was loaded before it (design, section 3, rule 2).
        raise UserError("检查 volume_change 不能阻断入库", where=item.id, remedy="把该检查的 level 改为 warn")
    usual = history.usual(check.months)
    if usual is None:
        return []
    message = (
        f"有效行数与前{check.months}个月每次报送的中位数（{usual:,.0f}行）相差不超过{check.tolerance:.0%}"
    )
    low, high = max(0.0, 1 - check.tolerance), 1 + check.tolerance
    return [
        _measure(
            "volume_change", None, "warn", message, f"valid / {float(usual)!r}", "ratio", low=low, high=high
        )
    ]


def _measure(
    check: str,
    field: str | None,
    level: CheckLevel,
    message: str,
    value: str,
    unit: Unit,
    *,
    low: float | None = None,
    high: float | None = None,
) -> Expectation:
    return Expectation(
        check, field, "measure", level, message, {"value": value, "unit": unit, "min": low, "max": high}
    )
