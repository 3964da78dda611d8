"""The `xtcredit` command: wiring only, like the DAGs. Every command prints one line on a user's mistake, no traceback."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import core, rich_utils

from catalog.errors import UserError
from catalog.period import Period
from warehouse.home import Home, opted_in

if TYPE_CHECKING:
    from transforms.preview import Preview


class _Chinese:
    """Help that is Chinese throughout, typer's own words included."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = "显示本说明"
        return option

    def get_usage(self, ctx: Any) -> str:
        text = str(super().get_usage(ctx))  # type: ignore[misc]
        for word, chinese in (
            ("Usage: ", "用法："),
            ("[OPTIONS]", "[选项]"),
            ("COMMAND [ARGS]...", "命令 …"),
        ):
            text = text.replace(word, chinese, 1)
        return text


class _Command(_Chinese, core.TyperCommand):
    """One command."""


class _Group(_Chinese, core.TyperGroup):
    """Commands under a name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            raise UserError(
                f"没有命令“{args[0]}”" + (f"，是不是 {near[0]}" if near else ""),
                where=ctx.command_path,
                remedy=f"{ctx.command_path} --help 列出全部命令",
            )
        return super().resolve_command(ctx, args)


class _App(typer.Typer):
    """Makes every command of these classes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=_Group, no_args_is_help=True, rich_markup_mode="markdown", **settings)

    def command(self, *names: Any, **settings: Any) -> Any:
        return super().command(*names, cls=_Command, **settings)


app = _App(
    name="xtcredit",
    help="邢台市公共信用信息归集与考核数据仓库。",
    add_completion=False,
    pretty_exceptions_enable=False,
)
catalog_app = _App(help="公共信用信息目录：列出、查看、检查、起草、出模板。")
app.add_typer(catalog_app, name="catalog")


def _wrong_usage(error: Any) -> None:
    """One line for a command that is written wrongly, where typer has a panel in English."""
    if (kind := type(error).__name__) == "NoArgsIsHelpError":
        return  # the help has been shown
    path = error.ctx.command_path if error.ctx else "xtcredit"
    named = ""
    if (param := getattr(error, "param", None)) is not None:
        named = "、".join(param.opts) if param.param_type_name == "option" else param.metavar or param.name
    what = {
        "NoSuchOption": lambda: (
            f"没有选项 {error.option_name}"
            + (f"，是不是 {'、'.join(sorted(error.possibilities))}" if error.possibilities else "")
        ),
        "MissingParameter": lambda: f"缺少 {named}",
        "BadParameter": lambda: f"{named} 的值不对",
        "BadOptionUsage": lambda: f"选项 {error.option_name} 的值缺少或多余",
    }.get(kind, lambda: f"写法有误（{error.format_message()}）")()
    told = UserError(what, where=path, remedy=f"{path} --help 有写法和例子")
    err.print(f"错误：{told}", style="red", markup=False, highlight=False, soft_wrap=True)


rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.rich_format_error = _wrong_usage
rich_utils.REQUIRED_LONG_STRING = "[必填]"
rich_utils.DEFAULT_STRING = "[默认：{}]"

out = Console()
err = Console(stderr=True)


