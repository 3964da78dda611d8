"""Every number of a bulletin, read from one snapshot of the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.bulletin import Wording, load_wording
from catalog.divisions import CITY
from catalog.errors import UserError
from catalog.loader import Catalog, Department, bureau_name
from catalog.period import Period
from catalog.personal import redact
from catalog.scoring import Reference, load_scoring
from catalog.targets import Targets
from catalog.types import TYPES
from catalog.types.base_sql import quote
from transforms.assess.facts import Places, plan_of
from warehouse.lake import Lake, present_tables

Row = dict[str, Any]
STATUS = {"delivered": "已报", "zero": "零报告", "missing": "应报未报", "not_due": "本期不应报"}

_ASSESS = "先运行 xtcredit assess --period {}"


@dataclass(frozen=True)
class Unit:
    """The county or department that a bulletin is for."""

    kind: str  # county | department
    id: str
    name: str


@dataclass(frozen=True)
class Terms:
    """What a bulletin says beside its figures: how it is worded, and the targets and lines that figures are held against."""

    wording: Wording
    targets: Targets | None
    reference: Reference
    filled: tuple[str, ...] = ()
    """Of a published month: what was not kept of its terms and is as the catalog has it now."""


def present_terms(period: Period) -> Terms:
    """The terms as the catalog has them now."""
    plan = plan_of(period)
    return Terms(load_wording(), plan.targets if plan else None, load_scoring().reference)


@dataclass(frozen=True)
class Figures:
    """The rows of the marts and of the quarantine that a bulletin shows; see assess/tables.py for their columns.

    `faults` has one row per item, field and rule (`count`, `message`); `rows` the faulty rows of `unit`.
    """

    period: Period
    snapshot: int
    targets: Targets | None
    layout: str | None
    unit: Unit | None
    city: Row
    counties: tuple[Row, ...]
    departments: tuple[Row, ...]
    items: tuple[Row, ...]
    county_items: tuple[Row, ...]
    faults: tuple[Row, ...]
    rows: tuple[Row, ...]
    wording: Wording
    reference: Reference
    filled: tuple[str, ...]
    county_scores: tuple[Row, ...]
    department_scores: tuple[Row, ...]
    parts: dict[tuple[str, str], dict[str, Row]]
    """The parts of a score by kind and unit, then measure."""
    double_publicity: tuple[Row, ...]
    """By item and county, what was reported of 双公示, its compliance, timeliness and concealment."""
    duties: tuple[Row, ...]
    """Late, missing and concealed reports, each with its provider."""
    flags: tuple[Row, ...]
    forecast: tuple[Row, ...]
    adjustments: tuple[Row, ...]
    volume: dict[tuple[str, str], dict[str, Row]]
    """Volumes by kind and unit, then span."""

    @property
    def estimated(self) -> bool:
        """Whether any quota rests on a weight that was not found in a source."""
        return any(c["estimated"] for c in self.counties)


def county_rows(lake: Lake, period: Period) -> list[Row]:
    """`mart.county_progress` of a period in the order of every table: counties by rank, then zones, then the city's own.

    `estimated`: whether the quota rests on a weight that was not found in a source. One such weight is in the sum by which
    all are divided, and so in every quota.
    """
    return lake.rows(
        "SELECT *, quota_target IS NOT NULL AND coalesce(bool_or(weight_confidence <> 'exact') OVER (), FALSE) AS estimated "
        "FROM mart.county_progress WHERE period = ? "
        "ORDER BY list_position(['county', 'zone', 'city_level'], unit_kind), rank NULLS LAST, county_code",
        [str(period)],
    )


def read_figures(
    lake: Lake,
    catalog: Catalog,
    period: Period,
    *,
    county: str | None = None,
    department: str | None = None,
    terms: Terms | None = None,
) -> Figures:
    """Read a period's figures; `lake` is opened at one snapshot, which is named in the result. `terms`: else the present ones.

    Raises `UserError` if the period was not assessed, if batches were loaded since, or for an unknown unit.
    """
    require_fresh(lake, catalog, period)
    terms = terms or present_terms(period)
    (city,) = lake.rows("SELECT * FROM mart.city_progress WHERE period = ?", [str(period)])
    counties = county_rows(lake, period)
    unit = _unit(catalog, counties, county, department)
    departments = _mart(lake, period, "department_progress", "collected DESC, submitted DESC, department")
    items = lake.rows(
        "SELECT m.*, t.* EXCLUDE item_id FROM (FROM mart.item_progress WHERE period = $1) AS m "
        "LEFT JOIN (SELECT item_id, max(due_date) AS due_date, min(delivered_on) AS delivered_on, bool_and(on_time) AS on_time "
        "FROM mart.timeliness WHERE period = $1 GROUP BY item_id) AS t ON t.item_id = m.item_id "
        "ORDER BY m.department, m.item_id",
        [str(period)],
    )
    if unit is not None and unit.kind == "department":
        departments = tuple(row for row in departments if row["department"] == unit.id)
        if not departments:
            raise UserError(f"{period}考核之后才有部门“{unit.name}”", remedy=_ASSESS.format(period))
        unit = Unit(unit.kind, unit.id, departments[0]["department_name"])
        items = _department_items(lake, period, unit)
    return Figures(
        period=period,
        snapshot=lake.snapshot_id(),
        targets=terms.targets,
        layout=terms.targets.layout(period.last_day) if terms.targets else None,
        unit=unit,
        city=city,
        counties=tuple(counties),
        departments=departments,
        items=tuple(items),
        county_items=tuple(_county_items(lake, period, unit)),
        faults=tuple(_faults(lake, catalog, period, unit)),
        rows=tuple(_faulty_rows(lake, catalog, period, unit)) if unit else (),
        wording=terms.wording,
        reference=terms.reference,
        filled=terms.filled,
        county_scores=_mart(lake, period, "county_score", "rank NULLS LAST, county_code"),
        department_scores=_mart(lake, period, "department_score", "rank NULLS LAST, department"),
        parts=_nested(_mart(lake, period, "score_part", "position"), "measure"),
        double_publicity=tuple(_double_publicity(lake, period, terms.wording)),
        duties=tuple(_duties(lake, period)),
        flags=_mart(lake, period, "review_flag", "county_code, department, flag, item_id"),
        forecast=_mart(lake, period, "forecast", "county_code"),
        adjustments=tuple(a for a in _mart(lake, period, "adjustment", "county_code") if a["difference"]),
        volume=_nested(_mart(lake, period, "volume", "ALL"), "span"),
    )


def require_assessed(lake: Lake, period: Period) -> None:
    """Raises `UserError` for a period that has no marts."""
    assessed = "mart.city_progress" in present_tables(lake.connection) and lake.scalar(
        "SELECT count(*) FROM mart.city_progress WHERE period = ?", [str(period)]
    )
    if not assessed:
        raise UserError(f"{period}还没有考核结果", remedy=_ASSESS.format(period))


def require_fresh(lake: Lake, catalog: Catalog, period: Period) -> None:
    """A bulletin never mixes marts of one state with a quarantine, or with records' counties, of another."""
    require_assessed(lake, period)
    agree = lake.scalar(
        """
        SELECT (SELECT count(*) FROM core.record ANTI JOIN ref.apart USING (item_id) WHERE first_period <= ?)
             = (SELECT collected FROM mart.city_progress WHERE period = ?)
           AND (SELECT (coalesce(sum(rows_read - rows_ignored), 0), coalesce(sum(rows_new), 0), coalesce(sum(rows_updated), 0),
                    coalesce(sum(rows_duplicate), 0), coalesce(sum(rows_set_aside), 0))
                FROM ops.batch ANTI JOIN ref.apart USING (item_id) WHERE period = ?)
             = (SELECT (submitted, new, updated, duplicate, set_aside) FROM mart.city_progress WHERE period = ?)
           AND NOT EXISTS (
                FROM (SELECT item_id, department, sum(produced) AS produced FROM ops.declaration WHERE period = ? GROUP BY ALL) AS declared
                FULL JOIN (SELECT item_id, department, sum(produced) AS produced FROM mart.obligation WHERE period = ? AND produced IS NOT NULL GROUP BY ALL) AS held
                USING (item_id, department)
                WHERE declared.produced IS DISTINCT FROM held.produced)
        """,
        [str(period)] * 6,
    )
    # A published month keeps the counties as today's divisions may no longer draw them; it was fresh when it was frozen.
    if not agree or (lake.snapshot is None and not _counties_agree(lake, catalog, period)):
        raise UserError(f"{period}考核之后又有数据或月报表入库，考核结果已旧", remedy=_ASSESS.format(period))


