"""Known mistakes of a provider: put right, told of, and missed when they are gone."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from catalog.correction import Correction, Corrections
from catalog.errors import UserError
from catalog.loader import load_catalog
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery, digest
from warehouse.home import Home

HEADER = ["对象名称", "对象类别", "统一社会信用代码", "名单类型", "失信事实", "文号", "认定单位", "认定单位统一社会信用代码", "列入日期"]  # fmt: skip
ROW = ["样例公司", "法人", "91130500MA0A1B2C2J", "欠薪老板", "拖欠", "邢人社〔2019〕3号", "市人社局", "", "2019-11-02"]  # fmt: skip
CORRECTION = Correction(
    id="own_word", department="rdbm", division="130528", since="2019-11", until="2020-01", field="domains",
    find="欠薪老板", replace="拖欠农民工工资黑名单", reason="该县自拟的名单名称，已核实", noticed="2019-11-20", status="active",
)  # fmt: skip


def stage(
    tmp_path: Path, correction: Correction, rows: list[list[str]], division: str = "130528"
) -> list[list[tuple[object, ...]]]:
    source = tmp_path / "名单.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    delivery = Delivery(
        item_id="blacklist", period="2019-12", delivery="x", division=division, department="rdbm",
        source_file=source.name, path=str(source), sha256=digest(source), size=source.stat().st_size, received_at="2020-01-05T08:00:00",
    )  # fmt: skip
    catalog = replace(
        load_catalog(), corrections={"blacklist": Corrections(id="blacklist", corrections=(correction,))}
    )
    folder = tmp_path / "staged"
    stage_delivery(delivery, catalog, Home(tmp_path / "home"), folder)
    with duckdb.connect() as connection:
        return [
            connection.execute(
                f"SELECT {columns} FROM '{folder}/{name}.parquet' ORDER BY row_number"
            ).fetchall()
            for name, columns in (
                ("staged", "domains"),
                ("quarantine", "row_number, field, rule"),
                ("issue", "row_number, field, rule, before"),
            )
        ]


def test_the_mistake_is_put_right_and_told(tmp_path: Path) -> None:
    other = [*ROW[:3], "拖欠农民工工资黑名单", *ROW[4:]]
    rows, faults, issues = stage(tmp_path, CORRECTION, [ROW, other])
    assert faults == []
    assert len({domains for (domains,) in rows}) == 1
    assert [issue for issue in issues if issue[2] == "corrected"] == [(2, "domains", "corrected", "欠薪老板")]


def test_without_a_correction_it_is_a_fault(tmp_path: Path) -> None:
    for changed in (
        CORRECTION.model_copy(update={"status": "closed"}),
        CORRECTION.model_copy(update={"until": "2019-11"}),
        CORRECTION.model_copy(update={"division": "130530"}),
    ):
        _, faults, _ = stage(tmp_path, changed, [ROW])
        assert [field for _, field, _ in faults] == ["domains"]


def test_one_that_no_longer_matches_stops_the_file(tmp_path: Path) -> None:
    good = [*ROW[:3], "拖欠农民工工资黑名单", *ROW[4:]]
    with pytest.raises(UserError, match=r"own_word.*至少1行，实有0行") as refusal:
        stage(tmp_path, CORRECTION, [good])
    assert "closed" in str(refusal.value)
    with pytest.raises(UserError, match="至少2行，实有1行"):
        stage(tmp_path, CORRECTION.model_copy(update={"rows": 2}), [ROW, good])
