from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from docx import Document
from rich.console import Console

from catalog.bulletin import load_wording
from catalog.errors import UserError
from catalog.loader import Department
from catalog.period import Period
from transforms.assess import assess
from transforms.report import county_table, report
from transforms.report.chart import county_chart
from transforms.report.figures import read_figures
from transforms.report.words import chinese_date, issue_date, percent, wan

DECEMBER = Period(2019, 12)


@pytest.fixture
def assessed(lake, three_items, ledger, batch):
    """1234 records of 宁晋县, 5 of 新河县, 7 of the city itself; four faulty rows in two batches."""
    ledger(1234, county="130528")
    ledger(5, county="130530", item="penalty", first="2019-11")
    ledger(7, county="130500", rule="city")
    scjg = batch(new=1241, questioned=3, set_aside=1)
    county = batch(
        "penalty", department="sfj", delivery="宁晋县", division="130528", duplicate=1, questioned=1
    )
    faults = [
        (scjg, 5, "quarantine", "uscc", "uscc_check_digit", "=1+1", "“统一社会信用代码”：校验码有误"),
        (scjg, 6, "quarantine", "name", "required", None, "“企业名称”为必填项"),
        (scjg, 7, "quarantine", "name", "required", None, "“企业名称”为必填项"),
        (scjg, 8, "set_aside", "city", "within_city", "石家庄市", "不属本市"),
        (county, 2, "quarantine", "name", "no_test_data", "<script>x</script>", "“企业名称”疑似测试数据"),
    ]
    with lake.transaction() as tx:
        tx.executemany(
            "INSERT INTO ops.quarantine (batch_id, item_id, period, row_number, level, field, rule, value,"
            " message) VALUES ($1, split_part($1, '/', 1), split_part($1, '/', 2), $2, $3, $4, $5, $6, $7)",
            faults,
        )
    assess(lake, three_items, DECEMBER)
    return lake


def text_of(page: Path) -> str:
    html = page.read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", "", re.sub(r"<style>.*?</style>", "", html, flags=re.S))


def test_numbers_snapshot_and_both_targets_are_in_the_page(assessed, three_items, tmp_path):
    page, *others = report(assessed, three_items, DECEMBER, tmp_path / "out")
    assert page.name == "bulletin-2019-12.html"
    assert [o.name for o in others] == [
        "bulletin-2019-12.xlsx", "bulletin-2019-12.docx", "review-2019-12.xlsx",
    ]  # fmt: skip
    text = text_of(page)
    city = assessed.rows("SELECT * FROM mart.city_progress")[0]
    assert "全市累计归集公共信用信息1,246条" in text
    assert "19个县（市、区）每个200万条合计3800万条，超过全市3000万条的目标" in text
    assert "以估计或推算的GDP计算" in text
    assert f"快照{assessed.snapshot_id()}，目录版本{city['catalog_version']}" in text
    # What a county's bureau sent is not the city department's delivery.
    assert "一条未报的部门：市司法局、市教育局" in text
    assert "2020年2月3日" in text  # the 25th of January 2020 was New Year's Day
    for heading in (
        "一、总体情况",
        "二、各县（市、区）归集情况",
        "三、市直部门归集情况",
        "四、“双公示”情况",
        "五、数据质量情况",
        "六、存在问题",
        "七、下一步要求",
    ):
        assert heading in text
    for row in assessed.rows("SELECT * FROM mart.county_progress"):
        assert f">{row['county_name']}</td>" in page.read_text(encoding="utf-8")