def _counties_agree(lake: Lake, catalog: Catalog, period: Period) -> bool:
    """Integration may give a record another county and change no sum of the city's."""
    places = Places(catalog.divisions, period.last_day)
    held: Counter[str] = Counter()
    for county, division, records in lake.execute(
        "SELECT coalesce(county_code, ?), coalesce(division_code, ''), count(*)"
        " FROM core.record ANTI JOIN ref.apart USING (item_id) WHERE first_period <= ? GROUP BY ALL",
        [CITY, str(period)],
    ).fetchall():
        held[places.place(county, division).unit] += records
    counted = lake.execute(
        "SELECT county_code, collected FROM mart.county_progress WHERE period = ? AND collected > 0",
        [str(period)],
    ).fetchall()
    return held == dict(counted)


def county_of(counties: Sequence[Row], county: str) -> Row:
    """The row of the county of this code or name; raises `UserError` naming all where it is none."""
    for row in counties:
        if county in (row["county_code"], row["county_name"]):
            return row
    known = "、".join(f"{row['county_code']} {row['county_name']}" for row in counties)
    raise UserError(f"本期没有县（市、区）“{county}”", remedy=f"从中选一个：{known}")


def _unit(
    catalog: Catalog, counties: Sequence[Row], county: str | None, department: str | None
) -> Unit | None:
    if county is not None and department is not None:
        raise UserError("不能同时指定县（市、区）和部门", remedy="--county 与 --department 只写一个")
    if county is not None:
        row = county_of(counties, county)
        return Unit("county", row["county_code"], row["county_name"])
    if department is not None:
        found = catalog.departments.get(department) or _by_name(catalog, department)
        if found is None:
            known = "、".join(f"{d.id} {d.name}" for d in catalog.departments.values())
            raise UserError(f"没有部门“{department}”", remedy=f"从中选一个：{known}")
        return Unit("department", found.id, found.name)
    return None


