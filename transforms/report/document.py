"""The bulletin as an official document (DOCX), laid out after GB/T 9704-2012: page, grid, head, body, tables, imprint."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from catalog.bulletin import Annex
from transforms.report import words
from transforms.report.chart import COUNTY_LEGEND, county_caption, county_chart_png, score_chart_png
from transforms.report.figures import Figures
from transforms.report.tables import Column, Table, cell_text, tables

# The standard's typefaces; a machine without them shows its own of the same kind.
SONG, FANG, HEI, TITLE = "宋体", "仿宋_GB2312", "黑体", "方正小标宋简体"
RED = RGBColor(0xC0, 0x00, 0x00)
THREE, FOUR, TWO = Pt(16), Pt(14), Pt(22)  # 3号、4号、2号
PITCH = Pt(28.95)  # 22 lines on 225 mm
INDENT = Pt(32)  # two characters of 3号
FIXED = datetime(2000, 1, 1, tzinfo=UTC)


def write_document(f: Figures, path: Path) -> Path:
    """Write the city's bulletin; equal figures give equal bytes (dates inside are the bulletin's own)."""
    document = Document()
    _page(document)
    _head(document, f)
    _body(document, f)
    _annexes(document, f)
    _imprint(document, f)
    _page_numbers(document)
    day = words.issue_date(f.period, f.wording)
    stamp = datetime(day.year, day.month, day.day, tzinfo=UTC)
    properties = document.core_properties
    properties.author = properties.last_modified_by = f.wording.issuer
    properties.title = words.title(f)
    properties.comments = f"快照号{f.snapshot}，目录版本{f.city['catalog_version']}"
    properties.created = properties.modified = stamp.replace(tzinfo=None)
    buffer = io.BytesIO()
    document.save(buffer)
    path.write_bytes(_settled(buffer.getvalue()))
    return path


def _settled(data: bytes) -> bytes:
    """The same package with one time on all its parts: a ZIP otherwise records when it was made."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(
                zipfile.ZipInfo(name, FIXED.timetuple()[:6]), source.read(name), zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


def _page(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    section.footer_distance = Mm(28)
    document.settings.odd_and_even_pages_header_footer = True
    style = document.styles["Normal"]
    style.font.name, style.font.size = FANG, THREE
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FANG)
    style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(0)


def _write(
    paragraph: Any, text: str, font: str = FANG, size: Any = THREE, *, bold: bool = False, colour: Any = None
) -> Any:
    run = paragraph.add_run(text)
    run.font.name, run.font.size, run.font.bold = font, size, bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    if colour is not None:
        run.font.color.rgb = colour
    return run


def _line(
    document: Any,
    text: str = "",
    font: str = FANG,
    size: Any = THREE,
    *,
    align: str = "justify",
    indent: bool = False,
    colour: Any = None,
    pitch: Any = PITCH,
) -> Any:
    paragraph = document.add_paragraph()
    shape = paragraph.paragraph_format
    shape.line_spacing_rule, shape.line_spacing = WD_LINE_SPACING.EXACTLY, pitch
    shape.first_line_indent = INDENT if indent else None
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    if text:
        _write(paragraph, text, font, size, colour=colour)
    return paragraph


def _one_line(text: str) -> Any:
    """The largest size, 26 points at most, at which the text stays on one line of 156 mm."""
    return Pt(min(26, int(Mm(156).pt / len(text))))


def _rule(paragraph: Any, *, colour: str, eighths: int, side: str = "bottom") -> None:
    borders = OxmlElement("w:pBdr")
    edge = OxmlElement(f"w:{side}")
    for key, value in (("val", "single"), ("sz", str(eighths)), ("space", "4"), ("color", colour)):
        edge.set(qn(f"w:{key}"), value)
    borders.append(edge)
    properties = paragraph._p.get_or_add_pPr()
    # The schema orders what stands in a paragraph's properties; borders come before spacing.
    properties.insert_element_before(borders, "w:spacing", "w:ind", "w:jc", "w:rPr")


def _head(document: Any, f: Figures) -> None:
    mark = _line(
        document, f.wording.mark, TITLE, _one_line(f.wording.mark), align="center", colour=RED, pitch=Pt(40)
    )
    mark.paragraph_format.space_before = Mm(20)
    _line(document)
    number = _line(document, f.wording.document_number(f.period), align="center")
    _rule(number, colour="C00000", eighths=18)
    _line(document)
    for part in words.title_lines(f):
        _line(document, part, TITLE, TWO, align="center", pitch=Pt(34))
    _line(document)
    _line(document, words.addressee(f), align="left")
    _line(document, f.wording.opening_of(f.period), indent=True)


def _body(document: Any, f: Figures) -> None:
    for section in words.sections(f):
        _line(document, section.heading, HEI, indent=True).paragraph_format.keep_with_next = True
        for paragraph in section.paragraphs:
            last = _line(document, paragraph, indent=True)
    # The standard allows no page that bears the signature alone: the last of the text goes with it.
    close = [last, _line(document)]
    for i, annex in enumerate(_annexed(f), 1):
        close.append(_line(document, f"{'附件：' if i == 1 else '　　　'}{i}.{annex.title}", indent=True))
    close += [_line(document), _line(document)]
    day = words.chinese_date(words.issue_date(f.period, f.wording))
    close.append(_line(document, f.wording.issuer, align="right"))
    close[-1].paragraph_format.right_indent = Pt(32)
    for paragraph in close:
        paragraph.paragraph_format.keep_with_next = True
    _line(document, day, align="right").paragraph_format.right_indent = Pt(64)


