"""The document's form, its return lists, tracing, freezing; and what a person sees of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Mm

from catalog.bulletin import load_wording
from catalog.errors import UserError
from catalog.loader import bureau_name
from catalog.model import Retired
from catalog.period import Period
from transforms import steps
from transforms.report import explain, write_return_lists
from warehouse.lake import Lake

ARTEFACTS = Path(__file__).parents[3] / "var" / "shown"


def test_the_document_follows_the_standard(reported):
    document = Document(str(reported.paths["bulletin.docx"]))
    section = document.sections[0]
    page = (section.page_width, section.page_height, section.top_margin, section.left_margin)
    assert [round(v.mm) for v in page] == [210, 297, 37, 28]
    assert abs(section.page_width - section.left_margin - section.right_margin - Mm(156)) < Mm(0.1)
    texts = [p.text for p in document.paragraphs]
    assert texts[2].startswith("邢信用办〔2020〕")
    assert "关于2019年12月份全市公共信用信息归集情况的通报" in "".join(texts)
    headings = [t for t in texts if re.match("[一二三四五六七]、", t)]
    assert [h[2:] for h in headings] == [
        "总体情况", "各县（市、区）归集情况", "市直部门归集情况", "“双公示”情况", "数据质量情况", "存在问题", "下一步要求",
    ]  # fmt: skip
    for run in (r for p in document.paragraphs for r in p.runs if r.text):
        fonts = run._element.rPr.rFonts
        assert fonts.get(qn("w:eastAsia")), run.text
        assert fonts.get(qn("w:ascii")), run.text
    assert len(document.inline_shapes) == 2
    assert any("短竖线为任务数" in text and "虚线为保底目标" in text for text in texts)
    assert any("— " in p.text for p in section.footer.paragraphs)


def test_return_lists_hold_every_questioned_row_once_and_nothing_private(reported, city_lake, tmp_path):
    paths = write_return_lists(city_lake, reported.catalog, Period(2019, 12), tmp_path)
    rows = []
    for path in paths:
        sheet = openpyxl.load_workbook(path)["退回清单"]
        rows += [[c for c in row] for row in sheet.iter_rows(min_row=4)]
    found = sorted((r[1].value, r[3].value) for r in rows)
    expected = city_lake.execute(
        "SELECT source_file, coalesce(sheet_row, row_number) FROM ops.quarantine JOIN ops.batch USING (batch_id)"
        " WHERE ops.quarantine.period = '2019-12' AND level = 'quarantine' ORDER BY ALL"
    ).fetchall()
    assert found == expected
    assert found
    assert all(cell.data_type in ("s", "n", "inlineStr") for row in rows for cell in row)
    everything = " ".join(str(cell.value) for row in rows for cell in row)
    assert not re.search(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])\d{2}\d{3}[0-9Xx](?!\d)", everything)


def test_what_one_sheet_does_not_hold_goes_on_to_the_next(
    lake, three_items, batch, tmp_path, monkeypatch, question
):
    monkeypatch.setattr("transforms.report.returns._MOST", 5)
    question(batch(questioned=5), rows=range(2, 7))
    (path,) = write_return_lists(lake, three_items, Period(2019, 12), tmp_path)
    book = openpyxl.load_workbook(path)
    assert {s.title: [r[3].value for r in s.iter_rows(min_row=4)] for s in book} == {
        "退回清单": [2, 3], "退回清单2": [4, 5], "退回清单3": [6],
    }  # fmt: skip


def test_an_office_in_a_county_is_called_by_its_name(lake, three_items, batch, tmp_path, question):
    """市司法局 of 宁晋县 is 宁晋县司法局; that of the city has the city's name once."""
    for place in ("130500", "130528"):
        name = batch("penalty", department="sfj", questioned=1, delivery=f"20200105-01-{place}")
        with lake.transaction() as tx:
            tx.execute("UPDATE ops.batch SET division = ? WHERE batch_id = ?", [place, name])
        question(name, "penalty")
    paths = write_return_lists(lake, three_items, Period(2019, 12), tmp_path)
    titles = [openpyxl.load_workbook(path)["退回清单"].cell(1, 1).value for path in paths]
    assert titles == [f"{who}　2019年12月退回的疑问数据" for who in ("邢台市司法局", "宁晋县司法局")]
    assert bureau_name("市司法局", "宁晋县") == "县司法局"
    assert bureau_name("各行政机关", "宁晋县") == "各行政机关"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_returned_value_is_never_a_formula(lake, three_items, batch, tmp_path, value, question):
    question(batch(questioned=1), field="uscc", value=value)
    (path,) = write_return_lists(lake, three_items, Period(2019, 12), tmp_path)
    cell = openpyxl.load_workbook(path)["退回清单"].cell(4, 6)
    assert (cell.value, cell.data_type) == (value, "s")