def _mart(lake: Lake, period: Period, name: str, order: str) -> tuple[Row, ...]:
    return tuple(lake.rows(f"SELECT * FROM mart.{name} WHERE period = ? ORDER BY {order}", [str(period)]))


def _nested(rows: Iterable[Row], key: str) -> dict[tuple[str, str], dict[str, Row]]:
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row["kind"], row["unit"]), {})[row[key]] = row
    return found


def _double_publicity(lake: Lake, period: Period, wording: Wording) -> list[Row]:
    """One row per item and county, and `county_code` None for the item's sum."""
    return lake.rows(
        """
        SELECT title, county_code, any_value(county_name) AS county_name,
            sum(submitted)::BIGINT AS submitted, sum(accepted + duplicate)::BIGINT AS valid, sum(questioned)::BIGINT AS questioned,
            sum(accepted + duplicate) / nullif(sum(submitted - set_aside), 0) AS valid_rate,
            sum(timed)::BIGINT AS timed, sum(in_time)::BIGINT AS in_time, sum(timed - in_time)::BIGINT AS late_records,
            sum(in_time) / nullif(sum(timed), 0) AS timely_rate,
            sum(produced)::BIGINT AS produced, sum(concealed_records)::BIGINT AS concealed_records,
            sum(concealed_records) / nullif(sum(produced), 0) AS concealed_rate, sum(missing)::BIGINT AS missing
        FROM mart.provider_item
        WHERE period = ? AND item_id IN (SELECT item_id FROM ref.item WHERE library = ?)
        GROUP BY GROUPING SETS ((item_id, title, county_code), (item_id, title))
        HAVING county_code IS NULL OR sum(submitted) + sum(coalesce(produced, 0)) > 0
        ORDER BY item_id, county_code NULLS LAST
        """,
        [str(period), wording.double_publicity],
    )


