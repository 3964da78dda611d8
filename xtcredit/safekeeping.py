"""Keeping the data safe: going back, keys, backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from catalog.errors import UserError
from warehouse.home import Home
from xtcredit.chinese import App
from xtcredit.parameters import FormatOption
from xtcredit.printing import Format, out, print_line, print_rows, progress

app = App()


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

    with progress("回退…"):
        result = steps.rollback(to, Home.from_environment())
    if form is not Format.table:
        rows = [(result.snapshot, to, len(result.tables), "；".join(result.batches))]
        print_rows(["snapshot", "to", "tables", "batches"], rows, form)
        return
    out.print(f"已退回快照 {to} 的内容，记作快照 {result.snapshot}；改了 {len(result.tables)} 张表。")
    for batch in result.batches:
        print_line(f"批次有变　{batch}")


@app.command("rotate-vault", epilog="例：`xtcredit rotate-vault`")
def rotate_vault() -> None:
    """更换号码库密钥：号码库和封存的原文件全部重新封存，新密钥写到 secrets/vault.key，请另行保管。

    旧密钥销毁后，以往快照和备份中的号码原文就再也打不开；查询、考核、发布不受影响。
    """
    from transforms import steps

    with progress("重新封存…"):
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

    with progress("备份…"):
        r = steps.backup(to, Home.from_environment(), with_key=with_key)
    if form is not Format.table:
        names = ["backup", "snapshot", "files", "bytes", "copied_files", "copied_bytes", "seconds"]
        values = (r.name, r.snapshot, r.files, r.bytes, r.copied_files, r.copied_bytes, round(r.seconds, 2))
        print_rows(names, [values], form)
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
    if missing and name is not None:
        raise UserError(
            "--missing 在全部备份中找，不能限于一份",
            where="--backup",
            remedy="去掉 --backup，或去掉 --missing",
        )
    if missing:
        with progress("核对并补回…"):
            paths = steps.restore_missing(source, home)
        for path in paths:
            print(path)
        out.print(f"补回 {len(paths)} 个文件。")
        return
    with progress("恢复…"):
        r = steps.restore(source, home, name=name)
    out.print(
        f"已恢复备份 {r.name}（快照 {r.snapshot}）：{r.files} 个文件 {r.bytes:,} 字节，用时 {r.seconds:.1f} 秒。"
        "接着运行 xtcredit verify。",
        soft_wrap=True,
    )