class Format(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"


ItemArgument = Annotated[str, typer.Argument(metavar="ITEM", help="目录：标识、编号（XT001）或中文名称")]
PeriodOption = Annotated[str, typer.Option(help="期次（年-月）", metavar="YYYY-MM")]
ConfirmOption = Annotated[
    bool, typer.Option("--confirm-ends", help="已核实：全量清单比上期少了许多，确属终止")
]
FormatOption = Annotated[Format, typer.Option("--format", help="输出形式")]


def main() -> None:
    """Run the command; a `UserError`, or a path that cannot be used, is one line on standard error and exit code 1."""
    try:
        app(prog_name="xtcredit")
    except UserError as error:
        err.print(f"错误：{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to tell
        sys.exit(1)
    except OSError as error:
        from warehouse.faults import machine_fault

        if error.filename is None:
            if (fault := machine_fault(error)) is None:
                raise
            err.print(f"错误：{fault}", style="red", markup=False, highlight=False, soft_wrap=True)
            sys.exit(1)
        reason = f"错误：{error.filename}：不能读写（{error.strerror}）。处理办法：核对路径、权限与磁盘空间。"
        err.print(reason, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


@contextmanager
def _progress(message: str) -> Iterator[None]:
    with err.status(message):
        yield


def _inert(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula, with the apostrophe that keeps it a text; numbers as they are."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _print_rows(columns: list[str], rows: list[tuple[Any, ...]], form: Format) -> None:
    if form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(tuple(map(_inert, row)) for row in rows)
    elif form is Format.json:
        print(
            json.dumps(
                [dict(zip(columns, row, strict=True)) for row in rows], ensure_ascii=False, default=str
            )
        )
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(Text(column), overflow="fold")  # a heading in brackets is no markup
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        out.print(table, markup=False)


# -- catalog -------------------------------------------------------------------------------------------------------


@catalog_app.command("list", epilog="例：`xtcredit catalog list`")
def catalog_list(form: FormatOption = Format.table) -> None:
    """列出全部目录。"""
    from catalog.describe import frequency_title, share_title
    from catalog.loader import load_catalog

    catalog, read = load_catalog(), form is Format.table  # a program has the codes
    rows: list[tuple[Any, ...]] = [
        (
            i.code,
            i.id,
            i.title,
            catalog.departments[i.department].name,
            frequency_title(i) if read else i.frequency,
            share_title(i) if read else i.share,
            len(i.fields),
        )
        for i in sorted(catalog.items.values(), key=lambda item: item.code)
    ]
    _print_rows(["编号", "标识", "名称", "来源部门", "频率", "共享属性", "数据项"], rows, form)


@catalog_app.command("show", epilog="例：`xtcredit catalog show enterprise_registration`")
def catalog_show(item: ItemArgument, form: FormatOption = Format.table) -> None:
    """查看一项目录的数据项、规则与报送要求。"""
    from catalog.describe import basis_text, frequency_title, key_text, share_title
    from catalog.loader import load_catalog
    from catalog.model import STANDARD
    from catalog.types import TYPES

    catalog = load_catalog()
    found = catalog.item(item)
    if form is Format.json:
        print(found.model_dump_json(indent=2, by_alias=True))
        return
    if form is Format.table:
        out.print(f"{found.code} {found.title}（{found.id}）", style="bold", markup=False)
        out.print(
            f"来源部门：{catalog.departments[found.department].name}　频率：{frequency_title(found)}　共享：{share_title(found)}"
        )
        out.print(
            f"依据：{basis_text(found)}\n关键项：{key_text(found)}　格式：{'、'.join([STANDARD, *(f.id for f in found.formats)])}",
            markup=False,
        )
    rows: list[tuple[Any, ...]] = [
        (
            f.name,
            f.title,
            TYPES[f.type].title,
            "是" if f.required is True else "视情形" if f.required else "",
            f.unit or f.list or f.length,
            "、".join(f.headers),
        )
        for f in found.fields
    ]
    _print_rows(["数据项", "名称", "含义", "必填", "单位/代码表/长度", "其他表头"], rows, form)


@catalog_app.command("check", epilog="例：`xtcredit catalog check`")
def catalog_check(form: FormatOption = Format.table) -> None:
    """检查目录：未知键、重复标识、表头冲突、未知部门或代码表、缺少上下限、禁止归集的数据项等；已有数据的，还查改动会不会丢失数据。"""
    from catalog.check import check

    findings = check()
    home = Home.from_environment()
    if not findings and home.lake.exists():
        from transforms import steps

        findings = steps.losses(home)
    if form is Format.json:
        print(
            json.dumps(
                [{"path": str(f.path), "line": f.line, "what": f.what, "remedy": f.remedy} for f in findings],
                ensure_ascii=False,
            )
        )
    else:
        for finding in findings:
            out.print(str(finding), markup=False, highlight=False, soft_wrap=True)
    if findings:
        raise UserError(f"目录有 {len(findings)} 处问题", remedy="按上面各行改正后再检查")
    if form is Format.table:
        out.print("目录无误。", style="green")


@catalog_app.command(
    "new",
    epilog="例：`xtcredit catalog new hotel_licence --sample 样例.xlsx > catalog/items/gaj/hotel_licence.yml`",
)
def catalog_new(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="新目录的标识（小写英文）")],
    sample: Annotated[Path, typer.Option(help="部门提供的样例文件")],
) -> None:
    """由样例文件起草一项目录（YAML，写到标准输出）。"""
    from catalog.loader import load_catalog
    from transforms.stage.draft import draft_item
    from warehouse.lake import connect

    with connect() as connection:
        print(draft_item(item, sample, load_catalog(), connection))


@catalog_app.command(epilog="例：`xtcredit catalog template enterprise_registration --out 企业登记.xlsx`")
def template(
    item: ItemArgument,
    to: Annotated[Path, typer.Option("--out", help="写到哪个文件（.xlsx）")],
) -> None:
    """生成部门填报用的模板：表头、逐列说明、下拉列表与示例。"""
    from catalog.loader import load_catalog
    from transforms.template import write_template

    if to.suffix.lower() != ".xlsx":
        raise UserError("模板只能写成 XLSX", where=str(to), remedy="文件名以 .xlsx 结尾")
    catalog = load_catalog()
    print(write_template(catalog.item(item), catalog, to))


@catalog_app.command(epilog="例：`xtcredit catalog dictionary --out 数据字典`")
def dictionary(to: Annotated[Path, typer.Option("--out", help="写到哪个文件夹")]) -> None:
    """生成数据字典：一个网页，可查找目录、数据项、代码表与各表的列。"""
    from catalog.loader import load_catalog
    from transforms.dictionary import write_dictionary

    print(write_dictionary(load_catalog(), to))


# -- samples and loading -------------------------------------------------------------------------------------------


@app.command(epilog="例：`xtcredit sample --out var/inbox --rows 1000 --periods 2019-10:2019-12 --seed 7`")
def sample(
    to: Annotated[Path, typer.Option("--out", help="写到哪个文件夹")],
    rows: Annotated[int, typer.Option(help="每个文件的行数", min=1)] = 1000,
    periods: Annotated[str, typer.Option(help="期次或期次范围 起:止")] = "2019-10:2019-12",
    seed: Annotated[int, typer.Option(help="随机种子：同样的种子得到同样的文件")] = 1,
    faults: Annotated[float, typer.Option(help="差错行所占比例", min=0, max=0.5)] = 0.02,
    item: Annotated[list[str] | None, typer.Option(help="只生成这些目录（可重复）")] = None,
) -> None:
    """由目录生成仿真的报送文件，并在 truth/ 写明每批应有的结果。姓名与号码均为虚构。"""
    from catalog.loader import load_catalog
    from catalog.sample import generate

    catalog = load_catalog()
    items = [catalog.item(name).id for name in item] if item else list(catalog.collected(opted_in(catalog)))
    with _progress("正在生成样例文件…"):
        files = generate(
            catalog,
            to,
            items=items,
            periods=Period.parse_range(periods),
            rows=rows,
            seed=seed,
            fault_share=faults,
        )
    out.print(f"已写 {len(files)} 个文件到 {to}")


@app.command(epilog="例：`xtcredit ingest enterprise_registration --period 2019-12 --file 企业登记.xlsx`")
def ingest(
    item: ItemArgument,
    period: PeriodOption,
    file: Annotated[
        Path | None, typer.Option(help="要入库的文件；不写则取 inbox/期次/ 下该目录的全部文件")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="替换已入库的同名文件（更正时用）")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只预览会改变什么，什么也不写入")] = False,
    confirm_ends: ConfirmOption = False,
    form: FormatOption = Format.table,
) -> None:
    """把某项目录某一期的报送文件入库：提取、解析、评判、入库。重复执行，结果不变。"""
    from catalog.loader import load_catalog
    from transforms import steps

    home = Home.from_environment()
    found, month = load_catalog().item(item), Period.parse(period)
    if dry_run:
        with _progress("预览…"):
            previews = steps.preview(found.id, str(month), home, file=file)
        if not previews:
            raise _nothing_delivered(home, month, found.title)
        _print_previews(previews, form)
        return
    if file:
        manifests = [steps.hand_over(file, found.id, str(month), home, replace=replace)]
    else:
        manifests = steps.extract(found.id, str(month), home)
    if not manifests:
        raise _nothing_delivered(home, month, found.title)
    refused: list[str] = []
    results: list[tuple[Any, ...]] = []
    for manifest in manifests:
        try:
            with _progress("解析…"):
                staged = steps.stage(manifest, home)
            with _progress("评判…"):
                verdict = steps.judge(staged, home, confirm_ends=confirm_ends)
            with _progress("入库…"):
                r = steps.load_result(verdict, home)
            steps.acknowledge(verdict, home)
            results.append(
                (
                    r.batch_id,
                    r.read,
                    r.new,
                    r.updated,
                    r.duplicate,
                    r.quarantined,
                    r.set_aside,
                    r.ignored,
                    r.status,
                )
            )
        except UserError as error:
            refused.append(str(error))
    if results:
        _print_rows(
            ["批次", "上报", "新增", "更新", "重复", "隔离", "其中搁置", "忽略", "状态"], results, form
        )
    for line in refused[:-1]:
        err.print(f"拒收：{line}", style="red", markup=False, highlight=False, soft_wrap=True)
    if refused:
        raise UserError(refused[-1])


def _nothing_delivered(home: Home, month: Period, title: str) -> UserError:
    return UserError(
        f"{month} 没有收到“{title}”的文件",
        where=str(home.inbox / str(month)),
        remedy="放入文件后再试，或用 --file 指定",
    )


def _print_previews(previews: list[Preview], form: Format) -> None:
    if form is Format.json:
        print(json.dumps([p.model_dump(mode="json") for p in previews], ensure_ascii=False))
        return
    if form is Format.csv:
        raise UserError("预览没有 CSV 形式", where="--format", remedy="写 table 或 json")
    for preview in previews:
        for line in preview.lines():
            out.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command(epilog="例：`xtcredit replay enterprise_registration --period 2019-12`")
def replay(
    item: ItemArgument,
    period: PeriodOption,
    confirm_ends: ConfirmOption = False,
    form: FormatOption = Format.table,
) -> None:
    """规则、别名或更正改过之后，把某项目录某一期已落地的文件按现在的规则重新评判、入库，不必请部门重报。重复执行，结果不变。"""
    from catalog.loader import load_catalog
    from transforms import steps

    home = Home.from_environment()
    found, month = load_catalog().item(item), Period.parse(period)
    with _progress("重新评判…"):
        replayed = steps.replay(found.id, str(month), home, confirm_ends=confirm_ends)
    if form is Format.json:
        print(json.dumps([r.model_dump(mode="json") for r in replayed], ensure_ascii=False))
    elif form is Format.csv:
        raise UserError("重新评判的结果没有 CSV 形式", where="--format", remedy="写 table 或 json")
    else:
        for line in (line for r in replayed for line in r.lines()):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    refused = [r for r in replayed if r.refused]
    if refused:
        raise UserError(
            f"{len(refused)} 份文件未能入库，原有数据不变", remedy="按上面各行处理后再运行 replay"
        )


@app.command("try", epilog="例：`xtcredit try teachers_in_service --file 教师.xlsx --period 2019-12`")
def try_file(
    item: ItemArgument,
    file: Annotated[Path, typer.Option(help="要试读的文件")],
    period: PeriodOption = "2019-12",
    form: FormatOption = Format.table,
) -> None:
    """试读一个文件：解析、逐行评判，打印结果；什么也不写入仓库。"""
    import tempfile

    from catalog.loader import load_catalog
    from transforms.extract.drop import land
    from transforms.trial import try_delivery

    catalog = load_catalog()
    with tempfile.TemporaryDirectory(prefix="xtcredit-try-") as folder:
        # A home of its own: the key, the landing and the staged files of a trial vanish with it.
        home = Home(Path(folder))
        manifest = land(file, catalog.item(item), Period.parse(period), home)
        with _progress("试读…"):
            trial = try_delivery(manifest, catalog, home)
    if form is Format.json:
        print(trial.model_dump_json())
        return
    c = trial.counts
    out.print(
        f"格式 {trial.format}：上报 {c.read} 行，有效 {c.valid}，隔离 {c.quarantined}（其中搁置 {c.set_aside}），忽略 {c.ignored}"
    )
    rows = [(t.field, t.rule, t.level, t.rows, t.message, "；".join(t.examples)) for t in trial.tallies]
    if rows:
        _print_rows(["数据项", "规则", "处理", "行数", "说明", "例（行号：原值）"], rows, form)
    for finding in trial.findings:
        if not finding.success:
            out.print(
                f"{'不合格' if finding.level == 'fail' else '提醒'}：{finding.message}（{finding.observed}）",
                markup=False,
            )


# -- libraries, assessment, reports --------------------------------------------------------------------------------


@app.command(epilog="例：`xtcredit integrate`")
def integrate(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="全部主体重建，不只上次以来有变动的")] = False,
) -> None:
    """由台账更新基础库、重点人群库与重点行业库；只处理上次以来有变动的主体，结果与全部重建相同。"""
    from transforms import steps

    with _progress("整合各库…"):
        counts = steps.integrate(Home.from_environment(), rebuild=rebuild)
    for name, count in counts.items():
        out.print(f"{name}　{count}")


