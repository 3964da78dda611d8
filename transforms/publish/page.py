"""The static page beside a published file: progress, duties, the dictionary with each column's origin. It needs no server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.describe import basis_text
from catalog.divisions import CITY
from catalog.loader import Catalog, bureau_name
from transforms.html import render_page
from transforms.publish.tables import Audience
from transforms.report.words import percent
from transforms.template import rule_messages
from warehouse.lake import Lake
from warehouse.publish import Publication, reading

PAGE = Path(__file__).parent / "templates" / "site.html"
_LATEST = "period = (SELECT max(period) FROM pub.mart.{mart})"


@dataclass(frozen=True)
class Section:
    """A table of the page; `code` is the column, from 0, that holds SQL."""

    id: str
    title: str
    note: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    code: int = -1


def write_pages(
    lake: Lake, catalog: Catalog, audience: Audience, publication: Publication, folder: Path
) -> list[Path]:
    """Write `index.html` from what stands in the published file, so that the page cannot say more than the file."""
    with reading(lake, publication.path):
        about = lake.execute('SELECT "项", "内容" FROM pub.main.about').fetchall()
        sections = list(_sections(lake, catalog, audience))
    title = "邢台市公共信用信息归集情况"
    if audience.county:
        names = {d.code: d.name for d in catalog.divisions.rows if d.level == "county"}
        title = f"{names[audience.county]}公共信用信息（县级虚拟平台）"
    text = page_text(title, about, publication.version, sections)
    target = folder / "index.html"
    temporary = folder / f".index.{os.getpid()}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)
    return [target]


def page_text(title: str, about: Sequence[tuple[str, str]], version: int, sections: Sequence[Section]) -> str:
    """The page of these sections, whose values show as text whatever they hold."""
    return render_page(PAGE, title=title, about=about, version=version, sections=sections, figure=_figure)


def _sections(lake: Lake, catalog: Catalog, audience: Audience) -> Iterator[Section]:
    present = {
        f"{schema}.{table}"
        for schema, table in lake.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'pub'"
        ).fetchall()
    }

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return lake.execute(sql).fetchall()

    if "mart.county_progress" in present:
        latest = "" if audience.county else f"WHERE {_LATEST.format(mart='county_progress')}"
        yield Section(
            "progress",
            "归集进度",
            "完成率按任务数；市本级、开发区不排名。任务数的权重含估计的生产总值。",
            ("期次", "县（市、区）", "累计归集量", "本期新增", "任务数", "完成率", "名次", "应报", "已报"),
            ask(
                "SELECT period, county_name, collected, collected_in_period, quota_target, quota_rate, rank, obligations_owed,"
                f" obligations_met FROM pub.mart.county_progress {latest} ORDER BY period DESC, rank NULLS LAST, county_code"
            ),
        )
    if "mart.obligation" in present:
        states = "CASE state WHEN 'missing' THEN '应报未报' WHEN 'zero' THEN '零报告' WHEN 'delivered' THEN '已报' END"
        yield Section(
            "duties",
            "报送责任",
            "最近一期应报的目录和单位。",
            ("状态", "单位所在", "部门", "目录", "期限", "报送日期", "按期"),
            [
                (state, place, department if code == CITY else bureau_name(department, place), *rest)
                for code, state, place, department, *rest in ask(
                    f"SELECT county_code, {states}, county_name, department_name, title, due_on, delivered_on,"
                    " CASE WHEN on_time THEN '是' WHEN NOT on_time THEN '否' END FROM pub.mart.obligation"
                    f" WHERE state <> 'not_due' AND {_LATEST.format(mart='obligation')}"
                    " ORDER BY state = 'missing' DESC, county_code, department_name, title"
                )
            ],
        )
    if "main.faults" in present:
        yield Section(
            "faults",
            "退回的行",
            "本县（市、区）报送的文件中未通过检查的行：按文件和行号改正后重报。",
            ("期次", "文件", "工作表", "行号", "数据项", "说明"),
            ask(
                "SELECT period, source_file, sheet, coalesce(sheet_row, row_number), field, message FROM pub.main.faults"
                " ORDER BY period DESC, source_file, row_number LIMIT 5000"
            ),
        )
        yield Section(
            "towns",
            "乡镇、村汇总",
            "记录载有乡镇、村的才能汇总到乡镇、村。",
            ("乡镇（街道）", "村（社区）", "目录", "记录数"),
            ask(
                "SELECT coalesce(t.name, c.town_code), coalesce(v.name, c.village_code), i.title, c.records FROM pub.main.town_village c"
                " JOIN pub.ref.item i USING (item_id)"
                " LEFT JOIN (SELECT code, max(name) AS name FROM pub.ref.division GROUP BY code) t ON t.code = c.town_code"
                " LEFT JOIN (SELECT code, max(name) AS name FROM pub.ref.division GROUP BY code) v ON v.code = c.village_code"
                " ORDER BY c.town_code NULLS LAST, c.village_code NULLS LAST, i.title"
            ),
        )
    yield Section(
        "questions", "怎样查询", "用任何 DuckDB（1.5、2.0）打开 current.duckdb，运行下面的例子。", ("问题", "SQL", "说明"),
        ask('SELECT "问题", "SQL", "说明" FROM pub.main.README ORDER BY "序号"::INTEGER'), code=1,
    )  # fmt: skip
    yield Section(
        "dictionary", "数据字典与来历", "每一列是什么、来自哪项目录的哪个数据项、由谁提供。", ("表", "列", "含义", "来自", "提供单位"),
        list(_columns(lake, catalog)),
    )  # fmt: skip
    yield Section(
        "rules", "目录与规则", "各目录的依据，和入库前逐行检查的规则。", ("目录", "依据", "规则"),
        [
            (f"{item.title}（{item.id}）", basis_text(item), "；".join(rule_messages(item, catalog)))
            for item in catalog.items.values()
            if f"rec.{item.id}" in present
        ],
    )  # fmt: skip


def _columns(lake: Lake, catalog: Catalog) -> Iterator[tuple[str, str, str, str, str]]:
    attributes = {
        (library.id, a.name): a.sources for library in catalog.libraries.values() for a in library.attributes
    }
    for schema, table, column, comment in lake.execute(
        "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns()"
        " WHERE database_name = 'pub' AND NOT internal ORDER BY schema_name, table_name, column_index"
    ).fetchall():
        origin, provider = "", ""
        item = catalog.items.get(table) if schema == "rec" else None
        if item is not None:
            field = next((f for f in item.fields if f.name == column), None)
            origin = f"{item.title}（{item.code}）" + (f"“{field.title}”" if field else "：系统所加")
            provider = f"{item.owner.provider}（{catalog.departments[item.department].name}）"
        elif (table, column) in attributes:
            sources = attributes[table, column]
            origin = "；".join(sources)
            provider = "、".join(
                dict.fromkeys(catalog.items[s.partition(".")[0]].owner.provider for s in sources)
            )
        yield f"{schema}.{table}", column, comment or "", origin, provider


def _figure(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else percent(value)