def test_a_name_is_masked_after_its_field_was_retired(lake, three_items, batch, tmp_path, question):
    question(batch(questioned=1), field="legal_representative", value="张样例")
    item = three_items.items["enterprise_registration"]
    gone = item.field("legal_representative")
    without = item.model_copy(
        update={
            "fields": tuple(f for f in item.fields if f != gone),
            "retired": (Retired(name=gone.name, title=gone.title, type=gone.type, until="2019-12"),),
        }
    )
    catalog = replace(three_items, items=three_items.items | {item.id: without})
    (path,) = write_return_lists(lake, catalog, Period(2019, 12), tmp_path)
    sheet = openpyxl.load_workbook(path)["退回清单"]
    assert (sheet.cell(4, 5).value, sheet.cell(4, 6).value) == (gone.title, "张**")


def test_a_county_is_traced_to_its_lines(reported, city_lake):
    name, number = city_lake.execute(
        "SELECT county_name, collected FROM mart.county_progress WHERE period = '2019-12' AND unit_kind = 'county'"
        " ORDER BY collected DESC LIMIT 1"
    ).fetchone()
    found = explain(city_lake, reported.catalog, name, Period(2019, 12), limit=10_000)
    assert found.collected == number > 0
    for part in (found.items, found.files):
        assert sum(row["records"] for row in part) == number
    assert len({(r["source_file"], r["row_number"]) for r in found.lines}) == number


def test_a_frozen_month_gives_the_same_bytes_after_more_was_loaded(
    lake, three_items, ledger, batch, tmp_path, monkeypatch
):
    from transforms.assess import assess
    from transforms.report import figures, freeze, report

    ledger(5, county="130528")
    batch(new=5)
    assess(lake, three_items, Period(2019, 12))
    before = [p.read_bytes() for p in report(lake, three_items, Period(2019, 12), tmp_path / "a")]
    freeze(lake, three_items, Period(2019, 12))
    ledger(4, county="130528")
    assess(lake, three_items, Period(2019, 12))
    # Neither does it take up what the office changes later in the wording, the targets or the reference lines.
    terms = figures.present_terms(Period(2019, 12))
    changed = figures.Terms(
        terms.wording.model_copy(update={"title": "改过的标题"}),
        terms.targets.model_copy(update={"county_floor": 1, "document": "改过的文件"}),
        terms.reference.model_copy(update={"compliance": terms.reference.compliance / 2}),
    )
    monkeypatch.setattr(figures, "present_terms", lambda period: changed)
    after = [p.read_bytes() for p in report(lake, three_items, Period(2019, 12), tmp_path / "b")]
    assert after == before


@pytest.fixture
def sent_out(lake, three_items, ledger, batch):
    """A month sent out; gives a function that sets what was kept of it and reads it back."""
    from transforms.assess import assess
    from transforms.report import freeze, published

    ledger(5, county="130528")
    batch(new=5)
    assess(lake, three_items, Period(2019, 12))
    freeze(lake, three_items, Period(2019, 12))

    def kept(**columns: str | None):
        with lake.transaction("test") as tx:
            for name, value in columns.items():
                tx.execute(f"UPDATE ops.publication SET {name} = $value", {"value": value})
        return published(lake, Period(2019, 12)).terms

    return kept


def test_what_was_kept_is_read_as_it_was_kept(sent_out):
    terms = sent_out()
    wording = json.loads(terms.wording.model_dump_json()) | {"issuer": "当时的办公室"}
    assert sent_out(wording=json.dumps(wording)).wording.issuer == "当时的办公室"
    assert terms.filled == ()


