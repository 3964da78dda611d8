"""What is wrong with code lists, libraries and the tables of departments, divisions and weights."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from catalog.codes import CodeList
from catalog.correction import Corrections
from catalog.errors import UserError
from catalog.library import Library
from catalog.loader import Catalog, Finding
from catalog.model import (
    Field,
)
from catalog.period import Period
from catalog.source import Source
from catalog.types import TYPES


def list_findings(code_list: CodeList, source: Source) -> Iterator[Finding]:
    """Codes and spellings that stand for two things."""
    meanings: dict[str, str] = {}
    codes: set[str] = set()
    if not code_list.codes:
        yield Finding(source.path, source.line("codes"), "代码表是空的", "至少写一个代码")
    for i, code in enumerate(code_list.codes):
        if code.code in codes:
            yield Finding(source.path, source.line("codes", i), f"代码“{code.code}”写了两次", "合并为一条")
        codes.add(code.code)
        for spelling in dict.fromkeys((code.code, code.title, *code.accept)):
            other = meanings.setdefault(spelling, code.code)
            if other != code.code:
                yield Finding(
                    source.path,
                    source.line("codes", i),
                    f"写法“{spelling}”既是“{other}”又是“{code.code}”",
                    "只留给其中一个代码",
                )


def library_findings(library: Library, source: Source, catalog: Catalog) -> Iterator[Finding]:
    """Members that cannot belong to the library, sources of attributes that are none or do not fit together."""

    def at(what: str, remedy: str, *keys: str | int) -> Finding:
        return Finding(source.path, source.line(*keys), what, remedy)

    if library.subject == "any" and library.kind != "industry":
        yield at("基础库与重点人群库须写明主体是机构还是自然人", "写 organisation 或 person", "subject")
    for key in ("members", "feeds"):
        for i, member in enumerate(getattr(library, key)):
            item = catalog.items.get(member)
            if item is None:
                yield at(f"成员目录“{member}”不存在", "改成已有目录的标识（xtcredit catalog list）", key, i)
            elif library.subject == "person" and item.subject.person is None:
                yield at(
                    f"成员目录“{member}”没有自然人的证件号码",
                    "自然人库的成员须在 subject 中写 person",
                    key,
                    i,
                )
            elif library.subject == "organisation" and not item.subject.codes:
                yield at(
                    f"成员目录“{member}”没有机构代码", "机构库的成员须在 subject 中写 uscc 等代码", key, i
                )
    for i, member in enumerate(library.feeds):
        if member in library.members:
            yield at(f"目录“{member}”既是 members 又是 feeds", "删去其一", "feeds", i)
    seen: set[str] = set()
    for i, attribute in enumerate(library.attributes):
        if attribute.name in seen:
            yield at(f"属性“{attribute.name}”写了两次", "合并或改名", "attributes", i)
        seen.add(attribute.name)
        origins: list[Field] = []
        items: set[str] = set()
        for j, text in enumerate(attribute.sources):
            keys = ("attributes", i, "sources", j)
            item_id, _, name = text.partition(".")
            item = catalog.items.get(item_id)
            found = next((f for f in item.fields if f.name == name), None) if item else None
            if found is None:
                yield at(f"来源“{text}”不存在", "写成 目录.数据项，两者都须在目录中", *keys)
                continue
            if item_id in items:
                yield at(f"属性“{attribute.name}”从目录“{item_id}”取值两次", "每个目录只列一个数据项", *keys)
            items.add(item_id)
            if found.type not in TYPES:
                continue
            if TYPES[found.type].private:
                yield at(f"来源“{text}”是证件号码", "删去；主体标识已是其散列", *keys)
            if origins and (found.type, found.list, found.unit) != (
                origins[0].type,
                origins[0].list,
                origins[0].unit,
            ):
                yield at(
                    f"来源“{text}”的类型、代码表或单位与“{attribute.sources[0]}”不同",
                    "只列同类的数据项",
                    *keys,
                )
            origins.append(found)


def correction_findings(corrections: Corrections, source: Source, catalog: Catalog) -> Iterator[Finding]:
    """Corrections of what does not exist, and such as undo each other."""

    def at(what: str, remedy: str, *keys: str | int) -> Finding:
        return Finding(*source.place(*keys), what, remedy)

    item = catalog.items.get(corrections.id)
    if item is None:
        yield at(f"目录“{corrections.id}”不存在", "文件名与 id 写目录标识", "id")
        return
    seen: set[str] = set()
    for i, each in enumerate(corrections.corrections):
        keys = ("corrections", i)
        if each.id in seen:
            yield at(f"更正“{each.id}”写了两次", "改用另一个 id", *keys, "id")
        seen.add(each.id)
        known = next((f for f in item.fields if f.name == each.field), None)
        if known is None:
            yield at(f"数据项“{each.field}”不存在", "改成该目录某项的 name", *keys, "field")
        elif known.type in TYPES and TYPES[known.type].private:
            yield at(f"“{known.title}”是证件号码，不得代为更正", "退回报送单位改正", *keys, "field")
        if each.department not in catalog.departments:
            yield at(f"部门“{each.department}”不在部门表中", "写部门标识", *keys, "department")
        if each.division not in {row.code for row in catalog.divisions.rows}:
            yield at(f"区划“{each.division}”不在区划表中", "写六位区划代码", *keys, "division")
        if each.find == each.replace:
            yield at("更正前后相同", "删去这一条", *keys, "replace")
        for key in ("since", "until"):
            value = getattr(each, key)
            if value is not None:
                try:
                    Period.parse(value)
                except UserError:
                    yield at(f"期次“{value}”不是有效的年月", "写成 YYYY-MM", *keys, key)
        try:
            date.fromisoformat(each.noticed)
        except ValueError:
            yield at(f"发现日期“{each.noticed}”不是日期", "写成 YYYY-MM-DD", *keys, "noticed")


def table_findings(root: Path, catalog: Catalog) -> Iterator[Finding]:
    """Departments are named once; divisions and targets refer to divisions that are in the table."""
    names: dict[str, str] = {}
    ids: set[str] = set()
    for path, line, row in _rows(root / "reference" / "departments.csv"):
        if row["id"] in ids:
            yield Finding(path, line, f"部门标识“{row['id']}”写了两次", "合并为一行")
        ids.add(row["id"])
        for name in dict.fromkeys(
            filter(None, (row["id"], row["name"], row["full_name"], *row["aliases"].split("|")))
        ):
            other = names.setdefault(name, row["id"])
            if other != row["id"]:
                yield Finding(path, line, f"“{name}”既是部门“{other}”又是“{row['id']}”", "只留给其中一个部门")
    for path, line, row in _rows(root / "reference" / "departments.csv"):
        for member in filter(None, row["members"].split("|")):
            if member not in ids or catalog.departments[member].members:
                yield Finding(path, line, f"“{member}”不是一个部门", "members 只列本表中的单个部门")
    codes = {row.code for row in catalog.divisions.rows}
    for path, line, row in _rows(root / "reference" / "divisions.csv"):
        above = [row["parent"]] if row["level"] != "city" else []
        for code in filter(None, (*above, *row["successors"].split("|"))):
            if code not in codes:
                yield Finding(
                    path, line, f"区划“{code}”不在区划表中", "补上该区划，或改正 parent、successors"
                )
    for table in sorted((root / "targets").glob("*.csv")):
        for path, line, row in _rows(table):
            if row["code"] not in codes:
                yield Finding(
                    path, line, f"区划“{row['code']}”不在区划表中", "改成 reference/divisions.csv 中的代码"
                )


def _rows(path: Path) -> Iterator[tuple[Path, int, dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield path, reader.line_num, row
