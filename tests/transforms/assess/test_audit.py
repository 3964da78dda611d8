from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

import quality
from catalog.period import Period
from quality.audit.prepare import months
from transforms.assess import assess, ensure_marts
from transforms.report import freeze

AUDIT = Path(quality.__file__).parent / "audit"
CLAUSES = sorted(path.name for path in AUDIT.glob("mart_*.sql"))


@pytest.fixture
def assessed(lake, three_items, ledger, batch, declare):
    ledger(5, county="130528", first="2019-11")
    ledger(3, county="130530")
    ledger(2, county="130500", rule="city", item="penalty", subject=False)
    ledger(1, county="130521", first="2020-07")
    batch(new=3, questioned=1, set_aside=1, ignored=2)
    batch("penalty", department="sfj", new=2, duplicate=1)
    declare("teacher", 0, department="jyj")
    declare("teacher", 7, department="jyj", period="2019-11")  # not due yet
    ledger(30, county="130529")
    ledger(3, county="130529", item="penalty")
    assess(lake, three_items, Period(2019, 11))
    freeze(lake, three_items, Period(2019, 11))
    for period in (Period(2019, 12), Period(2020, 7)):
        assess(lake, three_items, period)
    return lake


def violated(lake) -> set[str]:
    clauses = {name: (AUDIT / name).read_text(encoding="utf-8") for name in CLAUSES}
    assert all(text.startswith("-- ") for text in clauses.values())
    months(lake.connection)
    return {name for name, text in clauses.items() if lake.execute(text).fetchall()}


def test_a_fresh_assessment_passes(assessed):
    assert CLAUSES
    assert violated(assessed) == set()