def test_a_key_that_was_not_kept_is_filled_in_and_said(sent_out, lake, three_items, tmp_path):
    from transforms.report import report

    wording = json.loads(sent_out().wording.model_dump_json()) | {
        "issuer": "当时的办公室",
        "dropped_since": 1,
    }
    del wording["named"]
    wording["annexes"] = ["附件一"]  # as they were written before they had titles of their own
    terms = sent_out(wording=json.dumps(wording))
    assert terms.filled == ("通报文字 annexes", "通报文字 named")
    assert terms.wording.issuer == "当时的办公室"
    assert terms.wording.annexes == load_wording().annexes
    page = report(lake, three_items, Period(2019, 12), tmp_path)[0].read_text("utf-8")
    assert "印发时没有保存、按现行目录补出的：通报文字 annexes、通报文字 named" in page


def test_a_month_sent_out_before_targets_and_lines_were_kept(sent_out):
    terms = sent_out(targets=None, reference=None)
    assert terms.filled == ("双公示参照线", "任务目标")
    assert terms.targets is not None
    assert terms.targets.city_target == 30_000_000
    # A month of a year without targets has its lines, and no targets are put into it.
    reference = terms.reference.model_dump_json()
    assert sent_out(reference=reference).targets is None
    assert sent_out(reference=reference).filled == ()


def test_a_target_in_a_form_no_longer_read_is_filled_in_alone(sent_out):
    targets = json.loads(sent_out().targets.model_dump_json(by_alias=True)) | {"county_floor": 1_500_000}
    targets["alpha"] = "half"
    terms = sent_out(targets=json.dumps(targets))
    assert terms.filled == ("任务目标 alpha",)
    assert terms.targets.county_floor == 1_500_000


def test_what_nothing_can_fill_is_told_on_one_line(sent_out, monkeypatch):
    from transforms.report import figures, publication

    terms = figures.present_terms(Period(2019, 12))
    gone = figures.Terms(terms.wording, None, terms.reference)
    monkeypatch.setattr(publication, "present_terms", lambda period: gone)
    with pytest.raises(UserError, match="印发时保存的任务目标已不能读取"):
        sent_out(targets='{"year": 2019}')


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=170, check=True, env=os.environ | environment
    )
    return done.stdout + done.stderr


def needed(*programs: str) -> None:
    """Skip where nobody can show a document; fail where that has to be tested."""
    if absent := [name for name in programs if not shutil.which(name)]:
        if os.environ.get("XTCREDIT_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{absent} is required (XTCREDIT_REQUIRE_SERVICES=1): run .ci/services")
        pytest.skip(f"{absent} is not installed: .ci/services installs it")


