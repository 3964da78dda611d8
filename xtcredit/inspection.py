"""Looking into the warehouse: queries, the audit, what happened when."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from catalog.errors import UserError
from warehouse.home import Home
from xtcredit.chinese import App
from xtcredit.parameters import FormatOption
from xtcredit.printing import Format, out, print_line, print_rows

app = App()


@app.command(
    epilog="例：`xtcredit sql \"SELECT county_name, collected FROM mart.county_progress WHERE period = '2019-12'\"`"
)
def sql(
    statement: Annotated[str, typer.Argument(help="一条查询语句（SELECT）")],
    form: FormatOption = Format.table,
    snapshot: Annotated[int | None, typer.Option(help="按哪个快照查询，默认最新")] = None,
) -> None:
    """用 SQL 查询仓库（只读；号码库 vault 不在其列）。"""
    from transforms import steps

    columns, rows = steps.query(statement, Home.from_environment(), snapshot)
    print_rows(columns, rows, form)


@app.command(epilog="例：`xtcredit verify`；`xtcredit verify --timing`；`xtcredit verify --format json`")
def verify(
    timing: Annotated[bool, typer.Option("--timing", help="每条后注明所用秒数")] = False,
    form: FormatOption = Format.table,
) -> None:
    """审计：逐条从源头重算并核对，每条一行，写明 OK 或哪里不符。有不符的返回 1。

    核对原文件与数据文件、批次行数、台账与版本、各库、考核结果、参照表、号码库。不改数据；各库落后于台账的先更新。
    """
    from transforms import steps

    wrong: list[Any] = []
    rows: list[tuple[Any, ...]] = []
    for outcome in steps.audit(Home.from_environment()):
        if not outcome.holds:
            wrong.append(outcome)
        if form is Format.table:
            line = f"{outcome.seconds:6.2f} 秒　{outcome}" if timing else str(outcome)
            style = None if outcome.holds else "red"
            print_line(line, style=style)
        else:
            clause = outcome.clause
            rows.append((clause.id, clause.title, outcome.holds, outcome.found, round(outcome.seconds, 3)))
    if form is not Format.table:
        print_rows(["clause", "title", "holds", "found", "seconds"], rows, form)
    if wrong:
        raise UserError(
            f"审计有 {len(wrong)} 条不符",
            remedy="按上面各行查对，见 docs/operations.md；数据由批次重放可恢复：xtcredit ingest",
        )
    if form is Format.table:
        out.print("审计通过。", style="green")


@app.command(epilog="例：`xtcredit history --item enterprise_registration`；`xtcredit history --snapshots`")
def history(
    item: Annotated[str | None, typer.Option(help="只看一项目录")] = None,
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="列出数据湖的快照：编号、时间、做了什么")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """批次与拒收的历史；加 --snapshots 则是数据湖的快照，可用于 sql --snapshot 和 rollback --to。"""
    from transforms import steps

    if snapshots:
        print_rows(*steps.snapshots(Home.from_environment()), form)
        return
    columns, rows = steps.history(Home.from_environment(), item)
    if form is not Format.table:
        print_rows(columns, rows, form)
        return
    hidden = {columns.index("文件"), columns.index("说明")}
    loaded = [tuple(v for i, v in enumerate(row) if i not in hidden) for row in rows if row[-1] is None]
    print_rows([c for i, c in enumerate(columns) if i not in hidden], loaded, form)
    for row in rows:
        if row[-1] is not None:
            print_line(f"{row[0]}　拒收 {row[1]}：{row[-1]}")
