"""What has to be looked at before a bulletin goes out: each kind made in a ledger by hand, named, and not corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from catalog.loader import Catalog, load_catalog
from catalog.model import Publicity
from catalog.period import Period
from transforms.assess import assess
from transforms.report import report
from warehouse.lake import Lake

NOVEMBER, DECEMBER = Period(2019, 11), Period(2019, 12)
Deliver = Callable[..., str]


@pytest.fixture
def deliver(lake: Lake, batch: Callable[..., str]) -> Deliver:
    """One delivery of enterprises with its rows in `rec` and the ledger: `rows` are names, keys and capitals."""

    def add(
        rows: list[tuple[str, int, str]],
        *,
        period: str = "2019-12",
        division: str = "130528",
        questioned: int = 0,
    ) -> str:
        name = batch(
            period=period,
            delivery=f"20200103-01-{division}",
            division=division,
            new=len(rows),
            questioned=questioned,
        )
        with lake.transaction() as tx:
            tx.executemany(
                "INSERT INTO rec.enterprise_registration BY NAME SELECT $1 AS batch_id, $2 AS period, $3 AS delivery,"
                " $4::BIGINT AS row_number, md5('key' || $5)::UUID AS record_key, $6 AS name, '9113' || $5 AS uscc,"
                " $7 AS legal_representative, '住所' || $7 AS address, DATE '2019-05-06' AS established_on",
                [
                    (name, period, f"20200103-01-{division}", line, str(key), called, told)
                    for line, (called, key, told) in enumerate(rows, 2)
                ],
            )
            tx.execute(
                "INSERT INTO core.record BY NAME SELECT 'enterprise_registration' AS item_id, record_key, $division AS county_code,"
                " 'registrar' AS county_rule, 'uscc:' || uscc AS subject_key, period AS first_period, period AS last_period, batch_id"
                " FROM rec.enterprise_registration WHERE batch_id = $batch",
                {"division": division, "batch": name},
            )
        return name

    return add


def honest(n: int, start: int = 0) -> list[tuple[str, int, str]]:
    """Firms that differ in all but their seat."""
    return [
        (f"{'甲乙丙丁戊己庚辛壬癸'[i % 10]}{chr(0x5000 + i)}商贸有限公司", i, f"人{chr(0x6000 + i)}")
        for i in range(start, start + n)
    ]


def flagged(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.execute(
        "SELECT flag, county_code, department, item_id, rows, of_rows FROM mart.review_flag WHERE period = '2019-12' ORDER BY ALL"
    ).fetchall()


def sheet(lake: Lake, catalog: Catalog, folder: Path) -> list[dict[str, Any]]:
    """The review sheet as the office opens it."""
    (path,) = (p for p in report(lake, catalog, DECEMBER, folder) if p.name.startswith("review"))
    header, *rows = openpyxl.load_workbook(path)["核查"].iter_rows(min_row=4, values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def collected(lake: Lake, county: str = "130528") -> int:
    return int(
        lake.scalar(
            "SELECT collected FROM mart.county_progress WHERE period = '2019-12' AND county_code = ?",
            [county],
        )
    )


MINE = ("130528", "scjg", "enterprise_registration")


def test_the_honest_month_has_no_flag(lake, three_items, deliver):
    deliver(honest(30), period="2019-11")
    deliver(honest(40, start=30))
    assess(lake, three_items, DECEMBER)
    assert flagged(lake) == []


def test_the_same_contents_under_new_keys(lake, three_items, deliver, tmp_path):
    deliver(honest(30), period="2019-11")
    again = [(name, key + 1000, told) for name, key, told in honest(10)]
    deliver([*honest(30, start=30), *again])
    assess(lake, three_items, DECEMBER)
    assert flagged(lake) == [("renewed", *MINE, 10, 40)]
    (row,) = sheet(lake, three_items, tmp_path)
    assert (row["情形"], row["县（市、区）"], row["部门"], row["目录"]) == (
        "换号重报",
        "宁晋县",
        "市市场监管局",
        "企业设立登记信息",
    )
    assert "新增40条中10条" in row["说明"]
    assert row["例：行"] == 32
    assert row["核实结论"] in (None, "")
    assert collected(lake) == 70  # shown, not taken away


def test_a_corrected_row_under_its_own_key_is_not_renewed(lake, three_items, deliver):
    deliver(honest(30), period="2019-11")
    deliver(honest(30), division="130530")  # the same records again, from another place
    assess(lake, three_items, DECEMBER)
    assert "renewed" not in {flag for flag, *_ in flagged(lake)}


def test_one_name_over_and_over(lake, three_items, deliver, tmp_path):
    deliver([*honest(18), *[("宁晋县某某商贸有限公司", 1000 + i, f"人{chr(0x6100 + i)}") for i in range(22)]])
    assess(lake, three_items, DECEMBER)
    assert flagged(lake) == [("constant", *MINE, 22, 40)]
    (row,) = sheet(lake, three_items, tmp_path)
    assert (row["情形"], row["县（市、区）"], row["部门"], row["例：行"]) == (
        "同值填充",
        "宁晋县",
        "市市场监管局",
        20,
    )
    assert collected(lake) == 40


def test_names_that_are_numbered(lake, three_items, deliver, tmp_path):
    deliver([*honest(15), *[(f"宁晋商户{i}号", 1000 + i, f"人{chr(0x6100 + i)}") for i in range(25)]])
    assess(lake, three_items, DECEMBER)
    assert flagged(lake) == [("sequential", *MINE, 24, 40)]  # the first of a row follows nothing
    (row,) = sheet(lake, three_items, tmp_path)
    assert (row["情形"], row["县（市、区）"], row["部门"]) == ("顺号填充", "宁晋县", "市市场监管局")
    assert collected(lake) == 40


def test_a_single_test_name_is_enough(lake, three_items, deliver, tmp_path):
    name = deliver(honest(30), questioned=1)
    with lake.transaction() as tx:
        tx.execute(
            "INSERT INTO ops.quarantine (batch_id, item_id, period, row_number, level, field, rule, value, message)"
            " VALUES (?, 'enterprise_registration', '2019-12', 40, 'quarantine', 'name', 'no_test_data', '测试公司', '疑似测试数据')",
            [name],
        )
    assess(lake, three_items, DECEMBER)
    assert flagged(lake) == [("test_name", *MINE, 1, 1)]
    (row,) = sheet(lake, three_items, tmp_path)
    assert (row["情形"], row["县（市、区）"], row["部门"], row["例：行"]) == (
        "测试数据",
        "宁晋县",
        "市市场监管局",
        40,
    )


def test_an_act_upon_a_firm_that_was_not_there_yet(lake, three_items, batch, tmp_path):
    acts = Publicity.model_validate({"from": "term_from"})
    penalty = three_items.items["penalty"].model_copy(update={"publicity": acts})
    library = load_catalog().libraries["enterprise"]
    catalog = replace(
        three_items, items={**three_items.items, "penalty": penalty}, libraries={library.id: library}
    )
    name = batch("penalty", delivery="20200103-01-130528", department="sfj", division="130528", new=4)
    with lake.transaction() as tx:
        tx.execute(
            "CREATE TABLE lib.enterprise AS FROM (VALUES ('uscc:1', DATE '2015-11-02'), ('uscc:2', NULL)) t(subject_key, established_on)"
        )
        tx.executemany(
            "INSERT INTO rec.penalty BY NAME SELECT $1 AS batch_id, '2019-12' AS period, '20200103-01-130528' AS delivery, $2::BIGINT"
            " AS row_number, md5($2)::UUID AS record_key, $3 AS subject_key, '样例' || $2 || '公司' AS name, $4::DATE AS term_from",
            [
                (name, "2", "uscc:1", "2015-11-02"),
                (name, "3", "uscc:1", "2015-11-01"),
                (name, "4", "uscc:2", "2015-11-01"),
                (name, "5", None, "2015-11-01"),  # of this name perhaps, and so of nobody
            ],
        )
    assess(lake, catalog, DECEMBER)
    assert flagged(lake) == [("before_founding", "130528", "sfj", "penalty", 1, 1)]
    (row,) = sheet(lake, catalog, tmp_path)
    assert (row["情形"], row["部门"], row["例：行"]) == ("早于成立", "市司法局", 3)


@pytest.mark.parametrize(("most", "flag"), [(60, False), (61, True)])
def test_one_item_over_sixty_percent(lake, three_items, ledger, tmp_path, most, flag):
    ledger(most, county="130528")
    ledger(100 - most, county="130528", item="penalty")
    assess(lake, three_items, DECEMBER)
    found = [("concentration", "130528", None, "enterprise_registration", most, 100)]
    assert flagged(lake) == (found if flag else [])
    if flag:
        (row,) = sheet(lake, three_items, tmp_path)
        assert (row["情形"], row["县（市、区）"], row["目录"]) == ("一项独大", "宁晋县", "企业设立登记信息")
        assert "占61条（61.0%），超过60%" in row["说明"]
        assert collected(lake) == 100


@pytest.mark.parametrize(("before", "flag"), [(20, False), (19, True)])
def test_a_jump_over_five_times(lake, three_items, ledger, tmp_path, before, flag):
    ledger(50, county="130528")
    ledger(50, county="130528", item="penalty")
    ledger(before, county="130528", item="teacher", first="2019-11")
    assess(lake, three_items, DECEMBER)
    assert flagged(lake) == ([("jump", "130528", None, None, 100, 19)] if flag else [])
    if flag:
        (row,) = sheet(lake, three_items, tmp_path)
        assert (row["情形"], row["县（市、区）"]) == ("突增", "宁晋县")
        assert "本期新增100条，上期19条，为上期的5.3倍" in row["说明"]
        assert collected(lake) == 119