def pages(document: Path, tmp_path: Path) -> list[str]:
    """The text of each page as LibreOffice lays it out; the pages stay as pictures among the artefacts."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    # The document names the standard's licensed fonts; a machine of the office has them, this one stand-ins.
    fonts = tmp_path / "fonts.conf"
    aliases = {"Noto Serif CJK SC": ("仿宋_GB2312", "方正小标宋简体", "宋体"), "Noto Sans CJK SC": ("黑体",)}
    alias = '<match><test name="family"><string>{}</string></test><edit name="family" mode="prepend" binding="strong"><string>{}</string></edit></match>'
    fonts.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><include>/etc/fonts/fonts.conf</include>'
        + "".join(alias.format(name, ours) for ours, names in aliases.items() for name in names)
        + "</fontconfig>",
        "utf-8",
    )
    run(
        "soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to", "pdf",
        "--outdir", str(tmp_path), str(document), FONTCONFIG_FILE=str(fonts),
    )  # fmt: skip
    pdf = (tmp_path / f"{document.stem}.pdf").rename(ARTEFACTS / f"{document.name}.pdf")
    for old in ARTEFACTS.glob(f"{document.name}-*.png"):
        old.unlink()
    run("pdftoppm", "-r", "60", "-png", str(pdf), str(ARTEFACTS / document.name))
    return run("pdftotext", "-layout", str(pdf), "-").split("\f")[:-1]


@pytest.mark.slow
def test_the_document_on_paper(reported, tmp_path):
    """As LibreOffice lays it out: no page is empty, no heading ends one, the signature does not stand alone."""
    needed("soffice", "pdftoppm", "pdftotext")
    shown = pages(reported.paths["bulletin.docx"], tmp_path)
    lines = [[line.strip() for line in page.splitlines() if line.strip()] for page in shown]
    assert all(re.fullmatch("— ?[0-9]+ ?—", page[-1]) for page in lines)
    bodies = [page[:-1] for page in lines]
    assert all(bodies)
    assert not [body[-1] for body in bodies if re.match("[一二三四五六七]、", body[-1])]
    (signed,) = [body for body in bodies if body[-1] == "2020年2月3日" or body[-1] == "2020 年 2 月 3 日"]
    assert len(signed) > 2 + len(load_wording().annexes)
    annexes = [body for body in bodies if body[0].replace(" ", "").startswith("附件")]
    titles = [annex.title for annex in load_wording().annexes]
    assert len(annexes) == len(titles)
    for title, body in zip(titles, annexes, strict=True):
        assert title in body[1].replace(" ", "")
        assert len(body) > 2, f"nothing under {title}"
    # A number that does not fit is torn over two lines: every score stands whole.
    everything = "\n".join(shown)
    with Lake(reported.home) as lake:
        for (score,) in lake.execute(
            "SELECT score FROM mart.county_score WHERE period = '2019-12'"
        ).fetchall():
            assert f"{score:.2f}" in everything


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bulletin.xlsx", "review.xlsx"])
def test_the_workbooks_on_paper(reported, tmp_path, kind):
    """No cell too narrow for its number, and text that wraps is wholly there."""
    needed("soffice", "pdftoppm", "pdftotext")
    path = reported.paths[kind]
    everything = re.sub(r"\s", "", "".join(pages(path, tmp_path)))
    assert "##" not in everything
    book = openpyxl.load_workbook(path)
    for name in book.sheetnames:
        assert re.sub(r"\s", "", str(book[name]["A1"].value)) in everything, name


BROWSER = """
new Promise((done) => {
  const table = document.querySelector("#scores table"), heading = [...table.tHead.rows[0].cells].find((c) => c.textContent === "得分");
  const scores = () => [...table.tBodies[0].rows].map((r) => r.cells[heading.cellIndex].textContent);
  heading.click(); const down = scores(); heading.click(); const up = scores();
  done(JSON.stringify({down, up, page: document.documentElement.scrollWidth, screen: innerWidth}));
})"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_chromium_shows_the_page_without_an_error(reported, tmp_path, width):
    needed("chromium")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    picture = ARTEFACTS / f"bulletin-{width}.png"
    html = reported.paths["bulletin.html"].read_text("utf-8")
    # The same page with a script at its end that sorts, measures and writes what it found into the title.
    probe = tmp_path / "probe.html"
    probe.write_text(
        html.replace("</body>", f"<script>{BROWSER}.then((t) => document.title = t)</script></body>"), "utf-8"
    )
    common = (
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--hide-scrollbars",
        f"--user-data-dir={tmp_path}/profile",
    )  # fmt: skip
    said = run(
        *common,
        f"--window-size={width},8000",
        f"--screenshot={picture}",
        reported.paths["bulletin.html"].as_uri(),
    )
    assert picture.stat().st_size > 10_000
    assert "CONSOLE" not in said
    dom = run(*common, f"--window-size={width},8000", "--dump-dom", probe.as_uri())
    assert "CONSOLE" not in dom
    found = json.loads(unescape(re.search("<title>(.*?)</title>", dom)[1]))
    assert found["page"] <= found["screen"], "the page is wider than the screen"
    numbers = [float(n) for n in found["down"] if n != "—"]
    assert numbers == sorted(numbers, reverse=True)
    assert [float(n) for n in found["up"] if n != "—"] == numbers[::-1]
    assert len(set(numbers)) > 1


def test_the_commands_answer(reported):
    traced = steps.explain("130500", "2019-12", reported.home)
    assert json.dumps(traced.items, ensure_ascii=False, default=str)
    # Nothing judged these batches as sets, and the audit says so; of the marts it has nothing to say.
    assert [
        line for line in steps.verify(reported.home) if "（mart_" in line or "ops_publication" in line
    ] == []