def _annexed(f: Figures) -> list[Annex]:
    """The annexes that this period has: one without a target has no forecast."""
    made = tables(f)
    return [annex for annex in f.wording.annexes if annex.table in made or annex.table == "charts"]


def _charts(document: Any, f: Figures) -> None:
    charts = (
        (county_caption(targets=f.targets is not None), county_chart_png),
        ("各县（市、区）考核得分", score_chart_png),
    )
    for number, (caption, draw) in enumerate(charts, 1):
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.keep_with_next = True
        paragraph.paragraph_format.page_break_before = number > 1
        paragraph.add_run().add_picture(io.BytesIO(draw(f)), height=Mm(108))
        _line(document, f"图{number}　{caption}", HEI, FOUR, align="center")
        if draw is county_chart_png and f.targets is not None:
            _line(document, COUNTY_LEGEND, FANG, Pt(11), align="center", pitch=Pt(16))


def _annexes(document: Any, f: Figures) -> None:
    made = tables(f)
    section = document.add_section(WD_SECTION.NEW_PAGE)
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin, section.right_margin, section.top_margin, section.bottom_margin = (
        Mm(35),
        Mm(37),
        Mm(28),
        Mm(26),
    )
    for i, annex in enumerate(_annexed(f)):
        head = _line(document, f"附件{i + 1}", HEI, align="left")
        head.paragraph_format.page_break_before = i > 0
        _line(document, f"{f.period.year}年{f.period.month}月{annex.title}", TITLE, Pt(18), align="center")
        if annex.table == "charts":
            _charts(document, f)
            continue
        table = made[annex.table]
        _line(document, table.unit, FANG, Pt(11), align="right", pitch=Pt(16))
        _table(document, table)


def _table(document: Any, table: Table) -> None:
    columns = [c for c in table.columns if c.on_page]
    grid = document.add_table(rows=1, cols=len(columns))
    grid.style, grid.alignment, grid.autofit = "Table Grid", WD_TABLE_ALIGNMENT.CENTER, False
    widths = [c.width for c in columns]
    unit = 225 / sum(widths)
    for cell, column in zip(grid.rows[0].cells, columns, strict=True):
        _fill(cell, column.title, HEI, "center")
    _repeat(grid.rows[0])
    _margins(grid, Mm(0.8))
    for number, row in enumerate(table.rows):
        cells = grid.add_row().cells
        total = number >= len(table.rows) - table.totals
        for cell, column in zip(cells, columns, strict=True):
            _fill(cell, cell_text(row, column), HEI if total else SONG, _side(column))
    for part, width in zip(grid.columns, widths, strict=True):
        part.width = Mm(width * unit)
    for row in grid.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Mm(width * unit)


def _side(column: Column) -> str:
    return {"text": "left", "rank": "center", "date": "center"}.get(column.kind, "right")


def _fill(cell: Any, text: str, font: str, align: str) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    paragraph.paragraph_format.line_spacing = Pt(13)
    _write(paragraph, text, font, Pt(9))


def _margins(table: Any, width: Any) -> None:
    """Room left and right of a cell's text; Word's own would break numbers in narrow columns."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), str(int(width.pt * 20)))
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    table._tbl.tblPr.insert_element_before(margins, "w:tblLook", "w:tblCaption", "w:tblDescription")


def _repeat(row: Any) -> None:
    header = OxmlElement("w:tblHeader")
    header.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(header)


def _imprint(document: Any, f: Figures) -> None:
    for note in words.notes(f):
        _line(document, f"注：{note}", FANG, Pt(10.5), pitch=Pt(15))
    copies = _line(document, f"　抄送：{f.wording.copies}。", size=FOUR, align="left", pitch=Pt(24))
    copies.paragraph_format.keep_with_next = True
    _rule(copies, colour="000000", eighths=8, side="top")
    day = words.chinese_date(words.issue_date(f.period, f.wording))
    printed = _line(document, f"　{f.wording.printer}　　{day}印发", size=FOUR, align="left", pitch=Pt(24))
    _rule(printed, colour="000000", eighths=8)


def _page_numbers(document: Any) -> None:
    """— 1 —, 4号 Song, outside: right on odd pages, left on even ones."""
    for section in document.sections:
        section.footer.is_linked_to_previous = section.even_page_footer.is_linked_to_previous = False
        for footer, align in ((section.footer, "right"), (section.even_page_footer, "left")):
            paragraph = footer.paragraphs[0]
            paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
            _write(paragraph, "　— ", SONG, FOUR)
            run = _write(paragraph, "", SONG, FOUR)
            for kind, text in (("begin", None), (None, "PAGE"), ("end", None)):
                node = OxmlElement("w:fldChar" if kind else "w:instrText")
                if kind:
                    node.set(qn("w:fldCharType"), kind)
                else:
                    node.text = text
                run._element.append(node)
            _write(paragraph, " —　", SONG, FOUR)
