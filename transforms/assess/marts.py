"""One period's marts, in one transaction: what was collected, against both readings of the target."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from catalog.demonstration import load_demonstration
from catalog.divisions import CITY
from catalog.loader import Catalog
from catalog.obligations import due_date, is_owed, providers
from catalog.period import Period
from catalog.scoring import Scoring, load_scoring
from transforms.assess.facts import CITY_LEVEL_NAME, Place, Places, Plan, Unit, breaks, plan_of, units_of
from transforms.assess.measures import measure_rows
from transforms.assess.tables import MARTS
from warehouse import commits
from warehouse.lake import Lake, present_tables
from warehouse.schema import apply_comments, extend_tables

if TYPE_CHECKING:
    import duckdb

HERE = Path(__file__).parent
_PARAMETER = re.compile(r"[$]([a-z_]+)")


@dataclass(frozen=True)
class AssessResult:
    """The period's totals: all and new records, target (None before any plan), items owed, delivered."""

    period: str
    collected: int
    collected_in_period: int
    target: int | None
    rate: float | None
    items_owed: int
    items_delivered: int


def assess(lake: Lake, catalog: Catalog, period: Period, *, opted: Container[str] = ()) -> AssessResult:
    """Replace exactly the rows of `period` in `mart.*`, from core.record, ops.batch and the catalog alone.

    A published period is left as it was sent out, and its totals are given. A record counts once, in the period in which it first appears (domain notes 6.5). The marts' columns are
    in tables.py. Raises RuntimeError, and changes nothing, if the counties do not add up to the ledger.
    """
    if (snapshot := _published(lake.connection, period)) is not None:
        with lake.at(snapshot) as frozen:
            return _totals(frozen.connection, period)
    plan = plan_of(period)
    places = Places(catalog.divisions, period.last_day)
    with lake.transaction(f"{commits.ASSESS}{period}") as tx:
        _create_marts(tx)
        _count_ledger(tx, catalog, period, places)
        pairs = tx.execute(
            "SELECT DISTINCT county_code, division_code FROM assess_raw ORDER BY ALL"
        ).fetchall()
        _facts(tx, catalog, period, plan, places.places(pairs))
        _obligations(tx, catalog, period, places, opted)
        _run(tx, "marts.sql", period)
        _assert_adds_up(tx, period)
        scoring = load_scoring()
        _scoring_facts(tx, catalog, period, places, scoring)
        measure_rows(tx, catalog, period, scoring)
        for script in ("quality.sql", "score.sql", "flags.sql", "scoreboard.sql"):
            _run(tx, script, period)
        _adjustments(tx, catalog, period)
        return _totals(tx, period)


def _totals(connection: duckdb.DuckDBPyConnection, period: Period) -> AssessResult:
    row = connection.execute(
        "SELECT collected, collected_in_period, target, rate, items_owed, items_delivered "
        "FROM mart.city_progress WHERE period = ?",
        [str(period)],
    ).fetchone()
    assert row is not None
    return AssessResult(str(period), *row)


def _published(connection: duckdb.DuckDBPyConnection, period: Period) -> int | None:
    row = connection.execute(
        "SELECT snapshot FROM ops.publication WHERE period = ?", [str(period)]
    ).fetchone()
    return None if row is None else int(row[0])


