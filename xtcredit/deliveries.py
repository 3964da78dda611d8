"""Deliveries: made up, taken in, judged again, tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.errors import PassingError, UserError
from catalog.period import Period
from warehouse.home import Home, opted_in
from xtcredit.chinese import App
from xtcredit.parameters import ConfirmOption, FormatOption, ItemArgument, PeriodOption
from xtcredit.printing import Format, out, print_line, print_rows, progress, tell

app = App()

if TYPE_CHECKING:
    from transforms.preview import Preview


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
    with progress("正在生成样例文件…"):
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
        with progress("预览…"):
            previews = steps.preview(found.id, str(month), home, file=file, confirm_ends=confirm_ends)
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
    faults: list[str] = []
    results: list[tuple[Any, ...]] = []
    for manifest in manifests:
        try:
            with progress("解析…"):
                staged = steps.stage(manifest, home)
            with progress("评判…"):
                verdict = steps.judge(staged, home, confirm_ends=confirm_ends)
            with progress("入库…"):
                r = steps.load_result(verdict, home)
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
            faults.append(str(error) if isinstance(error, PassingError) else f"拒收：{error}")
            continue
        try:
            steps.acknowledge(verdict, home)
        except UserError as error:
            faults.append(f"批次 {r.batch_id} 已入库，回执没有写成：{error}")
    if results:
        print_rows(
            ["批次", "上报", "新增", "更新", "重复", "隔离", "其中搁置", "忽略", "状态"], results, form
        )
    for line in faults[:-1]:
        tell(line)
    if faults:
        raise UserError(faults[-1])


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
            print_line(line)


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
    with progress("重新评判…"):
        replayed = steps.replay(found.id, str(month), home, confirm_ends=confirm_ends)
    if form is Format.json:
        print(json.dumps([r.model_dump(mode="json") for r in replayed], ensure_ascii=False))
    elif form is Format.csv:
        raise UserError("重新评判的结果没有 CSV 形式", where="--format", remedy="写 table 或 json")
    else:
        for line in (line for r in replayed for line in r.lines()):
            print_line(line)
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
        with progress("试读…"):
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
        print_rows(["数据项", "规则", "处理", "行数", "说明", "例（行号：原值）"], rows, form)
    for finding in trial.findings:
        if not finding.success:
            out.print(
                f"{'不合格' if finding.level == 'fail' else '提醒'}：{finding.message}（{finding.observed}）",
                markup=False,
            )