def test_the_page_needs_nothing_from_outside_and_escapes_what_it_shows(assessed, three_items, tmp_path):
    for page, *_ in (
        report(assessed, three_items, DECEMBER, tmp_path),
        report(assessed, three_items, DECEMBER, tmp_path, department="sfj"),
    ):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script [^>]|link|img|iframe)\b|@import|url\((?!#)", html)
        assert not re.search(r'(src|href)="(?!#)', html)
    assert "&lt;script&gt;x&lt;/script&gt;" in html


def test_one_snapshot_gives_the_same_bytes_whatever_is_loaded_later(assessed, three_items, tmp_path, ledger):
    snapshot = assessed.snapshot_id()
    first = [path.read_bytes() for path in report(assessed, three_items, DECEMBER, tmp_path / "a")]
    ledger(50, county="130528")
    assess(assessed, three_items, DECEMBER)
    with assessed.at(snapshot) as earlier:
        again = [path.read_bytes() for path in report(earlier, three_items, DECEMBER, tmp_path / "b")]
    assert again == first
    later = text_of(report(assessed, three_items, DECEMBER, tmp_path / "c")[0])
    assert "1,296条" in later


def test_ids_of_the_charts_do_not_collide(assessed, three_items, tmp_path):
    html = report(assessed, three_items, DECEMBER, tmp_path)[0].read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


def test_the_workbook(assessed, three_items, tmp_path):
    book = openpyxl.load_workbook(report(assessed, three_items, DECEMBER, tmp_path)[1])
    assert book.sheetnames == [
        "各县(市、区)进度", "县(市、区)得分", "市直部门", "市直部门得分", "双公示", "目录", "迟报漏报瞒报", "质量", "进度预测", "调整", "说明",
    ]  # fmt: skip
    sheet = book["各县(市、区)进度"]
    titles = [cell.value for cell in sheet[4]]
    assert titles[:4] == ["排名", "县（市、区）", "累计归集量", "本月新增"]
    first = {title: cell for title, cell in zip(titles, sheet[5], strict=True)}
    assert (first["县（市、区）"].value, first["累计归集量"].value) == ("宁晋县", 1234)
    assert first["任务完成率"].number_format == "[=0]0.00%;[<0.0001]0.0000%;0.00%"
    assert first["任务数"].number_format == '#,##0"*"'
    assert sheet.freeze_panes == "C5"
    assert sheet.print_area == "'各县(市、区)进度'!$A$1:$H$26"
    total = {title: cell.value for title, cell in zip(titles, sheet[26], strict=True)}
    assert (total["县（市、区）"], total["累计归集量"], total["任务数"]) == ("全市合计", 1246, 30_000_000)
    notes = "".join(str(cell.value) for cell in book["说明"]["A"])
    assert f"快照{assessed.snapshot_id()}" in notes
    assert "合计3800万条" in notes


def test_a_department_gets_its_own_faulty_rows_and_a_formula_stays_text(assessed, three_items, tmp_path):
    page, path = report(assessed, three_items, DECEMBER, tmp_path, department="市市场监管局")
    assert page.name == "bulletin-2019-12-scjg.html"
    text = text_of(page)
    assert "退回疑问数据3条" in text
    assert "宁晋县" not in text
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["目录", "质量", "疑问明细", "说明"]
    cells = [row[5] for row in book["疑问明细"].iter_rows(min_row=5)]
    assert [cell.value for cell in cells] == ["=1+1", None, None]
    assert cells[0].data_type == "s"
    counts = [(row[4].value, row[5].value) for row in book["质量"].iter_rows(min_row=5)]
    assert ("required", 2) in [(row[3].value, row[4].value) for row in book["质量"].iter_rows(min_row=5)], (
        counts
    )


def test_a_county_gets_its_progress_and_the_rows_it_delivered(assessed, three_items, tmp_path):
    text = text_of(report(assessed, three_items, DECEMBER, tmp_path, county="宁晋县")[0])
    assert "宁晋县累计归集公共信用信息1,234条" in text
    assert "列第1位" in text or "列第2位" in text
    assert "退回疑问数据1条" in text
    assert "校验码有误" not in text


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"county": "130999"}, "没有县"),
        ({"department": "nobody"}, "没有部门"),
        ({"county": "130528", "department": "sfj"}, "只写一个"),
    ],
)
def test_an_unknown_unit_is_refused_on_one_line(assessed, three_items, tmp_path, wanted, message):
    with pytest.raises(UserError, match=message) as caught:
        report(assessed, three_items, DECEMBER, tmp_path / "none", **wanted)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_a_department_younger_than_the_assessment_is_told_so(assessed, three_items, tmp_path):
    young = three_items.departments | {"new": Department("new", "市新局", "邢台市新局", (), True)}
    with pytest.raises(UserError, match="考核之后才有部门“市新局”"):
        report(assessed, replace(three_items, departments=young), DECEMBER, tmp_path, department="new")


