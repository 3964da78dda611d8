"""From the ledger to the bulletin: libraries, counts and targets, what departments and counties are sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog.errors import UserError
from catalog.period import Period
from warehouse.home import Home
from xtcredit.chinese import App
from xtcredit.parameters import FormatOption, PeriodOption
from xtcredit.printing import Format, out, print_rows, progress

app = App()


@app.command(epilog="例：`xtcredit integrate`")
def integrate(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="全部主体重建，不只上次以来有变动的")] = False,
) -> None:
    """由台账更新基础库、重点人群库与重点行业库；只处理上次以来有变动的主体，结果与全部重建相同。"""
    from catalog.loader import load_catalog
    from transforms import steps

    with progress("整合各库…"):
        counts = steps.integrate(Home.from_environment(), rebuild=rebuild)
    libraries = load_catalog().libraries
    for name, count in counts.items():
        out.print(f"{libraries[name].title}　{count}")


@app.command(epilog="例：`xtcredit declare --period 2019-12`")
def declare(period: PeriodOption) -> None:
    """读入一期的报送情况月报表：各单位自报的产生数，填0即零报告。

    文件放在收件箱的期次文件夹，名为“区划_部门_return_年月日_序号”，列为目录、产生数、说明。
    """
    from transforms import steps

    with progress("读月报表"):
        count = steps.declare(period, Home.from_environment())
        strays = steps.unclaimed_files(period, Home.from_environment())
    out.print(f"{period}：{count} 条申报")
    if strays:
        out.print(
            f"[yellow]收件箱里有 {len(strays)} 份无人认领（已记入 history）：{escape('、'.join(strays))}[/yellow]"
        )


@app.command(epilog="例：`xtcredit assess --period 2019-12`")
def assess(period: PeriodOption, form: FormatOption = Format.table) -> None:
    """计算一个期次的归集量、完成率与排名（先更新各库）。"""
    from transforms import steps

    home = Home.from_environment()
    with progress("整合各库…"):
        steps.integrate_if_needed(home)
    with progress("计算考核结果…"):
        result = steps.assess(str(Period.parse(period)), home)
    if form is not Format.table:
        print_rows(list(result), [tuple(result.values())], form)
        return
    rate = "" if result["rate"] is None else f"，目标 {result['target']:,} 条，完成率 {result['rate']:.4%}"
    print(
        f"{period}：累计归集 {result['collected']:,} 条，其中本期 {result['collected_in_period']:,} 条{rate}；"
        f"应报 {result['items_owed']} 项目录，已报 {result['items_delivered']} 项。"
    )


@app.command(epilog="例：`xtcredit report --period 2019-12 --out 通报`")
def report(
    period: PeriodOption,
    to: Annotated[
        Path | None, typer.Option("--out", help="写到哪个文件夹；默认 $XTCREDIT_HOME/reports/期次")
    ] = None,
    county: Annotated[str | None, typer.Option(help="只出一个县（市、区）的，写区划代码")] = None,
    department: Annotated[str | None, typer.Option(help="只出一个部门的，写部门标识")] = None,
) -> None:
    """生成通报（全市为 DOCX、HTML、XLSX 与核查表）：全市，或一个县（市、区）、一个部门。已印发（freeze）的期次按印发时的快照生成。"""
    from transforms import steps

    home = Home.from_environment()
    with progress("生成通报…"):
        paths = steps.report(str(Period.parse(period)), home, out=to, county=county, department=department)
    for path in paths:
        print(path)


@app.command(epilog="例：`xtcredit returns --period 2019-12 --out 退回清单`")
def returns(
    period: PeriodOption,
    to: Annotated[
        Path | None, typer.Option("--out", help="写到哪个文件夹；默认 $XTCREDIT_HOME/reports/期次/退回清单")
    ] = None,
) -> None:
    """生成退回清单：每个报送单位一份，列明文件、行号、数据项、原值、规则和处理办法。"""
    from transforms import steps

    with progress("生成退回清单…"):
        paths = steps.return_lists(str(Period.parse(period)), Home.from_environment(), out=to)
    for path in paths:
        print(path)


@app.command(epilog="例：`xtcredit freeze --period 2019-12`")
def freeze(period: PeriodOption, form: FormatOption = Format.table) -> None:
    """印发一个期次：考核结果从此不变，通报按此时的快照生成；其后的更正在以后的期次列为调整。重复执行，结果不变。"""
    from transforms import steps

    month = str(Period.parse(period))
    snapshot = steps.freeze(month, Home.from_environment())
    if form is not Format.table:
        print_rows(["period", "snapshot"], [(month, snapshot)], form)
        return
    print(f"{month} 已印发，依据快照 {snapshot}；其后的更正在以后的期次列为调整。")


@app.command(
    epilog="例：`xtcredit explain 宁晋县 --period 2019-12`；`xtcredit explain 130528 --period 2019-12 --item XT001 --lines 50`"
)
def explain(
    county: Annotated[str, typer.Argument(metavar="COUNTY", help="县（市、区）代码或名称；130500 为市本级")],
    period: PeriodOption,
    item: Annotated[str | None, typer.Option(help="只看一项目录")] = None,
    lines: Annotated[int, typer.Option(help="列出多少行记录", min=0)] = 20,
    form: FormatOption = Format.table,
) -> None:
    """由一个县（市、区）的累计归集量追到目录、批次、文件和行。"""
    from transforms import steps

    found = steps.explain(county, str(Period.parse(period)), Home.from_environment(), item=item, limit=lines)
    if form is Format.json:
        print(json.dumps(asdict(found), ensure_ascii=False, default=str))
        return
    if form is Format.csv:
        raise UserError("追溯没有 CSV 形式", where="--format", remedy="写 table 或 json")
    out.print(f"{found.county_name} {period} 累计归集 {found.collected:,} 条（快照 {found.snapshot}）")
    for columns, rows in (
        ({"title": "目录", "county_rule": "归属依据", "records": "记录", "first_period": "最早", "last_period": "最近"}, found.items),
        ({"batch_id": "批次", "source_file": "文件", "records": "记录", "first_line": "首行", "last_line": "末行"}, found.files),
        ({"source_file": "文件", "row_number": "行", "item_id": "目录", "first_period": "首次期次", "record_key": "记录键"}, found.lines),
    ):  # fmt: skip
        if rows:
            print_rows(list(columns.values()), [tuple(row[c] for c in columns) for row in rows], form)


@app.command(epilog="例：`xtcredit scoreboard --year 2019`")
def scoreboard(
    year: Annotated[int, typer.Option(help="年度", min=2000, max=2099)], form: FormatOption = Format.table
) -> None:
    """打印信用示范县（市、区）年度评分表：有依据的指标按分值折算为100分。"""
    from transforms import steps

    columns, rows = steps.query(
        f"""SELECT county_name AS "县（市、区）", round(sum(points) * 100 / sum(weight) FILTER (available), 2) AS "得分",
            sum(weight) FILTER (available)::DOUBLE AS "已计分值", sum(weight)::DOUBLE AS "总分值", any_value(through) AS "截至",
            string_agg(title, '、' ORDER BY position) FILTER (NOT available) AS "未有依据的指标"
        FROM mart.scoreboard WHERE year = {year} GROUP BY county_code, county_name ORDER BY 2 DESC NULLS LAST, county_code""",
        Home.from_environment(),
    )
    print_rows(columns, rows, form)


@app.command(epilog="例：`xtcredit counties --period 2019-12`")
def counties(period: PeriodOption) -> None:
    """打印各县（市、区）进度表。"""
    from transforms import steps

    out.print(steps.county_table(str(Period.parse(period)), Home.from_environment()))