@app.command(epilog="例：`xtcredit declare --period 2019-12`")
def declare(period: PeriodOption) -> None:
    """读入一期的报送情况月报表：各单位自报的产生数，填0即零报告。

    文件放在收件箱的期次文件夹，名为“区划_部门_return_年月日_序号”，列为目录、产生数、说明。
    """
    from transforms import steps

    with _progress("读月报表"):
        count = steps.declare(period, Home.from_environment())
    out.print(f"{period}：{count} 条申报")


@app.command(epilog="例：`xtcredit assess --period 2019-12`")
def assess(period: PeriodOption, form: FormatOption = Format.table) -> None:
    """计算一个期次的归集量、完成率与排名（先更新各库）。"""
    from transforms import steps

    home = Home.from_environment()
    with _progress("整合各库…"):
        steps.integrate_if_needed(home)
    with _progress("计算考核结果…"):
        result = steps.assess(str(Period.parse(period)), home)
    if form is not Format.table:
        _print_rows(list(result), [tuple(result.values())], form)
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
    with _progress("生成通报…"):
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

    with _progress("生成退回清单…"):
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
        _print_rows(["period", "snapshot"], [(month, snapshot)], form)
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
            _print_rows(list(columns.values()), [tuple(row[c] for c in columns) for row in rows], form)


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
    _print_rows(columns, rows, form)