def _duties(lake: Lake, period: Period) -> list[Row]:
    rows = lake.rows(
        """
        SELECT p.county_code, p.county_name, p.department, p.department_name, p.item_id, p.title, o.due_on, o.delivered_on,
            p.submitted, p.produced, p.concealed_records,
            kind.fault
        FROM mart.provider_item AS p
        JOIN mart.obligation AS o USING (period, item_id, department, county_code)
        -- Who is late and sent less than it produced is named for both, as both are counted beside its score.
        JOIN (VALUES ('瞒报'), ('漏报'), ('迟报')) AS kind(fault)
            ON CASE kind.fault WHEN '瞒报' THEN p.concealed WHEN '漏报' THEN p.missing ELSE p.late END = 1
        WHERE period = ?
        ORDER BY county_code, department, list_position(['瞒报', '漏报', '迟报'], fault), p.item_id
        """,
        [str(period)],
    )
    return [
        row
        if row["county_code"] == CITY
        else row | {"department_name": bureau_name(row["department_name"], row["county_name"])}
        for row in rows
    ]


def _by_name(catalog: Catalog, name: str) -> Department | None:
    return next((d for d in catalog.departments.values() if name in (d.name, d.full_name, *d.aliases)), None)


def _department_items(lake: Lake, period: Period, unit: Unit) -> list[Row]:
    """What a department owes or sent, with its own share of each item's figures: items shared with others among them.

    `status` is that of its duty in the city; the figures hold what its offices in the counties sent, as the department's do.
    """
    return lake.rows(
        """
        WITH owed AS (
            SELECT item_id,
                CASE
                    WHEN bool_or(state = 'missing' AND county_code = $city) THEN 'missing'
                    WHEN bool_or(state = 'delivered') THEN 'delivered'
                    WHEN bool_or(state = 'zero') THEN 'zero'
                    ELSE 'not_due'
                END AS status,
                max(due_on) FILTER (county_code = $city) AS due_date, min(delivered_on) AS delivered_on, bool_or(county_code = $city) AS in_city
            FROM mart.obligation WHERE period = $period AND department = $unit GROUP BY item_id
        ),
        sent AS (
            SELECT item_id, any_value(title) AS title, any_value(department_name) AS department_name,
                sum(COLUMNS(['submitted', 'new', 'updated', 'duplicate', 'questioned', 'set_aside']))::BIGINT,
                sum(accepted + duplicate) / nullif(sum(submitted - set_aside), 0) AS valid_rate
            FROM mart.provider_item WHERE period = $period AND department = $unit GROUP BY item_id
        ),
        held AS (
            SELECT item_id, count(*) AS collected, count(subject_key) / count(*) AS linking_rate
            FROM core.record SEMI JOIN (FROM ops.batch WHERE department = $unit) USING (batch_id)
            WHERE first_period <= $period GROUP BY item_id
        )
        SELECT sent.*, owed.* EXCLUDE (item_id, in_city), coalesce(held.collected, 0) AS collected, held.linking_rate
        FROM sent JOIN owed USING (item_id) LEFT JOIN held USING (item_id)
        WHERE in_city OR submitted > 0 OR collected > 0
        ORDER BY item_id
        """,
        {"period": str(period), "unit": unit.id, "city": CITY},
    )


def _county_items(lake: Lake, period: Period, unit: Unit | None) -> list[Row]:
    if unit is None or unit.kind != "county":
        return []
    return lake.rows(
        """
        SELECT p.department_name, item_id, p.title, sum(i.collected)::BIGINT AS collected,
               sum(i.collected_in_period)::BIGINT AS collected_in_period
        FROM mart.county_item AS i
        JOIN mart.item_progress AS p USING (period, item_id)
        WHERE period = ? AND county_code = ?
        GROUP BY ALL
        ORDER BY collected DESC, item_id
        """,
        [str(period), unit.id],
    )


