"""Writes the data dictionary as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from catalog import describe
from catalog.codes import CodeList
from catalog.examples import examples
from catalog.library import Library
from catalog.loader import Catalog, Department
from catalog.model import Field, Item
from catalog.types import TYPES
from transforms.assess.tables import MARTS
from transforms.html import render_page
from transforms.integrate.plan import resolve
from transforms.integrate.tables import library_tables
from transforms.template import rule_messages
from warehouse.schema import LINEAGE, Columns, record_table, schema_tables

PAGE = Path(__file__).parent / "templates" / "dictionary.html"
SCHEMAS: dict[str, str] = {
    "ops": "运行：批次、隔离行、问题、检查结果",
    "ref": "参照：目录、数据项、部门、区划、代码表",
    "core": "台账：每条记录一行，及其归并",
    "lib": "信息库：由目录声明的各库与其来源",
    "mart": "考核：归集进度、目标与排名",
    "vault": "号码库（限权）：个人号码只在此处",
}
KINDS: dict[str, str] = {"base": "基础库", "group": "重点人群库", "industry": "重点行业库"}


@dataclass(frozen=True)
class FieldEntry:
    """A field as the dictionary shows it; `comment` is that of its column in the lake."""

    field: Field
    comment: str
    meaning: str
    storage: str
    limits: str
    required: str
    share: str
    example: str
    headers: tuple[str, ...]
    codes: CodeList | None


@dataclass(frozen=True)
class ItemEntry:
    """An item as the dictionary shows it."""

    item: Item
    table: Columns
    department: Department
    library: str
    facts: tuple[tuple[str, str], ...]
    fields: tuple[FieldEntry, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True)
class LibraryEntry:
    """A library with its table and what its attributes are taken from."""

    library: Library
    table: Columns
    sources: dict[str, tuple[tuple[str, str], ...]]
    """Attribute -> (item id, `item title · field title`) in order of trust."""


def dictionary_tables(catalog: Catalog) -> tuple[Columns, ...]:
    """Every table of the lake with its columns, types and comments, as the dictionary states them."""
    return (*schema_tables(catalog), *_library_tables(catalog), *MARTS)


def write_dictionary(catalog: Catalog, folder: Path) -> Path:
    """Write `dictionary.html` into `folder`: items, libraries, code lists and fixed tables, with a search box.

    The page needs nothing beside itself. The same catalog gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dictionary.html"
    path.write_text(render(catalog), encoding="utf-8", newline="\n")
    return path


def render(catalog: Catalog) -> str:
    """The page's text."""
    items = [_item_entry(item, catalog) for item in sorted(catalog.items.values(), key=lambda i: i.code)]
    own = {f"rec.{item.id}" for item in catalog.items.values()} | {
        f"lib.{name}" for name in catalog.libraries
    }
    fixed = [t for t in dictionary_tables(catalog) if f"{t.schema}.{t.name}" not in own]
    return render_page(
        PAGE,
        version=catalog.version,
        items=items,
        titles={item.id: item.title for item in catalog.items.values()},
        by_department=_grouped((entry.department.full_name, entry) for entry in items),
        by_library=_grouped((entry.library, entry) for entry in items),
        libraries=_library_entries(catalog),
        kinds=KINDS,
        lists=[catalog.lists[name] for name in sorted(catalog.lists)],
        schemas=[(name, title, [t for t in fixed if t.schema == name]) for name, title in SCHEMAS.items()],
        lineage=LINEAGE,
    )


def _item_entry(item: Item, catalog: Catalog) -> ItemEntry:
    table = record_table(item)
    comments = {name: comment for name, _, comment in table.columns}
    shown = examples(catalog, item)
    return ItemEntry(
        item=item,
        table=table,
        department=catalog.departments[item.department],
        library=describe.library_title(item, catalog),
        facts=tuple((name, text) for name, text in _facts(item, catalog) if text),
        fields=tuple(_field_entry(f, item, catalog, comments[f.name], shown) for f in item.fields),
        rules=tuple(rule_messages(item, catalog)),
    )


def _facts(item: Item, catalog: Catalog) -> Iterable[tuple[str, str]]:
    titles = {field.name: field.title for field in item.fields}
    yield "英文名称", item.english
    yield "法定依据", describe.basis_text(item)
    yield "提供单位", item.owner.provider
    role = describe.ROLES[item.provision.role]
    yield "报送责任", f"{role}，自{item.provision.since}起；{item.provision.reason}"
    yield "频率", describe.frequency_title(item)
    yield "期限", describe.due_text(item)
    yield "共享属性", describe.share_title(item)
    yield "保存期限", item.retention
    yield "信息类别", describe.category_title(item)
    yield "归入的库", describe.library_title(item, catalog)
    yield "主体", describe.SUBJECT_KINDS[item.subject.kind]
    yield "关键项", describe.key_text(item)
    yield "属地", describe.county_text(item)
    yield "记录终止", f"“{titles[item.expires]}”" if item.expires else ""
    yield "停止归集", item.end or ""
    yield "其他格式", "、".join(fmt.title for fmt in item.formats)
    yield "不读的列", "、".join(item.ignore)


def _field_entry(
    field: Field, item: Item, catalog: Catalog, comment: str, shown: dict[str, str]
) -> FieldEntry:
    kind = TYPES[field.type]
    readers = [f.title for f in item.fields if f.name == field.same_column_as]
    meaning = (kind.title, kind.hint, field.note, *(f"与“{title}”同取一列" for title in readers))
    return FieldEntry(
        field=field,
        comment=comment,
        meaning="；".join(filter(None, meaning)),
        storage=kind.storage,
        limits="；".join(filter(None, (field.unit and f"单位：{field.unit}", describe.bounds_text(field)))),
        required=describe.required_text(field, item, catalog),
        share=describe.share_title(item, field),
        example=shown.get(field.name, ""),
        headers=field.headers,
        codes=catalog.code_list(field),
    )


def _library_entries(catalog: Catalog) -> list[LibraryEntry]:
    tables = {table.name: table for table in _library_tables(catalog)}
    order = list(KINDS)
    declared = sorted(catalog.libraries.values(), key=lambda lib: (order.index(lib.kind), lib.id))
    return [
        LibraryEntry(
            library,
            tables[library.id],
            {
                attribute.name: tuple(_source(text, catalog) for text in attribute.sources)
                for attribute in library.attributes
            },
        )
        for library in declared
    ]


def _source(text: str, catalog: Catalog) -> tuple[str, str]:
    item_id, _, name = text.partition(".")
    item = catalog.items[item_id]
    return item_id, f"{item.title}·{item.field(name).title}"


def _library_tables(catalog: Catalog) -> tuple[Columns, ...]:
    return library_tables([resolve(catalog, library) for _, library in sorted(catalog.libraries.items())])


def _grouped(pairs: Iterable[tuple[str, ItemEntry]]) -> dict[str, list[ItemEntry]]:
    groups: dict[str, list[ItemEntry]] = {}
    for name, entry in pairs:
        groups.setdefault(name, []).append(entry)
    return groups