def _adjustments(tx: duckdb.DuckDBPyConnection, catalog: Catalog, period: Period) -> None:
    """What the last published month would be now, unit by unit in its own layout, against what was published."""
    tx.execute("DELETE FROM mart.adjustment WHERE period = ?", [str(period)])
    last = tx.execute(
        "SELECT period, snapshot FROM ops.publication WHERE period < ? ORDER BY period DESC LIMIT 1",
        [str(period)],
    ).fetchone()
    if last is None:
        return
    then = Period.parse(last[0])
    places = Places(catalog.divisions, then.last_day)
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE assess_then AS SELECT coalesce(county_code, $city) AS county_code,"
        " coalesce(division_code, '') AS division_code, count(*) AS n FROM core.record ANTI JOIN ref.apart USING (item_id)"
        " WHERE first_period <= $then GROUP BY ALL",
        {"city": CITY, "then": str(then)},
    )
    pairs = tx.execute("SELECT county_code, division_code FROM assess_then").fetchall()
    text = pa.string()
    _temporary(
        tx,
        "assess_then_place",
        {"county_code": text, "division_code": text, "unit": text},
        [(p.county_code, p.division_code, p.unit) for p in places.places(pairs)],
    )
    tx.execute(
        f"""
        INSERT INTO mart.adjustment BY NAME
        WITH now AS (SELECT unit, sum(n)::BIGINT AS n FROM assess_then JOIN assess_then_place USING (county_code, division_code) GROUP BY unit)
        SELECT $period AS period, $then AS of_period, {int(last[1])} AS snapshot, p.county_code, p.county_name, p.collected AS published,
            coalesce(now.n, 0) AS recomputed, coalesce(now.n, 0) - p.collected AS difference
        FROM (FROM mart.county_progress AT (VERSION => {int(last[1])}) WHERE period = $then) AS p
        LEFT JOIN now ON now.unit = p.county_code
        ORDER BY p.county_code
        """,
        {"period": str(period), "then": str(then)},
    )


def ensure_marts(lake: Lake) -> None:
    """Create the marts where they are missing, so that `verify` can run before the first assessment."""
    if not _present(lake.connection):
        with lake.transaction(commits.MARTS) as tx:
            _create_marts(tx)


def _present(tx: duckdb.DuckDBPyConnection) -> bool:
    found = present_tables(tx)
    return all(
        name in found.get(f"{table.schema}.{table.name}", ())
        for table in MARTS
        for name, _, _ in table.columns
    )


def _create_marts(tx: duckdb.DuckDBPyConnection) -> None:
    if not _present(tx):
        tx.execute("CREATE SCHEMA IF NOT EXISTS mart")
        extend_tables(tx, MARTS)
    apply_comments(tx, MARTS)


def _count_ledger(tx: duckdb.DuckDBPyConnection, catalog: Catalog, period: Period, places: Places) -> None:
    codes = tx.execute(
        "SELECT DISTINCT county_code FROM core.record WHERE first_period <= ? AND county_code IS NOT NULL",
        [str(period)],
    ).fetchall()
    (statement,) = _statements("counts.sql")
    tx.execute(
        statement,
        {
            "period": str(period),
            **_first_periods(period),
            "city": CITY,
            "apart": sorted(catalog.apart),
            "split": sorted(code for (code,) in codes if places.is_split(code)),
        },
    )


def _facts(
    tx: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    period: Period,
    plan: Plan | None,
    places: Sequence[Place],
) -> None:
    """The catalog's facts as temporary tables, so that the rest is one script of SQL."""
    text, whole = pa.string(), pa.int64()
    _temporary(
        tx,
        "assess_unit",
        {
            "county_code": text,
            "county_name": text,
            "unit_kind": text,
            "floor_target": whole,
            "quota_target": whole,
            "population": whole,
            "gdp_yi_yuan": pa.decimal128(18, 2),
            "weight_confidence": text,
        },
        [_unit_row(unit) for unit in units_of(catalog, period, plan)],
    )
    _temporary(
        tx,
        "assess_place",
        {"county_code": text, "division_code": text, "unit": text, "rule": text},
        [(p.county_code, p.division_code, p.unit, p.rule) for p in places],
    )
    _temporary(
        tx,
        "assess_item",
        {
            "item_id": text,
            "title": text,
            "department": text,
            "library": text,
        },
        [
            (i.id, i.title, i.department, i.library)
            for i in catalog.items.values()
            if i.id not in catalog.apart
        ],
    )
    _temporary(
        tx,
        "assess_department",
        {"department": text, "department_name": text},
        [(d.id, d.name) for d in catalog.departments.values()],
    )
    _temporary(
        tx,
        "assess_city",
        {"target": whole, "target_document": text, "layout": text, "catalog_version": text},
        [
            (
                plan.targets.city_target if plan else None,
                plan.targets.document if plan else None,
                plan.layout if plan else None,
                catalog.version,
            )
        ],
    )