@app.command(epilog="例：`xtcredit counties --period 2019-12`")
def counties(period: PeriodOption) -> None:
    """打印各县（市、区）进度表。"""
    from transforms import steps

    out.print(steps.county_table(str(Period.parse(period)), Home.from_environment()))


# -- looking ---------------------------------------------------------------------------------------------------------


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
    _print_rows(columns, rows, form)


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
            out.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            clause = outcome.clause
            rows.append((clause.id, clause.title, outcome.holds, outcome.found, round(outcome.seconds, 3)))
    if form is not Format.table:
        _print_rows(["clause", "title", "holds", "found", "seconds"], rows, form)
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
        _print_rows(*steps.snapshots(Home.from_environment()), form)
        return
    columns, rows = steps.history(Home.from_environment(), item)
    if form is not Format.table:
        _print_rows(columns, rows, form)
        return
    hidden = {columns.index("文件"), columns.index("说明")}
    loaded = [tuple(v for i, v in enumerate(row) if i not in hidden) for row in rows if row[-1] is None]
    _print_rows([c for i, c in enumerate(columns) if i not in hidden], loaded, form)
    for row in rows:
        if row[-1] is not None:
            out.print(f"{row[0]}　拒收 {row[1]}：{row[-1]}", markup=False, highlight=False, soft_wrap=True)