def test_no_bulletin_without_a_fresh_assessment(lake, three_items, tmp_path, ledger, batch):
    with pytest.raises(UserError, match="还没有考核结果"):
        report(lake, three_items, DECEMBER, tmp_path)
    assess(lake, three_items, DECEMBER)
    with pytest.raises(UserError, match="还没有考核结果"):
        report(lake, three_items, Period(2019, 11), tmp_path)
    ledger(1)
    with pytest.raises(UserError, match="考核结果已旧"):
        report(lake, three_items, DECEMBER, tmp_path)
    assess(lake, three_items, DECEMBER)
    report(lake, three_items, DECEMBER, tmp_path)
    batch(questioned=1)
    with pytest.raises(UserError, match="考核结果已旧"):
        report(lake, three_items, DECEMBER, tmp_path)


def test_a_row_judged_anew_or_a_return_makes_the_assessment_stale(lake, three_items, batch, declare):
    """As many rows and as many new ones as before: what changed is what became of the others, or what was declared."""
    batch(new=3, updated=2)
    assess(lake, three_items, DECEMBER)
    read_figures(lake, three_items, DECEMBER)
    with lake.transaction() as tx:
        tx.execute("UPDATE ops.batch SET rows_updated = 0, rows_accepted = 3, rows_quarantined = 2")
    with pytest.raises(UserError, match="考核结果已旧"):
        read_figures(lake, three_items, DECEMBER)
    assess(lake, three_items, DECEMBER)
    declare("penalty", 0, department="sfj")
    with pytest.raises(UserError, match="考核结果已旧"):
        read_figures(lake, three_items, DECEMBER)
    assess(lake, three_items, DECEMBER)
    read_figures(lake, three_items, DECEMBER)


def test_periods_without_targets_or_data_still_have_a_bulletin(lake, three_items, tmp_path, ledger):
    assess(lake, three_items, Period(2019, 12))
    text = text_of(report(lake, three_items, Period(2019, 12), tmp_path)[0])
    assert "各县（市、区）均无归集数据" in text
    assert "没有上报数据" in text
    ledger(2, first="1994-12")
    assess(lake, three_items, Period(1994, 12))
    page, _, document, _ = report(lake, three_items, Period(1994, 12), tmp_path)
    text = text_of(page)
    assert "本期没有适用的归集目标" in text
    assert "任务数" not in text
    assert [p.text for p in Document(str(document)).paragraphs if p.text.startswith("图1")] == [
        "图1　各县（市、区）归集量"
    ]


def test_county_table(assessed):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(county_table(assessed, DECEMBER))
    lines = console.export_text().splitlines()
    assert next(line for line in lines if "宁晋县" in line).split()[:3] in (
        ["1", "宁晋县", "1,234"],
        ["2", "宁晋县", "1,234"],
    )
    assert next(line for line in lines if "全市合计" in line).split()[1] == "1,246"


def test_the_chart_shows_targets_only_when_asked():
    county = {"unit_kind": "county", "county_name": "宁晋县", "collected": 30, "quota_target": 100}
    county |= {"floor_target": 200, "quota_rate": 0.3}
    with_targets = county_chart([county], width=400, targets=True)
    without = county_chart([county], width=400, targets=False)
    assert "30.00%" in with_targets
    assert "stroke-dasharray" in with_targets
    assert "30.00%" not in without
    assert "stroke-dasharray" not in without


def test_figures_in_words():
    assert [percent(x) for x in (None, 0, 0.5, 0.00001, 1.2)] == ["—", "0.00%", "50.00%", "0.001%", "120.00%"]
    # Beside "未达标" no share may read as the whole.
    assert [percent(x) for x in (0.99994, 0.99999, 29_999_999 / 30_000_000, 1)] == [
        "99.99%", "99.999%", "99.999997%", "100.00%",
    ]  # fmt: skip
    assert [wan(x) for x in (38_000_000, 15_000, 0)] == ["3800万", "15,000", "0"]
    assert chinese_date(issue_date(Period(2019, 10), load_wording())) == "2019年11月25日"
    assert issue_date(Period(1994, 12), load_wording()) == date(1995, 1, 25)


def test_a_record_that_moved_to_another_county_makes_the_assessment_stale(lake, three_items, ledger):
    """No sum of the city's tells it, as integration may give a record a county after the month was assessed."""
    ledger(2, county="130528")
    ledger(1, county="130530")
    assess(lake, three_items, DECEMBER)
    read_figures(lake, three_items, DECEMBER)
    with lake.transaction() as tx:
        tx.execute("UPDATE core.record SET county_code = '130528'")
    with pytest.raises(UserError, match="考核结果已旧"):
        read_figures(lake, three_items, DECEMBER)
    assess(lake, three_items, DECEMBER)
    read_figures(lake, three_items, DECEMBER)
