"""What a library's declaration comes to in SQL: its columns, their types and where their values come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.errors import UserError
from catalog.library import Attribute, Library
from catalog.loader import Catalog
from catalog.types import TYPES, org_code, registration_no

OWN_COLUMNS: dict[str, tuple[str, str]] = {
    "subject_key": (
        "VARCHAR",
        "主体标识（uscc: 统一社会信用代码，org: 组织机构代码，reg: 注册号，person: 身份号码的带密钥散列）",
    ),
    "sources": ("VARCHAR", "各属性现值的来源目录（JSON：属性 → 目录标识）"),
    "records": ("BIGINT", "归于该主体的台账记录数（全部目录）"),
    "items": ("VARCHAR[]", "该主体有记录的目录"),
    "first_period": ("VARCHAR", "首次出现的期次"),
    "last_period": ("VARCHAR", "最近出现的期次"),
    "county_code": ("VARCHAR", "所属县（市、区）代码；130500 为市本级"),
    "conflict_count": ("BIGINT", "来源之间取值不一致的属性数（明细见 lib.conflict）"),
}
"""Columns every library has beside its attributes: type and Chinese comment."""


@dataclass(frozen=True)
class Source:
    """A column of an item's records."""

    item: str
    field: str


@dataclass(frozen=True)
class Column:
    """An attribute of a library with its SQL type; `sources` in order of trust."""

    name: str
    title: str
    storage: str
    conflict: bool
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Plan:
    """A library ready to be built."""

    library: Library
    columns: tuple[Column, ...]

    @property
    def table(self) -> str:
        return f"lib.{self.library.id}"

    @property
    def qualified(self) -> str:
        return f'lib."{self.library.id}"'

    @property
    def footprint(self) -> str:
        """Whose records count for it: an opt-in library's own, or `public`, what all others share."""
        return self.library.id if self.library.opt_in else "public"

    @property
    def layout(self) -> dict[str, str]:
        """Columns of the table with their SQL types, in order."""
        own = {name: kind for name, (kind, _) in OWN_COLUMNS.items()}
        return {"subject_key": own.pop("subject_key"), **{c.name: c.storage for c in self.columns}, **own}


@dataclass(frozen=True)
class Claim:
    """A further identifier that an item of registrations states beside the subject's USCC."""

    item: str
    field: str
    prefix: str
    form: str


def resolve(catalog: Catalog, library: Library) -> Plan:
    """The plan of a library; raises `UserError` where it names items, fields or types it cannot."""
    for member in library.items:
        if member not in catalog.items:
            raise _error(
                catalog, library, f"成员目录“{member}”不存在", "改成已有目录的标识（xtcredit catalog list）"
            )
    return Plan(library, tuple(_column(catalog, library, attribute) for attribute in library.attributes))


def _column(catalog: Catalog, library: Library, attribute: Attribute) -> Column:
    if attribute.name in OWN_COLUMNS:
        raise _error(catalog, library, f"属性名“{attribute.name}”是系统列名", "换一个属性名")
    sources: list[Source] = []
    storages: set[str] = set()
    for text in attribute.sources:
        item_id, _, name = text.partition(".")
        item = catalog.items.get(item_id)
        field = next((f for f in item.fields if f.name == name), None) if item else None
        if field is None:
            raise _error(
                catalog,
                library,
                f"属性“{attribute.name}”的来源“{text}”不存在",
                "写成 目录.字段，两者都须在目录中",
            )
        if TYPES[field.type].private:
            raise _error(
                catalog, library, f"属性“{attribute.name}”取自证件号码“{text}”", "删去；主体标识已是其散列"
            )
        if any(source.item == item_id for source in sources):
            raise _error(
                catalog, library, f"属性“{attribute.name}”从目录“{item_id}”取值两次", "每个目录只列一个字段"
            )
        sources.append(Source(item_id, name))
        storages.add(TYPES[field.type].storage)
    if len(storages) != 1:
        raise _error(
            catalog,
            library,
            f"属性“{attribute.name}”的各来源类型不一致（{'、'.join(sorted(storages))}）",
            "只列同类型的字段",
        )
    return Column(attribute.name, attribute.title, storages.pop(), attribute.conflict, tuple(sources))


def claims(catalog: Catalog) -> Iterator[Claim]:
    """Identifiers beside the USCC, as stated by the registrars: members of the organisations' base libraries.

    Other items name them too, but at second hand: a number mistyped in a permit ties nobody to a judgment.
    """
    registers = (
        lib for lib in catalog.libraries.values() if lib.kind == "base" and lib.subject == "organisation"
    )
    for item_id in sorted({member for library in registers for member in library.members}):
        subject = catalog.items[item_id].subject
        if subject.uscc and subject.org_code:
            yield Claim(item_id, subject.org_code, "org", org_code.SHAPE)
        if subject.uscc and subject.registration_no:
            yield Claim(item_id, subject.registration_no, "reg", registration_no.SHAPE)


def household_sources(catalog: Catalog) -> list[Source]:
    """Where a person's household division is found: sources of the person library's `household_division`."""
    found: list[Source] = []
    for library in catalog.libraries.values():
        if library.kind != "base" or library.subject != "person":
            continue
        plan = resolve(catalog, library)
        for source in (s for c in plan.columns if c.name == "household_division" for s in c.sources):
            rules = catalog.items[source.item].county
            if not any(rule.by == "division" and rule.field == source.field for rule in rules):
                raise _error(
                    catalog,
                    library,
                    f"户籍区划的来源“{source.item}.{source.field}”不参与该目录的属地判定",
                    f"在该目录的 county 中写 {{by: division, field: {source.field}}}",
                )
            found.append(source)
    return found


def household_items(catalog: Catalog) -> list[str]:
    """Items whose records may be attributed by the household of the person."""
    return sorted(
        item.id for item in catalog.items.values() if any(rule.by == "household" for rule in item.county)
    )


def column_comments(library: Library) -> dict[str, str]:
    """Chinese comment of every column of `lib.<id>`, for `COMMENT ON COLUMN`."""
    own = {name: comment for name, (_, comment) in OWN_COLUMNS.items()}
    return {"subject_key": own.pop("subject_key"), **{a.name: a.title for a in library.attributes}, **own}


def _error(catalog: Catalog, library: Library, what: str, remedy: str) -> UserError:
    path = catalog.paths.get(library.id)
    return UserError(
        what, where=f"{path.parent.name}/{path.name}" if path else f"库 {library.id}", remedy=remedy
    )
