"""The county table for the terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

from catalog.period import Period
from transforms.report.chart import ZONE
from transforms.report.figures import county_rows, require_assessed
from transforms.report.words import percent, whole
from warehouse.lake import Lake


def county_table(lake: Lake, period: Period) -> Table:
    """`mart.county_progress` of a period, by rank, with the city's total; `UserError` if it was not assessed."""
    require_assessed(lake, period)
    table = Table(
        title=f"{period} 各县（市、区）归集进度", caption="* 任务数以估计或推算的GDP计算", box=box.SIMPLE
    )
    for name, justify in (
        ("排名", "right"),
        ("县（市、区）", "left"),
        ("累计", "right"),
        ("本月", "right"),
        ("任务数", "right"),
        ("完成率", "right"),
        ("保底率", "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in county_rows(lake, period):
        star = "*" if row["estimated"] else ""
        table.add_row(
            str(row["rank"] or ""),
            ZONE if row["unit_kind"] == "zone" else row["county_name"],
            whole(row["collected"]),
            whole(row["collected_in_period"]),
            whole(row["quota_target"]) + star,
            percent(row["quota_rate"]),
            percent(row["floor_rate"]),
        )
    for city in lake.rows("SELECT * FROM mart.city_progress WHERE period = ?", [str(period)]):
        table.add_section()
        cells = ("", "全市合计", whole(city["collected"]), whole(city["collected_in_period"]))
        table.add_row(*cells, whole(city["target"]), percent(city["rate"]), "", style="bold")
    return table
