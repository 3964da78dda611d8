"""Every figure of the bulletin once more, by plain pandas from the batches, the quarantine and the ledger."""

from __future__ import annotations

import re
from datetime import timedelta

import openpyxl
import pandas as pd
import pytest
from chinese_calendar import is_workday
from docx import Document

from transforms.report.words import percent, whole
from warehouse.lake import Lake

PERIOD = "2019-12"


@pytest.fixture
def frames(city_lake: Lake) -> dict[str, pd.DataFrame]:
    tables = (
        "ops.batch",
        "ops.quarantine",
        "core.record",
        "ops.declaration",
        "mart.county_score",
        "mart.score_part",
        "mart.provider_item",
    )
    return {t: city_lake.execute(f"SELECT * FROM {t}").df() for t in tables}


def sheet(book, name):
    rows = list(book[name].iter_rows(min_row=4, values_only=True))
    return pd.DataFrame(rows[1:], columns=rows[0])


def text(reported) -> str:
    html = reported.paths["bulletin.html"].read_text("utf-8")
    return re.sub(r"<[^>]+>", "", re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S))


def test_volumes_of_the_text_and_the_annex(reported, frames):
    batch, record = frames["ops.batch"], frames["core.record"]
    now = batch[batch.period == PERIOD]
    submitted = int((now.rows_read - now.rows_ignored).sum())
    new, updated, duplicate = (int(now[c].sum()) for c in ("rows_new", "rows_updated", "rows_duplicate"))
    questioned = int((now.rows_quarantined - now.rows_set_aside).sum())
    aside = int(now.rows_set_aside.sum())
    collected, fresh = len(record), int((record.first_period == PERIOD).sum())
    valid = (new + updated + duplicate) / (submitted - aside)
    said = text(reported)
    assert (
        f"全市累计归集公共信用信息{whole(collected)}条，完成全市目标30,000,000条的{percent(collected / 30_000_000)}"
        in said
    )
    assert f"12月份新增{whole(fresh)}条" in said
    assert (
        f"共上报数据{whole(submitted)}条，其中入库{whole(new)}条、更新{whole(updated)}条、"
        f"重复{whole(duplicate)}条、疑问{whole(questioned)}条，合规率{percent(valid)}" in said
    )
    assert questioned == len(frames["ops.quarantine"].query("period == @PERIOD and level == 'quarantine'"))
    year = batch[batch.period.str.startswith("2019")]
    assert (
        f"本年累计新增{whole(collected)}条，上报{whole(int((year.rows_read - year.rows_ignored).sum()))}条"
        in said
    )


def test_counties_of_the_annex(reported, frames):
    counties = sheet(openpyxl.load_workbook(reported.paths["bulletin.xlsx"]), "各县(市、区)进度")
    shown = dict(zip(counties["县（市、区）"], counties["累计归集量"], strict=True))
    record = frames["core.record"]
    names = {
        r.code: r.name
        for r in reported.catalog.divisions.units(pd.Timestamp("2019-12-31").date(), statistical=True)
    }
    counted = record.county_code.fillna("130500").value_counts()
    for code, name in names.items():
        assert shown[name] == int(counted.get(code, 0)), name
    assert shown["全市合计"] == len(record)
    quota = dict(zip(counties["县（市、区）"], counties["任务数"], strict=True))
    rates = dict(zip(counties["县（市、区）"], counties["任务完成率"], strict=True))
    for name in set(names.values()) - {"河北邢台经济开发区"}:
        assert rates[name] == pytest.approx(shown[name] / quota[name], abs=1e-15)


def working_days_after(day, n):
    while n:
        day += timedelta(days=1)
        n -= is_workday(day)
    return day


def test_double_publicity_row_by_row(reported, city_lake, frames):
    """Timeliness from the records themselves and another walk over the calendar."""
    firsts = frames["core.record"].query("first_period == @PERIOD").record_key.astype(str)
    timed = in_time = 0
    for item in ("admin_permits", "admin_penalties"):
        rows = city_lake.execute(
            f"SELECT r.record_key::VARCHAR AS key, r.delivery, r.row_number, r.decided_on FROM rec.{item} AS r WHERE period = ?",
            [PERIOD],
        ).df()
        rows = rows[rows.key.isin(set(firsts))].sort_values(["delivery", "row_number"]).drop_duplicates("key")
        for row in rows.itertuples():
            day = row.decided_on.date()
            timed += 1
            due = working_days_after(day, 7) if day.year >= 2004 else None
            in_time += due is not None and pd.to_datetime(row.delivery[:8]).date() <= due
    assert timed > 50
    assert f"及时率{percent(in_time / timed)}（参考线99.50%" in text(reported)
    assert f"迟报{timed - in_time}条" in text(reported)
    parts = frames["mart.provider_item"].query("period == @PERIOD")
    assert (int(parts.timed.sum()), int(parts.in_time.sum())) == (timed, in_time)


def test_scores_from_their_weights(reported, frames):
    weights = {
        "completion": 30,
        "valid": 20,
        "timely": 20,
        "coverage": 10,
        "complete": 10,
        "linking": 5,
        "handling": 5,
    }
    items = frames["mart.provider_item"].query("period == @PERIOD")
    progress = (
        frames["mart.score_part"].query("period == @PERIOD and measure == 'completion'").set_index("unit")
    )
    for score in frames["mart.county_score"].query("period == @PERIOD").itertuples():
        own = items[items.county_code == score.county_code].sum(numeric_only=True)
        pairs = {
            "completion": (progress.numerator[score.county_code], progress.denominator[score.county_code]),
            "valid": (own.new + own.updated + own.duplicate, own.submitted - own.set_aside),
            "timely": (own.in_time, own.timed),
            "coverage": (own.met, own.owed),
            "complete": (own.fields_filled, own.fields_expected),
            "linking": (own.linked, own.records),
            "handling": (own.handled, own.to_handle),
        }
        known = {m: (n, d) for m, (n, d) in pairs.items() if pd.notna(d) and d > 0}
        points = sum(weights[m] * min(1, n / d) for m, (n, d) in known.items())
        off = min(25, 5 * own.concealed) + min(20, 2 * own.missing)
        expected = max(0, points * 100 / sum(weights[m] for m in known) - off)
        assert score.score == pytest.approx(expected, abs=0.00501), score.county_name
        assert score.deduction == off


def test_numbers_of_the_document_are_those_of_the_page(reported):
    document = Document(str(reported.paths["bulletin.docx"]))
    body = [p.text for p in document.paragraphs]
    page = text(reported)
    sentences = [p for p in body if re.search(r"\d", p) and p.endswith("。") and "抄送" not in p]
    assert len(sentences) > 8
    for sentence in sentences:
        assert sentence.removeprefix("注：") in page or "通报如下" in sentence, sentence
    (counties, *_) = document.tables
    book = sheet(openpyxl.load_workbook(reported.paths["bulletin.xlsx"]), "各县(市、区)进度")
    shown = [[cell.text for cell in row.cells][2] for row in counties.rows[1:]]
    assert shown == [whole(n) for n in book["累计归集量"]]
