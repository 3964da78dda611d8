"""`xtcredit catalog`: what is owed, and how it must look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.errors import UserError
from warehouse.home import Home
from xtcredit.chinese import App
from xtcredit.parameters import FormatOption, ItemArgument
from xtcredit.printing import Format, out, print_line, print_rows

app = App(help="公共信用信息目录：列出、查看、检查、起草、出模板。")


@app.command("list", epilog="例：`xtcredit catalog list`")
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
    print_rows(["编号", "标识", "名称", "来源部门", "频率", "共享属性", "数据项"], rows, form)


@app.command("show", epilog="例：`xtcredit catalog show enterprise_registration`")
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
    print_rows(["数据项", "名称", "含义", "必填", "单位/代码表/长度", "其他表头"], rows, form)


@app.command("check", epilog="例：`xtcredit catalog check`")
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
            print_line(str(finding))
    if findings:
        raise UserError(f"目录有 {len(findings)} 处问题", remedy="按上面各行改正后再检查")
    if form is Format.table:
        out.print("目录无误。", style="green")


@app.command(
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


@app.command(epilog="例：`xtcredit catalog template enterprise_registration --out 企业登记.xlsx`")
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


@app.command(epilog="例：`xtcredit catalog dictionary --out 数据字典`")
def dictionary(to: Annotated[Path, typer.Option("--out", help="写到哪个文件夹")]) -> None:
    """生成数据字典：一个网页，可查找目录、数据项、代码表与各表的列。"""
    from catalog.loader import load_catalog
    from transforms.dictionary import write_dictionary

    print(write_dictionary(load_catalog(), to))