def _obligations(
    tx: duckdb.DuckDBPyConnection, catalog: Catalog, period: Period, places: Places, opted: Container[str]
) -> None:
    """Who owes what this period, and to which unit each division that delivered belongs."""
    text = pa.string()
    _temporary(
        tx,
        "assess_obligation",
        {
            "item_id": text,
            "department": text,
            "county_code": text,
            "role": text,
            "since": text,
            "reason": text,
            "owed": pa.bool_(),
            "due_on": pa.date32(),
        },
        [
            (
                item.id,
                provider.department,
                provider.county_code,
                item.provision.role,
                item.provision.since,
                item.provision.reason,
                is_owed(item, period),
                due_date(item, period),
            )
            for item in catalog.collected(opted).values()
            for provider in providers(item, catalog, period)
        ],
    )
    divisions = tx.execute(
        "SELECT DISTINCT division FROM ops.batch WHERE period = $period AND division IS NOT NULL "
        "UNION SELECT DISTINCT division FROM ops.declaration WHERE period = $period",
        {"period": str(period)},
    ).fetchall()
    _temporary(
        tx,
        "assess_division",
        {"division": text, "unit": text},
        [(code, places.unit_or_city(code)) for (code,) in divisions],
    )


def spans(period: Period) -> dict[str, tuple[Period, Period]]:
    """The spans of time that volumes are given for: first and last period of each."""
    last_year = period.shift(-12)
    return {
        "month": (period, period),
        "previous": (period.shift(-1), period.shift(-1)),
        "year": (Period(period.year, 1), period),
        "last_year_month": (last_year, last_year),
        "last_year": (Period(last_year.year, 1), last_year),
        "recent": (period.shift(-2), period),
    }


def _first_periods(period: Period) -> dict[str, str]:
    """The first period of each span, by the parameter of counts.sql that it is."""
    named = {
        "previous": "previous",
        "january": "year",
        "last_january": "last_year",
        "last_year": "last_year_month",
        "recent": "recent",
    }
    found = spans(period)
    return {name: str(found[span][0]) for name, span in named.items()}


def _scoring_facts(
    tx: duckdb.DuckDBPyConnection, catalog: Catalog, period: Period, places: Places, scoring: Scoring
) -> None:
    """Weights, deductions, lines and spans as temporary tables."""
    text, number = pa.string(), pa.decimal128(9, 4)
    _temporary(
        tx,
        "assess_measure",
        {
            "position": pa.int32(),
            "measure": text,
            "title": text,
            "county": number,
            "department": number,
            "full_at": number,
        },
        [(i, m.id, m.title, m.county, m.department, m.full_at) for i, m in enumerate(scoring.measures, 1)],
    )
    _temporary(
        tx,
        "assess_deduction",
        {"id": text, "each": number, "at_most": number},
        [(d.id, d.each, d.at_most) for d in scoring.deductions],
    )
    lines = scoring.flags.model_dump()
    _temporary(
        tx, "assess_line", {name: pa.float64() for name in lines}, [tuple(float(v) for v in lines.values())]
    )
    between = spans(period)
    _temporary(
        tx,
        "assess_span",
        {"span": text, "first": text, "last": text},
        [(name, str(first), str(last)) for name, (first, last) in between.items()],
    )
    _temporary(
        tx,
        "assess_break",
        {"unit": text, "span": text, "note": text},
        [
            (unit, name, note)
            for name, (first, _) in between.items()
            for unit, note in breaks(catalog.divisions, first.last_day, period.last_day).items()
        ],
    )
    divisions = tx.execute(
        "SELECT division FROM ops.batch WHERE division IS NOT NULL UNION SELECT county_code FROM mart.provider_item"
        " UNION SELECT county_code FROM mart.county_score UNION SELECT county_code FROM assess_unit"
    ).fetchall()
    _temporary(
        tx,
        "assess_earlier_division",
        {"division": text, "unit": text},
        [(code, places.unit_or_city(code)) for (code,) in divisions],
    )
    board = load_demonstration()
    _temporary(
        tx,
        "assess_indicator",
        {"position": pa.int32(), "indicator": text, "title": text, "points": number, "measure": text},
        [(i, d.id, d.title, d.points, d.measure) for i, d in enumerate(board.indicators, 1)],
    )
    _temporary(
        tx,
        "assess_evidence",
        {
            "year": pa.int32(),
            "code": text,
            "indicator": text,
            "achieved": number,
            "possible": number,
            "evidence": text,
        },
        [(e.year, e.code, e.indicator, e.achieved, e.of, e.evidence) for e in board.evidence],
    )
    _handled(tx, period)


