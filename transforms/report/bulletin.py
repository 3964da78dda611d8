"""Writes a period's bulletin from one snapshot of the lake."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from markupsafe import Markup

from catalog.loader import Catalog
from catalog.period import Period
from transforms.html import render_page
from transforms.report import words
from transforms.report.chart import BAR, FLOOR, QUOTA, county_caption, county_chart, score_chart
from transforms.report.document import write_document
from transforms.report.figures import Figures, read_figures
from transforms.report.publication import published
from transforms.report.tables import cell_text, tables
from transforms.report.workbook import write_review, write_workbook
from warehouse.lake import Lake

PAGE = Path(__file__).parent / "templates" / "bulletin.html"
WIDE, NARROW = 720, 350  # pixels: the sheet on a screen or on paper, a telephone
ENLARGE_BELOW = 0.05  # of the largest target: shorter bars cannot be told apart


def report(
    lake: Lake,
    catalog: Catalog,
    period: Period,
    out: Path,
    county: str | None = None,
    department: str | None = None,
) -> list[Path]:
    """Write `bulletin-<period>[-<unit>].html` and `.xlsx` into the folder `out`; return their paths.

    For the city also the official document (`.docx`) and `review-<period>.xlsx`, what is to be looked at before it goes out.

    Every number comes from one snapshot, the newest or that of the publication, which both documents name; the same snapshot gives the
    same bytes. `county` (code or name) or `department` (id or name) limits them to that unit and adds its
    faulty rows. Raises `UserError` if the period was not assessed since its last load, or the unit unknown.
    """
    with ExitStack() as stack:
        frozen = published(lake, period) if lake.snapshot is None else None
        snapshot = frozen.snapshot if frozen else lake.snapshot_id()
        fixed = lake if lake.snapshot is not None else stack.enter_context(lake.at(snapshot))
        figures = read_figures(
            fixed,
            catalog,
            period,
            county=county,
            department=department,
            terms=frozen.terms if frozen else None,
        )
    out.mkdir(parents=True, exist_ok=True)
    stem = f"bulletin-{period}" + (f"-{figures.unit.id}" if figures.unit else "")
    page = out / f"{stem}.html"
    page.write_text(render_html(figures), encoding="utf-8", newline="\n")
    written = [page, write_workbook(figures, out / f"{stem}.xlsx")]
    if figures.unit is None:
        written.append(write_document(figures, out / f"{stem}.docx"))
        written.append(write_review(figures, out / f"review-{period}.xlsx"))
    return written


def render_html(f: Figures) -> str:
    """The bulletin as one self-contained page."""
    return render_page(
        PAGE,
        title=words.title(f),
        issuer=f.wording.issuer,
        addressee=words.addressee(f),
        sections=words.sections(f),
        notes=words.notes(f),
        day=words.chinese_date(words.issue_date(f.period, f.wording)),
        tables=tables(f),
        charts=_charts(f),
        colours={"bar": BAR, "quota": QUOTA, "floor": FLOOR},
        cell=cell_text,
        phrases=words.phrases,
        snapshot=f.snapshot,
        catalog_version=f.city["catalog_version"],
    )


def _charts(f: Figures) -> dict[str, list[dict[str, Any]]]:
    """The charts by the place in the text where they stand."""
    if f.unit is not None:
        return {}
    targets = f.targets is not None
    progress = [
        _chart(
            county_caption(targets=targets),
            lambda width: county_chart(f.counties, width=width, targets=targets),
            targets=targets,
        )
    ]
    most = max(c["collected"] for c in f.counties)
    highest = max((c["quota_target"] or 0 for c in f.counties), default=0)
    if targets and 0 < most < ENLARGE_BELOW * highest:
        progress.append(
            _chart(
                "各县（市、区）归集量（放大，不含目标）",
                lambda width: county_chart(f.counties, width=width, targets=False),
            )
        )
    scores = [_chart("各县（市、区）考核得分", lambda width: score_chart(f, width=width))]
    for number, chart in enumerate((*progress, *scores), 1):
        chart["number"] = number
    return {"chart": progress, "score_chart": scores}


def _chart(caption: str, draw: Callable[[int], str], *, targets: bool = False) -> dict[str, Any]:
    return {
        "caption": caption,
        "targets": targets,
        "wide": Markup(draw(WIDE)),
        "narrow": Markup(draw(NARROW)),
    }