TAMPERINGS = [
    ("DELETE FROM core.record WHERE county_code = '130530'", "mart_city_total.sql"),
    (
        "UPDATE core.record SET county_code = '130529' WHERE county_code = '130530'",
        "mart_county_ledger.sql",
    ),
    (
        "UPDATE mart.county_progress SET collected = collected + 1 WHERE county_code = '130528'",
        "mart_county_sum.sql",
    ),
    ("UPDATE mart.county_progress SET rank = 1 WHERE county_code = '130529'", "mart_county_rate.sql"),
    (
        "UPDATE mart.county_progress SET quota_target = 1 WHERE county_code = '130529'",
        "mart_county_rate.sql",
    ),
    ("UPDATE core.record SET subject_key = NULL WHERE county_code = '130530'", "mart_item_ledger.sql"),
    ("UPDATE ops.batch SET rows_updated = rows_updated + 1", "mart_item_batch.sql"),
    ("UPDATE mart.department_progress SET collected = 0", "mart_department_ledger.sql"),
    ("INSERT INTO mart.item_progress FROM mart.item_progress LIMIT 1", "mart_complete.sql"),
    ("DELETE FROM mart.county_progress WHERE county_code = '130535'", "mart_complete.sql"),
    ("INSERT INTO mart.obligation FROM mart.obligation LIMIT 1", "mart_obligation.sql"),
    ("UPDATE mart.obligation SET state = 'zero' WHERE state = 'missing'", "mart_obligation.sql"),
    ("DELETE FROM mart.obligation WHERE state = 'delivered'", "mart_obligation.sql"),
    ("UPDATE ops.declaration SET produced = produced + 1", "mart_obligation.sql"),
    ("UPDATE mart.city_progress SET rate = rate + 0.1", "mart_city_rate.sql"),
    ("UPDATE mart.city_progress SET collected_before = 99", "mart_city_rate.sql"),
    ("DELETE FROM core.record WHERE first_period = '2019-11'", "mart_city_previous.sql"),
    ("UPDATE ops.batch SET rows_read = rows_read + 1", "mart_city_submitted.sql"),
    ("UPDATE mart.item_progress SET submitted = submitted + 1", "mart_city_items.sql"),
    ("UPDATE mart.city_progress SET counties = 20", "mart_city_counties.sql"),
    ("UPDATE mart.county_progress SET floor_target = 1", "mart_city_counties.sql"),
    ("UPDATE mart.item_progress SET providers_met = providers_met + 1", "mart_city_obligation.sql"),
    ("UPDATE mart.county_item SET collected = collected + 1", "mart_county_item.sql"),
    ("UPDATE mart.item_progress SET linked = linked + 1", "mart_county_item.sql"),
    (
        "UPDATE mart.county_progress SET obligations_met = obligations_met + 1",
        "mart_county_obligation.sql",
    ),
    ("UPDATE mart.department_progress SET accepted = accepted + 1", "mart_department_items.sql"),
    ("UPDATE mart.department_progress SET items_owed = 9", "mart_department_obligation.sql"),
    ("UPDATE mart.department_progress SET is_zero = NOT is_zero", "mart_department_obligation.sql"),
    ("UPDATE mart.item_progress SET status = 'zero'", "mart_item_obligation.sql"),
    ("UPDATE mart.obligation SET state = 'missing' WHERE state = 'delivered'", "mart_item_obligation.sql"),
    ("UPDATE mart.item_progress SET valid_rate = 0.5", "mart_valid_rate.sql"),
    ("UPDATE mart.city_progress SET valid_rate = NULL", "mart_valid_rate.sql"),
    ("UPDATE mart.item_progress SET linking_rate = 0.5", "mart_valid_rate.sql"),
    ("DELETE FROM mart.timeliness WHERE status = 'delivered'", "mart_timeliness.sql"),
    ("UPDATE mart.timeliness SET due_date = due_date + 1", "mart_timeliness.sql"),
    ("UPDATE mart.obligation SET on_time = NOT on_time", "mart_on_time.sql"),
    ("UPDATE mart.obligation SET batches = batches + 1 WHERE batches > 0", "mart_delivered.sql"),
    ("UPDATE mart.obligation SET delivered_on = delivered_on + 1", "mart_delivered.sql"),
    ("UPDATE mart.county_item SET county_code = '999999'", "mart_known.sql"),
    ("UPDATE mart.item_progress SET item_id = 'nothing'", "mart_known.sql"),
    ("UPDATE mart.department_progress SET department = 'nobody'", "mart_known.sql"),
    ("DELETE FROM mart.city_progress WHERE period = '2019-11'", "mart_known.sql"),
    ("UPDATE mart.county_progress SET unplaced = -1", "mart_negative.sql"),
    ("UPDATE mart.item_progress SET linked = collected + 1", "mart_negative.sql"),
    ("UPDATE mart.provider_item SET updated = updated + 1", "mart_provider_batch.sql"),
    ("UPDATE mart.provider_item SET missing = 1 - missing", "mart_provider_duty.sql"),
    ("UPDATE mart.provider_item SET in_time = timed + 1", "mart_provider_rows.sql"),
    ("UPDATE mart.provider_item SET records = accepted + duplicate + 1", "mart_provider_rows.sql"),
    ("UPDATE mart.volume SET submitted = submitted + 1 WHERE span = 'year'", "mart_volume.sql"),
    ("UPDATE mart.volume SET collected = collected + 1 WHERE kind = 'county'", "mart_volume.sql"),
    (
        "UPDATE mart.score_part SET numerator = numerator + 1 WHERE measure = 'coverage'",
        "mart_score_part.sql",
    ),
    ("UPDATE mart.county_score SET score = score + 1", "mart_score.sql"),
    ("UPDATE mart.department_score SET rank = 9", "mart_score.sql"),
    ("UPDATE mart.forecast SET quota_months = quota_months - 1", "mart_forecast.sql"),
    ("UPDATE mart.forecast SET binding = 'both'", "mart_forecast.sql"),
    ("UPDATE mart.adjustment SET difference = difference + 1", "mart_adjustment.sql"),
    ("UPDATE mart.review_flag SET value = value / 2", "mart_review_flag.sql"),
    ("UPDATE mart.scoreboard SET points = points + 1", "mart_scoreboard.sql"),
    ("UPDATE mart.county_score SET score = score / 2 + 1", "mart_scoreboard.sql"),
    ("UPDATE mart.obligation SET reason = '见130528198506070129'", "mart_clear_number.sql"),
]


def test_every_clause_is_tampered_with():
    assert {clause for _, clause in TAMPERINGS} == set(CLAUSES)


class _Undo(Exception):
    pass


def test_tampering_turns_its_clause_red(assessed):
    months(assessed.connection)
    for tampering, expected in TAMPERINGS:
        with suppress(_Undo), assessed.transaction() as tx:
            tx.execute(tampering)
            assert assessed.execute((AUDIT / expected).read_text("utf-8")).fetchall(), tampering
            raise _Undo
    assert violated(assessed) == set()


def test_a_published_month_is_no_fault_when_more_was_loaded_since(assessed, three_items):
    with assessed.transaction("load penalty/2019-12/late") as tx:
        tx.execute("DELETE FROM core.record WHERE county_code = '130530'")
        tx.execute("UPDATE ops.batch SET rows_updated = rows_updated + 1")
    assert violated(assessed) == set()
    assess(assessed, three_items, Period(2019, 12))
    with assessed.transaction() as tx:
        tx.execute("DELETE FROM core.record WHERE county_code = '130528'")
    assert "mart_city_total.sql" in violated(assessed)


def test_the_clauses_run_before_the_first_assessment(lake):
    ensure_marts(lake)
    assert violated(lake) == set()
