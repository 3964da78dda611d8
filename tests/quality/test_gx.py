from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.loader import Catalog, load_catalog
from catalog.model import Item
from catalog.types import TYPES
from quality.gx import CheckResult, Label, StoredResult, validate
from quality.suite import Expectation, History, expectations
from warehouse.batch import Counts, StagedBatch
from warehouse.lake import connect

SECRET = "13050219800101123X"
Stage = Callable[..., StagedBatch]

LABEL = Label("permit", "试验许可", "20200103-01-130500", "2020-01-03T09:00:00")
HISTORY = History("2019-12", (("2019-11", 100.0),))


@pytest.fixture
def suite(item: Item, catalog: Catalog) -> list[Expectation]:
    return expectations(item, None, catalog, HISTORY)


def run(batch: StagedBatch, suite: list[Expectation], document: Path | None = None) -> dict[str, CheckResult]:
    results = validate(batch.parquet("staged"), suite, batch.counts, label=LABEL, document=document)
    assert [r.expectation for r in results] == suite
    return {r.expectation.id: r for r in results}


def unmet(results: dict[str, CheckResult]) -> set[str]:
    return {name for name, result in results.items() if not result.success}


def test_a_healthy_batch_meets_everything(stage: Stage, suite: list[Expectation]) -> None:
    assert unmet(run(stage(), suite)) == set()


@pytest.mark.parametrize(
    ("broken", "expected", "observed"),
    [
        ({"name": "CASE WHEN i > 0 THEN '王' END"}, "required__name__fail", "填报率99.00%，缺1行"),
        ({"phone": "CASE WHEN i < 49 THEN '有' END"}, "fill_rate_min__phone__warn", "填报率49.00%，缺51行"),
        ({"reason": "CASE WHEN i > 2 THEN '有' END"}, "required__reason__fail", "2行不符"),
        ({"kind": "CASE WHEN i = 7 THEN '9' ELSE '2' END"}, "code_in_set__kind__fail", "1行不符"),
        ({"measures": "CASE WHEN i < 3 THEN '1;9' ELSE '1' END"}, "code_in_set__measures__fail", "3行不符"),
        ({"day": "DATE '2021-01-01' - (i::INTEGER * 2)"}, "date_range__day__fail", "1行不符"),
        ({"since": "CASE WHEN i = 0 THEN DATE '1999-12-31' ELSE DATE '2000-01-01' END"},
         "date_range__since__fail", "1行不符"),
        ({"fee": "(i * 11)::DECIMAL(18,6)"}, "number_range__fee__fail", "9行不符"),
        ({"fee": "(-i)::DECIMAL(18,6)"}, "number_range__fee__fail", "99行不符"),
        ({"number": f"CASE WHEN i = 5 THEN '{SECRET}' ELSE md5(i::VARCHAR) END"},
         "number_hidden__number__fail", "1行不符"),
        ({"day": "CASE WHEN i < 51 THEN DATE '2019-01-01' ELSE DATE '2019-01-02' + i::INTEGER END"},
         "distinct_max_share__day__fail", "51.00%"),
        ({"record_key": "md5((i % 94)::VARCHAR)::UUID", "content_hash": "md5((i % 94)::VARCHAR)::UUID"},
         "repeated_rows__warn", "重复6.00%"),
        ({"rows": 9}, "rows_min__fail", "9行"),
        ({"rows": 1001}, "rows_max__warn", "1,001行"),
        ({"rows": 151}, "volume_change__warn", "1.51倍"),
        ({"faulty": 3}, "reject_rate__warn", "2.91%"),
        ({"faulty": 43}, "reject_rate_max__fail", "30.07%"),
        ({"faulty": 3, "set_aside": 800}, "reject_rate__warn", "2.91%"),
    ],
)  # fmt: skip
def test_each_expectation_is_broken_by_its_own_fault(
    stage: Stage, suite: list[Expectation], broken: dict[str, object], expected: str, observed: str
) -> None:
    results = run(stage(**broken), suite)
    allowed = {"volume_change__warn", "reject_rate__warn"} if {"rows", "faulty"} & broken.keys() else set()
    assert unmet(results) - (allowed - {expected}) == {expected}
    assert results[expected].observed == observed


