from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import Item
from quality.gate import build_data_docs, judge, read_history
from quality.suite import History
from warehouse.batch import StagedBatch
from warehouse.home import Home, Resources
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

SECRET = "13050219800101123X"
Stage = Callable[..., StagedBatch]

NONE = History("2019-12")


def test_a_healthy_batch_may_be_loaded(stage: Stage, catalog: Catalog) -> None:
    verdict = judge(stage(), catalog, NONE)
    assert verdict.status == "loaded"
    assert all(f.success for f in verdict.findings)


def test_a_warning_marks_the_batch(stage: Stage, catalog: Catalog) -> None:
    verdict = judge(stage(phone="NULL::VARCHAR"), catalog, NONE)
    assert verdict.status == "warned"
    assert [(f.check, f.field, f.observed) for f in verdict.findings if not f.success] == [
        ("fill_rate_min", "phone", "填报率0.00%，缺100行")
    ]


def test_one_number_for_several_subjects_marks_the_batch(stage: Stage, catalog: Catalog, item: Item) -> None:
    numbered = item.model_copy(update={"key": ("name",)})
    catalog = replace(catalog, items={item.id: numbered})
    several = stage(record_key="md5((i // 2)::VARCHAR)::UUID", subject_key="'person:' || greatest(i, 96)")
    (found,) = [f for f in judge(several, catalog, NONE).findings if not f.success]
    assert (found.check, found.level) == ("one_subject", "warn")
    assert "4行" in found.observed
    alone = stage(delivery="2", record_key="md5((i // 2)::VARCHAR)::UUID", subject_key="'person:' || i // 2")
    assert judge(alone, catalog, NONE).status == "loaded"


def test_a_failure_is_one_line_for_the_reader(stage: Stage, catalog: Catalog) -> None:
    with pytest.raises(UserError) as caught:
        judge(stage(8, name="NULL::VARCHAR", phone="NULL::VARCHAR"), catalog, NONE)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("许可.csv", "permit/2019-12/20200103-01-130500", "有2项未过", "未入库",
                 "上报行数不少于10（实际：8行）",
                 "必填项“姓名”全部填写（实际：填报率0.00%，缺8行）", "处理办法"):  # fmt: skip
        assert part in text
    assert "备注" not in text  # a warning does not belong among the reasons


def test_the_format_of_the_file_decides_what_is_asked(stage: Stage, catalog: Catalog) -> None:
    batch = stage(fmt="old", reason="NULL::VARCHAR", phone="NULL::VARCHAR")
    assert judge(batch, catalog, NONE).status == "loaded"


def test_history_counts_valid_rows_per_file_of_the_place(tmp_path: Path, catalog: Catalog) -> None:
    rows = [
        ("permit", "2019-10", "130500", 100, 20), ("permit", "2019-11", "130500", 50, 0),
        ("permit", "2019-11", "130500", 150, 0), ("permit", "2019-11", "130528", 7, 0),
        ("permit", "2019-12", "130500", 999, 0), ("other", "2019-11", "130500", 999, 0),
    ]  # fmt: skip
    with Lake(Home(tmp_path), resources=Resources(1, "1GiB")) as lake:
        ensure_schema(lake, catalog)
        with lake.transaction() as tx:
            tx.executemany(
                "INSERT INTO ops.batch (item_id, period, division, rows_accepted, rows_duplicate)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        of_city = read_history(lake, "permit", "2019-12", division="130500")
        assert of_city == History("2019-12", (("2019-10", 120.0), ("2019-11", 100.0)))
        assert read_history(lake, "permit", "2019-12").earlier[1] == ("2019-11", 69.0)


def test_data_docs_show_every_batch_of_the_month(stage: Stage, catalog: Catalog, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    judge(stage(), catalog, NONE, docs=home.data_docs)
    judge(stage(delivery="二 次", phone="NULL::VARCHAR"), catalog, NONE, docs=home.data_docs)
    with pytest.raises(UserError):
        judge(stage(delivery="3", number=f"'{SECRET}'"), catalog, NONE, docs=home.data_docs)
    index = build_data_docs(home, "2019-12")
    assert index == home.data_docs / "2019-12" / "index.html"
    first = index.read_text(encoding="utf-8")
    for verdict in ("通过", "入库，有警告", "未入库"):
        assert first.count(f"<td>{verdict}</td>") == 1
    links = re.findall(r'<a href="(validations/[^"]+)"', first)
    assert len(links) == 3
    assert all((index.parent / link).is_file() for link in links)
    pages = {page: page.read_text(encoding="utf-8") for page in index.parent.rglob("*.html")}
    assert any("只存假名或遮盖后的号码" in text for text in pages.values())
    for page, text in pages.items():
        assert SECRET not in text, page
        assert not re.search(r'(?:src|<link[^>]*href)="https?:|<script', text), page


def test_data_docs_are_rebuilt_from_the_results_alone(stage: Stage, catalog: Catalog, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    batch = stage()
    judge(batch, catalog, NONE, docs=home.data_docs)
    judge(batch, catalog, NONE, docs=home.data_docs)
    index = build_data_docs(home, "2019-12")
    assert build_data_docs(home, "2019-12") == index
    assert len(list(index.parent.glob("validations/**/*.html"))) == 1


def test_a_month_without_results_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2019-11"):
        build_data_docs(Home(tmp_path), "2019-11")
