"""The audit: silent on a sound lake, and every clause turns red when what it guards is broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quality.audit import Clause, _ask, audit, clauses, make_ready, prepare
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

# Clauses of the libraries and some of the marts are broken where their lakes are: tests/transforms/*/test_audit.py; the log of
# look-ups where look-ups are: tests/publish/test_check.py.
ELSEWHERE = {"lib_", "mart_", "files_lookups"}
NUMBER = "130528198506070129"  # its check digit is right
ONE = "(SELECT min(record_key) FROM core.record)"
REC = "rec.enterprise_registration"
BATCH = "(SELECT min(batch_id) FROM ops.batch)"

BREAKING: dict[str, list[str]] = {
    "ops_balance": ["UPDATE ops.batch SET rows_read = rows_read + 1"],
    "ops_details": ["DELETE FROM ops.quarantine", "DELETE FROM ops.ignored"],
    "ops_one_place": ["UPDATE ops.quarantine SET row_number = (SELECT min(row_number) FROM rec.enterprise_registration)"],
    "ops_outcomes": ["UPDATE ops.batch SET rows_new = rows_new - 1, rows_updated = rows_updated + 1"],
    "ops_batch_key": ["INSERT INTO ops.batch FROM ops.batch LIMIT 1", "UPDATE ops.batch SET delivery = 'x'"],
    "ops_batch_numbers": ["UPDATE ops.batch SET rows_ignored = NULL", "UPDATE ops.batch SET rows_new = -1"],
    "ops_batch_period": ["UPDATE ops.batch SET period = '2019-13'"],
    "ops_batch_item": ["UPDATE ops.batch SET item_id = 'nothing'"],
    "ops_batch_department": ["UPDATE ops.batch SET department = 'nobody'"],
    "ops_batch_division": ["UPDATE ops.batch SET division = '999999'"],
    "ops_batch_delivery": ["UPDATE ops.batch SET division = '130528' WHERE division = '130500'", "UPDATE ops.batch SET delivery = 'x'"],
    "ops_batch_status": ["UPDATE ops.batch SET status = 'warned'", "UPDATE ops.expectation SET success = 0 WHERE level = 'warn'"],
    "ops_batch_source": ["UPDATE ops.batch SET sha256 = 'x'", "UPDATE ops.batch SET received_at = NULL"],
    "ops_read": ["UPDATE ops.batch SET rows_read = rows_read + 1", f"DELETE FROM {REC} WHERE row_number = 5"],
    "ops_quarantine_batch": ["UPDATE ops.quarantine SET period = '2019-01'", "DELETE FROM ops.batch WHERE batch_id = (SELECT min(batch_id) FROM ops.quarantine)"],
    "ops_quarantine_filled": ["UPDATE ops.quarantine SET message = ''", "UPDATE ops.quarantine SET raw = NULL", "UPDATE ops.quarantine SET level = 'x'"],
    "ops_quarantine_field": ["UPDATE ops.quarantine SET field = 'nothing'"],
    "ops_issue_batch": ["UPDATE ops.issue SET row_number = 99999"],
    "ops_issue_field": ["UPDATE ops.issue SET field = 'nothing'", "UPDATE ops.issue SET message = NULL"],
    "ops_ignored_batch": ["UPDATE ops.ignored SET reason = 'x'", "UPDATE ops.ignored SET batch_id = 'x'"],
    "ops_expectation_present": ["DELETE FROM ops.expectation WHERE expectation = 'reject_rate'"],
    "ops_expectation_batch": ["INSERT INTO ops.expectation FROM ops.expectation LIMIT 1", "UPDATE ops.expectation SET item_id = 'x'"],
    "ops_expectation_gate": ["UPDATE ops.expectation SET success = 0 WHERE level = 'fail'"],
    "ops_reject_rate": ["UPDATE ops.expectation SET observed = '99.00%' WHERE expectation = 'reject_rate'"],
    "ops_declaration_key": ["INSERT INTO ops.declaration FROM ops.declaration LIMIT 1", "UPDATE ops.declaration SET produced = -1"],
    "ops_declaration_known": ["UPDATE ops.declaration SET department = 'nobody'", "UPDATE ops.declaration SET sha256 = NULL"],
    "ops_publication": ["INSERT INTO ops.publication VALUES ('2019-12', 999999, '{}', NULL, '{}')"],
    "ops_outcome": ["INSERT INTO ops.outcome (batch_id, step) VALUES ('x', 'stage')"],
    "ops_clear_number": [
        f"UPDATE ops.quarantine SET raw = '{{\"备注\": \"见{NUMBER}\"}}'",
        f"UPDATE ops.issue SET before = '{NUMBER}'",
        f"UPDATE ops.declaration SET note = '{NUMBER}'",
    ],
    "rec_batches": [f"DELETE FROM ops.batch WHERE batch_id = {BATCH}"],
    "rec_lineage": [f"UPDATE {REC} SET county_rule = NULL", f"UPDATE {REC} SET row_number = 0"],
    "rec_batch_match": [f"UPDATE {REC} SET delivery = 'x'"],
    "rec_key": [f"INSERT INTO {REC} FROM {REC} LIMIT 1"],
    "rec_version_order": [f"INSERT INTO {REC} FROM {REC} LIMIT 1"],
    "rec_county": [f"UPDATE {REC} SET county_code = '999999'", f"UPDATE {REC} SET county_rule = 'guess'"],
    "rec_division": [f"UPDATE {REC} SET division_code = '999999999'"],
    "rec_subject": [f"UPDATE {REC} SET subject_key = 'uscc:x'", f"UPDATE {REC} SET identity_rule = 'masked'"],
    "rec_required": [f"UPDATE {REC} SET name = NULL"],
    "rec_code": [f"UPDATE {REC} SET status = 'x'", "UPDATE rec.admin_penalties SET penalty_kinds = '1;x'"],
    "rec_clear_number": [f"UPDATE {REC} SET business_scope = '法定代表人{NUMBER}，零售'", f"UPDATE rec.admin_penalties SET legal_rep_document_no = '{NUMBER}'"],
    "rec_tables": ["DROP TABLE rec.lawyers", "DELETE FROM ref.item WHERE item_id = 'enterprise_registration'"],
    "core_completeness": [f"DELETE FROM core.record WHERE record_key = {ONE}", "UPDATE core.record SET first_period = '2019-10'"],
    "core_county": ["UPDATE core.record SET county_code = '999999'"],
    "core_current": ["UPDATE core.record SET content_hash = record_key"],
    "core_source_row": [f"UPDATE core.record SET subject_key = 'uscc:91130500MA0A1B2C2J' WHERE record_key = {ONE}", "UPDATE core.record SET row_number = row_number + 1"],
    "core_versions": ["UPDATE core.record SET versions = versions + 1"],
    "core_key": ["INSERT INTO core.record FROM core.record LIMIT 1", "UPDATE core.record SET record_key = NULL"],
    "core_item": ["UPDATE core.record SET item_id = 'nothing'"],
    "core_periods": ["UPDATE core.record SET first_period = '2019-10'", "UPDATE core.record SET last_period = '2020-01'"],
    "core_batch": ["UPDATE core.record SET batch_id = 'x'"],
    "core_status": ["UPDATE core.record SET status = 'ended'", "UPDATE core.record SET ended_period = '2019-12'", "UPDATE ref.item SET delivery = 'replaces'"],
    "ops_rectification": ["DELETE FROM ops.rectification", "UPDATE ops.rectification SET found_on = DATE '2000-01-01'", "UPDATE ops.rectification SET closed_batch_id = batch_id"],
    "core_version_bounds": ["UPDATE core.record SET versions = 0", "UPDATE core.record SET versions = 99"],
    "core_new_total": [f"DELETE FROM core.record WHERE record_key = {ONE}"],
    "core_updated_total": ["UPDATE ops.batch SET rows_accepted = rows_accepted + 1"],
    "core_subject": [f"UPDATE core.record SET subject_key = 'person:{NUMBER}'", "UPDATE core.record SET identity_rule = 'none'"],
    "vault_pseudonyms": ["UPDATE vault.identifier SET number = '1'"],
    "vault_batch": ["UPDATE vault.identifier SET batch_id = 'x'", "UPDATE vault.quarantine SET item_id = 'x'"],
    "vault_person": ["DELETE FROM vault.identifier"],
    "vault_one_number": ["UPDATE vault.identifier SET pseudonym = 'same'"],
    "vault_quarantine": ["DELETE FROM ops.quarantine"],
    "ref_item": ["UPDATE ref.item SET department = 'nobody'", "UPDATE ref.item SET code = 'XT001'"],
    "ref_field": ["UPDATE ref.field SET list = 'nothing' WHERE list IS NOT NULL", "INSERT INTO ref.field FROM ref.field LIMIT 1"],
    "ref_department": ["INSERT INTO ref.department FROM ref.department LIMIT 1"],
    "ref_division": ["INSERT INTO ref.division FROM ref.division LIMIT 1", "UPDATE ref.division SET valid_to = valid_from"],
    "ref_code": ["INSERT INTO ref.code FROM ref.code LIMIT 1"],
    "ref_version": ["DELETE FROM ref.catalog_version"],
    "ref_catalog": ["UPDATE ref.code SET title = 'x'", "DELETE FROM ref.division WHERE code = '130528'"],
}  # fmt: skip
FILES = {"files_lake", "files_landing", "files_manifest", "files_returns"}


@pytest.fixture(scope="module")
def lake(built: Home) -> Iterator[Lake]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
        with Lake(built) as opened:
            make_ready(opened)
            yield opened


def red(lake: Lake, clause: str) -> bool:
    found = {c.id: c for c in clauses()}[clause]
    return _ask(lake, found)[0] > 0


def test_there_are_many_clauses_each_with_a_title_and_a_test() -> None:
    found = clauses()
    assert len(found) >= 60
    assert all(clause.title and "（" not in clause.id for clause in found)
    rest = {c.id for c in found if not any(c.id.startswith(prefix) for prefix in ELSEWHERE)}
    assert rest == BREAKING.keys() | FILES


def test_silent_on_a_sound_lake(built: Home) -> None:
    outcomes = list(steps.audit(built))
    assert [str(o) for o in outcomes if not o.holds] == []
    assert len(outcomes) == len(clauses())


@pytest.mark.parametrize("clause", sorted(BREAKING))
def test_speaks_when_what_it_guards_is_broken(lake: Lake, clause: str) -> None:
    for statement in BREAKING[clause]:
        lake.execute("BEGIN TRANSACTION")
        try:
            lake.execute(statement)
            prepare(lake.connection)
            assert red(lake, clause), statement
        finally:
            lake.execute("ROLLBACK")


def test_rows_that_a_database_marks_withdrawn_may_be_ignored(lake: Lake) -> None:
    lake.execute("BEGIN TRANSACTION")
    try:
        lake.execute("UPDATE ops.ignored SET reason = 'withdrawn'")
        prepare(lake.connection)
        assert not red(lake, "ops_ignored_batch")
    finally:
        lake.execute("ROLLBACK")


def breaking_files(home: Home, clause: str) -> Path:
    """Break what the clause guards; the file that it must name."""
    match clause:
        case "files_lake":
            found = next((home.lake / "data" / "rec").rglob("*.parquet"))
            found.unlink()
        case "files_landing":
            found = next(home.landing.glob("enterprise_registration/*/*/*/130500_*"))
            found.chmod(0o600)
            found.write_bytes(found.read_bytes()[:-1] + b"?")
        case "files_manifest":
            found = next(home.landing.glob("enterprise_registration/*/*/*/manifest.json"))
            found.write_text(found.read_text("utf-8").replace('"size": ', '"size": 9'), "utf-8")
        case _:
            found = next(home.landing.glob("return/*/*/*"))
            found.unlink()
    return found


@pytest.mark.parametrize("clause", sorted(FILES))
def test_a_broken_file_is_named_with_what_to_do(home: Home, clause: str) -> None:
    broken = breaking_files(home, clause)
    with Lake(home) as lake:
        outcomes = {o.clause.id: o for o in audit(lake)}
    outcome = outcomes[clause]
    assert not outcome.holds
    assert broken.name in outcome.found
    assert "处理" in outcome.found
    assert [o.clause.id for o in outcomes.values() if not o.holds and o.rows is not None] == [clause]


def test_a_missing_landed_file_is_named(home: Home) -> None:
    lost = next(home.landing.glob("permanent_residents/*/*/*/130500_*"))
    lost.unlink()
    (line,) = steps.verify(home)
    assert "files_landing" in line
    assert str(lost) in line
    assert "--missing" in line


def test_a_lost_data_file_names_its_batches_and_the_rest_is_not_asked(home: Home) -> None:
    lost = next((home.lake / "data" / "rec" / "permanent_residents").rglob("*.parquet"))
    period = lost.parent.name.removeprefix("period=")
    lost.unlink()
    lines = steps.verify(home)
    assert lost.name in lines[0]
    assert f"批次 permanent_residents/{period}/" in lines[0]
    assert all("未能检查" in line for line in lines[1:])
    assert len(lines) == len(clauses())


def test_a_clause_that_cannot_run_is_an_error_of_ours(lake: Lake) -> None:
    with pytest.raises(Exception, match="nothing_there"):
        _ask(lake, Clause("x", "x", "SELECT * FROM nothing_there"))


def test_the_number_macro_knows_the_check_digit(lake: Lake) -> None:
    prepare(lake.connection)
    ask = "SELECT audit_has_number(?)"
    assert lake.scalar(ask, [f"张{NUMBER}，"])
    assert not lake.scalar(ask, [f"张{NUMBER[:-1]}8，"])
    assert not lake.scalar(ask, [f"帐号9{NUMBER}"])
    assert not lake.scalar(ask, ["0" * 7 + NUMBER + "0" * 7])
