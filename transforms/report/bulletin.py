"""Writes a period's bulletin from one snapshot of the lake."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from catalog.loader import Catalog
from catalog.period import Period
from transforms.report import words
from transforms.report.chart import BAR, FLOOR, QUOTA, county_chart
from transforms.report.figures import Figures, Row, read_figures
from transforms.report.tables import Column, tables
from transforms.report.workbook import write_workbook
from warehouse.lake import Lake

TEMPLATES = Path(__file__).parent / "templates"
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

    Every number comes from the lake's newest snapshot, which both documents name; the same snapshot gives the
    same bytes. `county` (code or name) or `department` (id or name) limits them to that unit and adds its
    faulty rows. Raises `UserError` if the period was not assessed since its last load, or the unit unknown.
    """
    with ExitStack() as stack:
        fixed = lake if lake.snapshot is not None else stack.enter_context(lake.at(lake.snapshot_id()))
        figures = read_figures(fixed, catalog, period, county=county, department=department)
    out.mkdir(parents=True, exist_ok=True)
    stem = f"bulletin-{period}" + (f"-{figures.unit.id}" if figures.unit else "")
    page = out / f"{stem}.html"
    page.write_text(render_html(figures), encoding="utf-8", newline="\n")
    return [page, write_workbook(figures, out / f"{stem}.xlsx")]


def render_html(f: Figures) -> str:
    """The bulletin as one self-contained page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("bulletin.html").render(
        title=words.title(f),
        issuer=words.ISSUER,
        addressee=words.addressee(f),
        sections=words.sections(f),
        notes=words.notes(f),
        day=words.chinese_date(words.issue_date(f.period)),
        tables=tables(f),
        charts=_charts(f),
        colours={"bar": BAR, "quota": QUOTA, "floor": FLOOR},
        cell=_cell,
        phrases=words.phrases,
        style=Markup((TEMPLATES / "bulletin.css").read_text(encoding="utf-8")),
        snapshot=f.snapshot,
        catalog_version=f.city["catalog_version"],
    )


def _charts(f: Figures) -> list[dict[str, Any]]:
    if f.unit is not None:
        return []
    has_targets = f.targets is not None
    charts = [
        _chart(
            "各县（市、区）归集量与两项目标" if has_targets else "各县（市、区）归集量",
            f,
            targets=has_targets,
        )
    ]
    most = max(c["collected"] for c in f.counties)
    highest = max((c["quota_target"] or 0 for c in f.counties), default=0)
    if has_targets and 0 < most < ENLARGE_BELOW * highest:
        charts.append(_chart("各县（市、区）归集量（放大，不含目标）", f, targets=False))
    return charts


def _chart(caption: str, f: Figures, *, targets: bool) -> dict[str, Any]:
    return {
        "caption": caption,
        "targets": targets,
        "wide": Markup(county_chart(f.counties, width=WIDE, targets=targets)),
        "narrow": Markup(county_chart(f.counties, width=NARROW, targets=targets)),
    }


def _cell(row: Row, column: Column) -> str:
    """A table's cell as text; a missing number is a dash, a missing text nothing."""
    value = row.get(column.key)
    if column.kind == "rate":
        return words.percent(value)
    if column.kind == "whole":
        return words.whole(value) + ("*" if column.key == "quota_target" and row.get("estimated") else "")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)