# -- publication -----------------------------------------------------------------------------------------------------


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

    with _progress("发布…"):
        done = steps.publish(
            _day(as_of), Home.from_environment(), audience=audience, grant=tuple(grant or ()), county=county
        )
    p = done.publication
    if form is not Format.table:
        values = (str(p.path), p.version, p.written, p.kept, p.rows, p.bytes, round(p.seconds, 2))
        _print_rows(["path", "version", "written", "kept", "rows", "bytes", "seconds"], [values], form)
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
    with _progress("核查…"):
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

    with _progress("追溯…"):
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
    _print_rows(columns, rows, form)


# -- safety --------------------------------------------------------------------------------------------------------


@app.command(epilog="例：`xtcredit rollback --to 128`")
def rollback(
    to: Annotated[
        int, typer.Option("--to", metavar="SNAPSHOT", help="回退到哪个快照，见 history --snapshots")
    ],
    form: FormatOption = Format.table,
) -> None:
    """把数据退回到某个快照的样子：一个事务完成，记作一个新快照，历史不改，因此还可以再退回来。

    **退回的**　有效行、台账、各库、考核结果、批次与隔离登记、月报表申报、号码库。**不动的**　收到的原文件、拒收流水、
    目录与参照表、已发的通报、身份标识密钥。退掉的批次可重新 ingest，结果与当初入库的一样。

    **可以放心退的**　入库、整合、考核之后的任一快照。**不要退的**　两次目录改动之间（列有减少的会拒绝）；通报已发出的期次，
    退后重算会与发出的不同。退完运行 integrate 与 assess，再 verify；正在运行的采集任务宜先暂停。
    """
    from transforms import steps

    with _progress("回退…"):
        result = steps.rollback(to, Home.from_environment())
    if form is not Format.table:
        rows = [(result.snapshot, to, len(result.tables), "；".join(result.batches))]
        _print_rows(["snapshot", "to", "tables", "batches"], rows, form)
        return
    out.print(f"已退回快照 {to} 的内容，记作快照 {result.snapshot}；改了 {len(result.tables)} 张表。")
    for batch in result.batches:
        out.print(f"批次有变　{batch}", markup=False, highlight=False, soft_wrap=True)