def _handled(tx: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`assess_handled`: of the rows questioned in the period before, those mended by a delivery of this one at the latest.

    Empty, so that the measure is not available, where no register of rectification is kept.
    """
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE assess_handled(item_id VARCHAR, department VARCHAR, county_code VARCHAR,"
        " to_handle BIGINT, handled BIGINT, handling_days DOUBLE)"
    )
    if "ops.rectification" in present_tables(tx):
        tx.execute(
            """
            INSERT INTO assess_handled
            SELECT item_id, department, coalesce(place.unit, $city), count(*),
                count(*) FILTER (split_part(closed_batch_id, '/', 2) <= $period),
                avg(days) FILTER (split_part(closed_batch_id, '/', 2) <= $period)
            FROM ops.rectification AS r LEFT JOIN assess_earlier_division AS place ON place.division = r.division
            WHERE r.period = $previous
            GROUP BY ALL
            """,
            {"city": CITY, "period": str(period), "previous": str(period.shift(-1))},
        )


def _unit_row(unit: Unit) -> tuple[object, ...]:
    weight = unit.weight
    return (
        unit.county_code,
        unit.county_name,
        unit.unit_kind,
        unit.floor_target,
        unit.quota_target,
        weight.population if weight else None,
        weight.gdp_yi_yuan if weight else None,
        weight.confidence if weight else None,
    )


def _temporary(
    tx: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, pa.DataType],
    rows: Sequence[tuple[object, ...]],
) -> None:
    schema = pa.schema(list(columns.items()))
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=schema)
    tx.register("assess_rows", table)
    tx.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM assess_rows")
    tx.unregister("assess_rows")


def _assert_adds_up(tx: duckdb.DuckDBPyConnection, period: Period) -> None:
    """Every record is in exactly one unit: a place without a unit would lose its records silently."""
    totals = tx.execute(
        """
        SELECT (SELECT count(*) FROM core.record ANTI JOIN ref.apart USING (item_id) WHERE first_period <= $period),
               (SELECT sum(collected) FROM mart.county_progress WHERE period = $period),
               (SELECT sum(collected) FROM mart.item_progress WHERE period = $period),
               (SELECT sum(collected) FROM mart.department_progress WHERE period = $period)
        """,
        {"period": str(period)},
    ).fetchone()
    if totals is None or len({int(total or 0) for total in totals}) != 1:
        raise RuntimeError(f"{period}：台账、县区、目录、部门四处归集量不一致：{totals}")


def _run(tx: duckdb.DuckDBPyConnection, script: str, period: Period) -> None:
    given = {"period": str(period), "city": CITY, "city_level": CITY_LEVEL_NAME}
    for statement in _statements(script):
        asked = set(_PARAMETER.findall(statement))
        tx.execute(statement, {name: value for name, value in given.items() if name in asked})


def _statements(name: str) -> list[str]:
    script = (HERE / name).read_text(encoding="utf-8")
    return [text for part in script.split(";\n") if (text := part.strip().rstrip(";"))]