@pytest.mark.parametrize(
    "fine",
    [
        {
            "day": "CASE WHEN i % 2 = 0 THEN DATE '2099-12-31' END",
            "rows": 19,
        },  # open end; too few to judge shares
        {"number": "'130502********123X'"},  # delivered masked
        {"kind": "NULL::VARCHAR"},
        {"record_key": "md5('a')::UUID"},  # same record, different content: a history, no repeat
        {"faulty": 2, "ignored": 500},  # blank lines are not judged
    ],
)
def test_what_is_not_a_fault(stage: Stage, suite: list[Expectation], fine: dict[str, object]) -> None:
    assert unmet(run(stage(**fine), suite)) <= {"volume_change__warn"}


def test_a_file_of_another_city_is_no_failure(stage: Stage, suite: list[Expectation], tmp_path: Path) -> None:
    results = run(stage(0, set_aside=50), suite, tmp_path / "r.json")
    assert unmet(results) == {"volume_change__warn"}
    assert results["required__name__fail"].observed == "无有效行，不作判断"
    assert results["reject_rate_max__fail"].observed == "0.00%"


def test_an_expectation_that_raises_is_our_error(
    stage: Stage, suite: list[Expectation], tmp_path: Path
) -> None:
    raising = Expectation(
        "odd", "name", "between", "warn", "试验", {"min": 1.0, "max": 2.0}
    )  # text against numbers
    with pytest.raises(RuntimeError, match="odd__name__warn") as caught:
        run(stage(name=f"'{SECRET}'"), [*suite, raising], tmp_path / "r.json")
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        Expectation("odd", "nowhere", "filled", "warn", "试验", {"share": 1.0}),
        Expectation("odd", "name", "holds", "warn", "试验", {"predicate": "name::INTEGER > 0"}),
        Expectation(
            "odd", None, "measure", "warn", "试验", {"value": "NULL", "unit": "rows", "min": 0.0, "max": 1.0}
        ),
    ],
)
def test_sql_of_ours_that_fails_is_our_error(stage: Stage, wrong: Expectation) -> None:
    with pytest.raises(RuntimeError) as caught:
        run(stage(name=f"'{SECRET}'"), [wrong])
    assert SECRET not in str(caught.value)


def test_results_hold_no_values_of_the_data(stage: Stage, suite: list[Expectation], tmp_path: Path) -> None:
    batch = stage(
        number=f"'{SECRET}'", name="CASE WHEN i > 5 THEN '司马相如' END", fee="987654::DECIMAL(18,6)"
    )
    results = run(batch, suite, tmp_path / "r.json")
    assert len(unmet(results)) == 3
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert not any(value in text for value in (SECRET, "司马相如", "987654"))
    assert StoredResult.from_file(tmp_path / "r.json").run == LABEL.run


def test_great_expectations_is_imported_only_when_something_is_judged() -> None:
    code = "import sys, quality.gate; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("item_id", sorted(load_catalog().items))
def test_every_suite_of_the_catalog_can_be_computed(item_id: str, tmp_path: Path) -> None:
    catalog = load_catalog()
    own = catalog.item(item_id)
    kinds = {f.name: TYPES[f.type] for f in own.fields}
    empty = [f'NULL::{"VARCHAR" if k.private else k.storage} AS "{name}"' for name, k in kinds.items()]
    with connect() as connection:
        connection.execute(
            "COPY (SELECT uuid() AS record_key, NULL::VARCHAR AS subject_key,"
            f" uuid() AS content_hash, {', '.join(empty)} FROM range(30)) TO '{tmp_path / 'staged.parquet'}'"
        )
    counts = Counts(read=30, valid=30, quarantined=0, set_aside=0, ignored=0)
    for fmt in (None, *own.formats):
        suite = expectations(own, fmt, catalog, HISTORY)
        results = validate(tmp_path / "staged.parquet", suite, counts, label=LABEL)
        assert {r.expectation.check for r in results if not r.success} <= {
            "required",
            "fill_rate_min",
            "rows_min",
            "volume_change",
        }
