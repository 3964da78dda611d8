"""The county chart as SVG: what was collected, the weighted quota of each county, the floor asked of all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from transforms.report.figures import Figures
from transforms.report.words import percent, whole

FONT = (
    "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC','Heiti SC','SimHei',sans-serif"
)
BAR, QUOTA, FLOOR, INK = "#35618e", "#b3261e", "#8a6414", "#333333"
ROW = 18
COUNT = 66  # right of the plot: the column of counts
ZONE = "开发区"


def county_caption(*, targets: bool) -> str:
    """What the county chart shows, in words."""
    return "各县（市、区）归集量与两项目标" if targets else "各县（市、区）归集量"


COUNTY_LEGEND = "横条为累计归集量，短竖线为任务数（加权），虚线为保底目标；右侧为归集量（条）、任务完成率"
"""What the marks of the county chart with targets mean, where they cannot be shown beside it."""


def county_chart(counties: Sequence[dict[str, Any]], *, width: int, targets: bool) -> str:
    """An SVG `width` pixels wide, one row per unit, in the order given.

    With `targets` the axis reaches the targets; without, it fits what was collected. Equal input gives equal
    bytes: nothing inside has an id, which the renderer would count on from chart to chart.
    """
    import vl_convert

    return _tidy(vl_convert.vegalite_to_svg(_county_spec(counties, width=width, targets=targets)))


def county_chart_png(f: Figures) -> bytes:
    """The county chart as PNG for the document, 2.5 times the size it has on a page.

    Text is drawn with a Chinese font of this machine (see docs/assessment.md for one to install).
    """
    return _png(_county_spec(f.counties, width=700, targets=f.targets is not None))


def score_chart(f: Figures, *, width: int) -> str:
    """The counties' scores, best first, as SVG `width` pixels wide."""
    import vl_convert

    return _tidy(vl_convert.vegalite_to_svg(_score_spec(f, width)))


def score_chart_png(f: Figures) -> bytes:
    """The counties' scores, best first, as PNG."""
    return _png(_score_spec(f, 700))


def _score_spec(f: Figures, width: int) -> str:
    import altair as alt

    left, right = 64, 44
    rows: list[dict[str, Any]] = [
        {
            "name": ZONE if s["unit_kind"] == "zone" else s["county_name"],
            "score": s["score"] or 0,
            "text": "" if s["score"] is None else f"{s['score']:.2f}",
        }
        for s in f.county_scores
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y(
            "name:N",
            sort=[r["name"] for r in rows],
            title=None,
            axis=alt.Axis(labelFontSize=12, labelPadding=6, ticks=False, domainColor="#999", labelLimit=left),
        ),
        x=alt.X(
            "score:Q",
            title=None,
            scale=alt.Scale(domain=[0, 100]),
            axis=alt.Axis(
                tickCount=5,
                labelFontSize=11,
                labelFlush=False,
                gridColor="#e3e3e3",
                domain=False,
                ticks=False,
            ),
        ),
    )
    layers = [
        base.mark_bar(color=BAR, height=11),
        base.mark_text(align="left", dx=4, fontSize=11, color=INK).encode(text="text:N"),
    ]
    return _framed(layers, rows=len(rows), plot=width - left - right, left=left, right=right)


def _framed(layers: Sequence[Any], *, rows: int, plot: int, left: int, right: int) -> str:
    """The layers as one chart of a bar a row, as JSON."""
    import altair as alt

    chart = (
        alt.layer(*layers)
        .properties(
            width=plot,
            height=ROW * rows,
            # Fixed margins: measured ones would follow the fonts of the machine.
            autosize=alt.AutoSizeParams(type="none"),
            padding={"left": left, "right": right, "top": 4, "bottom": 22},
        )
        .configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK)
    )
    return json.dumps(chart.to_dict(), ensure_ascii=False)


def _png(spec: str) -> bytes:
    import vl_convert

    white = json.loads(spec)
    white["config"]["background"] = "white"  # what is transparent is printed with dark edges
    return bytes(vl_convert.vegalite_to_png(white, scale=2.5))


def _county_spec(counties: Sequence[dict[str, Any]], *, width: int, targets: bool) -> str:
    import altair as alt

    left, right = 64, COUNT + (56 if targets else 4)
    plot = width - left - right
    names = [ZONE if c["unit_kind"] == "zone" else c["county_name"] for c in counties]
    shown = ("collected", "quota_target", "floor_target") if targets else ("collected",)
    top = max((c[key] or 0 for c in counties for key in shown), default=0) or 1
    rows = [
        {
            "name": name,
            "collected": c["collected"],
            "quota": c["quota_target"],
            "floor": c["floor_target"],
            "count": whole(c["collected"]),
            "rate": percent(c["quota_rate"]) if c["quota_rate"] is not None else "",
        }
        for name, c in zip(names, counties, strict=True)
    ]
    in_wan = top >= 20_000
    y = alt.Y(
        "name:N",
        sort=names,
        title=None,
        axis=alt.Axis(labelFontSize=12, labelPadding=6, ticks=False, domainColor="#999", labelLimit=left),
    )
    x = alt.X(
        "collected:Q",
        title=None,
        scale=alt.Scale(domain=[0, top * 1.04], nice=False),
        axis=alt.Axis(
            tickCount=max(2, plot // 90),
            labelExpr="format(datum.value / 10000, ',~f') + '万'" if in_wan else "format(datum.value, ',~f')",
            labelFontSize=11,
            labelFlush=False,
            gridColor="#e3e3e3",
            domain=False,
            ticks=False,
        ),
    )
    base = alt.Chart(alt.InlineData(values=rows))
    layers: list[Any] = [
        base.mark_bar(color=BAR, height=11).encode(y=y, x=x),
        base.mark_text(align="right", fontSize=11, color=INK).encode(
            y=y, x=alt.value(plot + COUNT), text="count:N"
        ),
    ]
    if targets:
        layers.append(
            base.mark_text(align="right", fontSize=11, color=INK).encode(
                y=y, x=alt.value(plot + right - 2), text="rate:N"
            )
        )
        layers.append(base.mark_tick(color=QUOTA, opacity=1, thickness=2.5, size=15).encode(y=y, x="quota:Q"))
        layers.append(
            base.mark_rule(color=FLOOR, strokeDash=[5, 3], strokeWidth=1.5).encode(x="max(floor):Q")
        )
    return _framed(layers, rows=len(rows), plot=plot, left=left, right=right)


def _tidy(svg: str) -> str:
    """The same SVG with a role and a size of its own, without the renderer's notes on its inner groups."""
    svg = re.sub(r'\s(?:aria-[a-z]+|role)="[^"]*"', "", svg)
    return re.sub(r'^<svg[^>]*?width="([\d.]+)" height="([\d.]+)"', _opening, svg, count=1)


def _opening(match: re.Match[str]) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{match[1]}" height="{match[2]}" role="img"'
