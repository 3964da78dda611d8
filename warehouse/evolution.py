"""How the table of an item follows a change of the catalog: columns added, renamed, widened; never one lost.

Batches loaded before keep what they hold. What would lose or reinterpret it is refused, by `catalog check` and by whoever opens the lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from catalog.model import Item
from catalog.types import TYPES

_WIDER = {
    ("INTEGER", "BIGINT"),
    ("INTEGER", "DECIMAL(18,6)"),
    ("BIGINT", "DECIMAL(18,6)"),
    ("INTEGER", "VARCHAR"),
    ("BIGINT", "VARCHAR"),
    ("DECIMAL(18,6)", "VARCHAR"),
    ("DATE", "VARCHAR"),
}
"""Changes of a column's type that keep every value."""


@dataclass(frozen=True)
class Change:
    """One step from the table that is there to the table that shall be."""

    kind: Literal["add", "rename", "widen"]
    column: str
    type: str
    before: str = ""
    """The old name of a renamed column."""


@dataclass(frozen=True)
class Loss:
    """A change that cannot be made: what would be lost, and what to write instead."""

    field: str
    what: str
    remedy: str


def changes(item: Item, lineage: Mapping[str, str], present: Mapping[str, str]) -> Iterator[Change | Loss]:
    """Steps that bring `present` (column -> type) to the item; `lineage` are the columns every item has."""
    wanted = {f.name: TYPES[f.type].storage for f in item.kept_fields}
    left = dict(present)
    for name, kind in (*lineage.items(), *wanted.items()):
        former = [old for old in _former(item, name) if old in left and old not in wanted]
        if name not in left and former:
            yield Change("rename", name, left[former[0]], former[0])
            left[name] = left.pop(former[0])
        if name not in left:
            yield Change("add", name, kind)
        elif left[name] != kind:
            if (left[name], kind) in _WIDER:
                yield Change("widen", name, kind)
            else:
                yield Loss(
                    name,
                    f"“{name}”由 {left[name]} 改为 {kind}，已存的值无法保全",
                    "另立一个数据项，把旧项写进 retired",
                )
        left.pop(name, None)
    for name in sorted(left):
        yield Loss(
            name,
            f"湖中有数据项“{name}”而目录中没有，已存的值将失去含义",
            "改了名的，在新项写 renamed_from；不再归集的，写进 retired",
        )


def renamed(item: Item) -> dict[str, str]:
    """Names that fields of the item had before, with those they have now; a name that another field bears by now is not among them."""
    taken = {named.name for named in item.kept_fields}
    return {old: f.name for f in item.fields for old in f.renamed_from if old not in taken}


def _former(item: Item, name: str) -> tuple[str, ...]:
    """Earlier names of a field, the latest first."""
    return next((tuple(reversed(f.renamed_from)) for f in item.fields if f.name == name), ())