@app.command("rotate-vault", epilog="例：`xtcredit rotate-vault`")
def rotate_vault() -> None:
    """更换号码库密钥：号码库和封存的原文件全部重新封存，新密钥写到 secrets/vault.key，请另行保管。

    旧密钥销毁后，以往快照和备份中的号码原文就再也打不开；查询、考核、发布不受影响。
    """
    from transforms import steps

    with _progress("重新封存…"):
        values, files = steps.rotate_vault(Home.from_environment())
    out.print(
        f"已用新密钥封存 {values} 个值、{files} 个原文件。请另行保管 secrets/vault.key，并销毁旧密钥。",
        soft_wrap=True,
    )


@app.command(epilog="例：`xtcredit backup /backup/xtcredit`")
def backup(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="备份目录，应在另一块磁盘")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="连身份标识密钥一起备份；拿到备份的人就能由号码算出假名")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """备份：目录库、数据文件、原文件、通报与检查结果。只复制新的内容，入库可照常进行；每个文件写后读回核对。

    默认不含身份标识密钥（secrets/identity.key）：没有它个人的假名无法再算，请另行保管，或用 --with-key。
    """
    from transforms import steps

    with _progress("备份…"):
        r = steps.backup(to, Home.from_environment(), with_key=with_key)
    if form is not Format.table:
        names = ["backup", "snapshot", "files", "bytes", "copied_files", "copied_bytes", "seconds"]
        values = (r.name, r.snapshot, r.files, r.bytes, r.copied_files, r.copied_bytes, round(r.seconds, 2))
        _print_rows(names, [values], form)
        return
    out.print(
        f"备份 {r.name}：快照 {r.snapshot}，{r.files} 个文件 {r.bytes:,} 字节，"
        f"其中新复制 {r.copied_files} 个 {r.copied_bytes:,} 字节，用时 {r.seconds:.1f} 秒。",
        soft_wrap=True,
    )
    if not with_key:
        out.print("未含身份标识密钥，请另行保管 secrets/identity.key。", style="yellow", soft_wrap=True)


@app.command(epilog="例：`XTCREDIT_HOME=/data/xtcredit xtcredit restore /backup/xtcredit`")
def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="备份目录")],
    name: Annotated[str | None, typer.Option("--backup", help="哪一份备份，默认最新的")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="只补回现有数据目录中丢失或损坏的数据文件与原文件，其余不动")
    ] = False,
) -> None:
    """恢复到一个空的数据目录（XTCREDIT_HOME），逐个文件核对摘要；中断了可再运行。恢复后运行 verify。

    备份不含密钥时，先把另行保管的 identity.key 放到 secrets/，或设置 XTCREDIT_IDENTITY_KEY；不是那一把则拒绝。
    """
    from transforms import steps

    home = Home.from_environment()
    if missing:
        with _progress("核对并补回…"):
            paths = steps.restore_missing(source, home)
        for path in paths:
            print(path)
        out.print(f"补回 {len(paths)} 个文件。")
        return
    with _progress("恢复…"):
        r = steps.restore(source, home, name=name)
    out.print(
        f"已恢复备份 {r.name}（快照 {r.snapshot}）：{r.files} 个文件 {r.bytes:,} 字节，用时 {r.seconds:.1f} 秒。"
        "接着运行 xtcredit verify。",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