def _where(lake: Lake, catalog: Catalog, period: Period, unit: Unit | None) -> tuple[str, list[object]]:
    """The batches of a unit: those it delivered itself, a county also under a code of before or after its own."""
    if unit is None:
        return "true", []
    if unit.kind == "department":
        return "b.department = ?", [unit.id]
    places = Places(catalog.divisions, period.last_day)
    found = lake.execute("SELECT DISTINCT coalesce(division, ?) FROM ops.batch", [CITY]).fetchall()
    mine = [code for (code,) in found if places.unit_or_city(code) == unit.id]
    return "list_contains(?, coalesce(b.division, ?))", [mine, CITY]


_TITLED = """
    SELECT q.*, coalesce(item.title, q.item_id) AS title, coalesce(field.title, nullif(q.field, ''), '整行') AS field_title,
        coalesce(department.name, '') AS department_name
    FROM (
        -- A month published before there were the two columns has none.
        FROM (FROM ops.quarantine UNION ALL BY NAME SELECT NULL::VARCHAR AS sheet, NULL::BIGINT AS sheet_row WHERE false)
        ANTI JOIN ref.apart USING (item_id)
    ) AS q
    LEFT JOIN ref.item AS item ON item.item_id = q.item_id
    LEFT JOIN ref.field AS field ON field.item_id = q.item_id AND field.field = q.field
    LEFT JOIN ref.department AS department ON department.department = item.department"""
"""Questioned rows with the titles that the lake's catalog had at the snapshot: those of a published month do not change."""


def _faults(lake: Lake, catalog: Catalog, period: Period, unit: Unit | None) -> list[Row]:
    where, parameters = _where(lake, catalog, period, unit)
    return lake.rows(
        f"""
        SELECT q.item_id, q.field, q.rule, q.level, count(*) AS count, min(q.message) AS message,
            any_value(q.title) AS title, any_value(q.field_title) AS field_title, any_value(q.department_name) AS department_name
        FROM ({_TITLED}) AS q
        LEFT JOIN ops.batch AS b USING (batch_id)
        WHERE q.period = ? AND {where}
        GROUP BY q.item_id, q.field, q.rule, q.level
        ORDER BY level, count DESC, q.item_id, q.field, q.rule
        """,
        [str(period), *parameters],
    )


def shown_value(catalog: Catalog) -> str:
    """SQL for the value of `ops.quarantine AS q` as its field's type shows it in public; values of private types are masked already."""
    cases: dict[str, list[str]] = {}
    for item in catalog.items.values():
        for field in item.kept_fields:
            kind = TYPES[field.type]
            if not kind.private and (shown := kind.mask("q.value")) != "q.value":
                cases.setdefault(shown, []).append(f"({quote(item.id)}, {quote(field.name)})")
    if not cases:
        return "q.value"
    branches = " ".join(
        f"WHEN (q.item_id, q.field) IN ({', '.join(pairs)}) THEN {shown}" for shown, pairs in cases.items()
    )
    return f"CASE {branches} ELSE q.value END"


def _faulty_rows(lake: Lake, catalog: Catalog, period: Period, unit: Unit) -> list[Row]:
    where, parameters = _where(lake, catalog, period, unit)
    rows = lake.rows(
        f"""
        SELECT q.item_id, b.source_file, q.sheet, coalesce(q.sheet_row, q.row_number) AS row_number, q.field, q.rule, {shown_value(catalog)} AS value, q.message, q.title, q.field_title, q.department_name
        FROM ({_TITLED}) AS q
        LEFT JOIN ops.batch AS b USING (batch_id)
        WHERE q.period = ? AND q.level = 'quarantine' AND {where}
        ORDER BY q.item_id, b.source_file, q.batch_id, q.row_number
        """,
        [str(period), *parameters],
    )
    return [row | {"value": redact(row["value"]) if row["value"] else row["value"]} for row in rows]
