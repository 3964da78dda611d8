"""What leaves the office: files for analysts, credit checks, and who has received what."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from catalog.errors import UserError
from warehouse.home import Home
from xtcredit.chinese import App
from xtcredit.parameters import FormatOption
from xtcredit.printing import Format, out, print_rows, progress

app = App()


AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="公示状态截至哪一天，默认今天（北京时间）")
]


def _day(text: str | None, option: str = "--as-of") -> date:
    if text is None:
        return datetime.now(ZoneInfo("Asia/Shanghai")).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"“{text}”不是有效的日期", where=option, remedy="写成 YYYY-MM-DD") from None


@app.command(
    epilog="例：`xtcredit publish`；`xtcredit publish --county 130528`；`xtcredit publish --audience statistics --grant XT008`"
)
def publish(
    county: Annotated[str | None, typer.Option(help="只出一个县（市、区）的，写区划代码")] = None,
    audience: Annotated[str, typer.Option(help="读者：每个读者一个文件夹、一套假名")] = "public",
    grant: Annotated[
        list[str] | None, typer.Option(help="授权该读者看全部内容的政务共享目录（可重复）")
    ] = None,
    as_of: AsOfOption = None,
    form: FormatOption = Format.table,
) -> None:
    """发布：把仓库做成一个独立的 DuckDB 文件，任何 DuckDB 1.5、2.0 都能打开，不需扩展；附静态查询页。

    社会公开的全部列出，政务共享的遮盖（授权的除外），授权查询的不列；没有身份号码。没有变化就不写；保留最近三版。
    """
    from transforms import steps

    with progress("发布…"):
        done = steps.publish(
            _day(as_of), Home.from_environment(), audience=audience, grant=tuple(grant or ()), county=county
        )
    p = done.publication
    if form is not Format.table:
        values = (str(p.path), p.version, p.written, p.kept, p.rows, p.bytes, round(p.seconds, 2))
        print_rows(["path", "version", "written", "kept", "rows", "bytes", "seconds"], [values], form)
        return
    told = f"写 {p.written} 张表，沿用 {p.kept} 张" if p.written else "没有变化，沿用上一版"
    out.print(
        f"第 {p.version} 版：{told}；共 {p.rows:,} 行，{p.bytes:,} 字节，用时 {p.seconds:.1f} 秒。",
        soft_wrap=True,
    )
    print(p.path)
    for page in done.pages:
        print(page)


@app.command(
    epilog="例：`xtcredit check 名单.xlsx --by 市发改委张某 --purpose 专项资金申报审查 --out 核查结果.xlsx`"
)
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="要核查的代码：XLSX 或 CSV，一列统一社会信用代码或证件号码")
    ],
    by: Annotated[str, typer.Option(help="查询单位和经办人")],
    purpose: Annotated[str, typer.Option(help="用途：办理什么事项")],
    to: Annotated[Path | None, typer.Option("--out", help="结果写到哪个 .xlsx；默认与来文同处")] = None,
    as_of: AsOfOption = None,
) -> None:
    """信用核查：逐个代码查有无不良信息、名单、评价、许可与处罚（公示期内的），写成工作簿；每次使用都记入流水。"""
    from transforms import steps

    target = to or file.with_name(f"{file.stem}-核查结果.xlsx")
    with progress("核查…"):
        done = steps.check(file, target, Home.from_environment(), by=by, purpose=purpose, as_of=_day(as_of))
    out.print(f"核查 {done.codes} 个代码，命中 {done.hits} 个；流水第 {done.entry.seq} 号。", soft_wrap=True)
    print(done.path)


@app.command(
    epilog="例：`xtcredit trace --since 2020-01-01`；`xtcredit trace admin_penalties --number 邢市监罚〔2019〕12号`"
)
def trace(
    item: Annotated[str | None, typer.Argument(metavar="ITEM", help="只看一项目录；不写则全部")] = None,
    number: Annotated[str | None, typer.Option(help="记录的编号：文书号、证号、案号")] = None,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="自哪一天起不再公示的")] = None,
    as_of: AsOfOption = None,
    form: FormatOption = Format.table,
) -> None:
    """追溯：记录更正、中止、修复、期满之后，以前谁收到过它（发布的文件、信用核查），以便逐一告知。

    写 --number 查一条记录；不写则列出到 --as-of 为止不再公示或已更正的，--since 只看这一天以来的。
    “内容有变”是：最后一次收到的，与现在的不同。
    """
    from transforms import steps

    with progress("追溯…"):
        found = steps.trace(
            Home.from_environment(),
            as_of=_day(as_of),
            item=item,
            number=number,
            since=_day(since, "--since") if since else None,
        )
    columns = ["目录", "编号", "情形", "自", "收到者", "方式", "首次", "最近", "次数", "内容有变"]
    rows = [
        (r.item, r.number, r.reason, r.since, r.recipient or "（无）", r.how, r.first[:10], r.last[:10], r.times, "是" if r.changed else "")
        for r in found
    ]  # fmt: skip
    print_rows(columns, rows, form)
