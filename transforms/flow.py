"""What each step reads and writes, by name: the edges of the data's way, from the catalog and the tables' declarations.

Names are those of the places below the home (`landing/<item>`) and of the lake's tables (`rec.<item>`); no file's name is
among them. `dags/settings/lineage.py` tells them to whoever follows the warehouse by OpenLineage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from catalog.loader import Catalog
from catalog.model import Item
from transforms.assess.tables import MARTS
from transforms.integrate.plan import resolve
from transforms.integrate.tables import library_tables
from warehouse.schema import REFERENCE, Columns, fixed_tables, record_table

_TABLE = re.compile(r"\b(?:core|ops)\.[a-z_]+\b")
LEDGER = "core.record"
INBOX, LAKE, BACKUP, REPORTS, DATA_DOCS = "inbox", "lake", "backup", "reports", "data_docs"


@dataclass(frozen=True)
class Flow:
    """What a step reads and what it writes."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def item_flow(step: str, item: Item) -> Flow:
    """Of a step that one item's DAG runs."""
    return _OF_AN_ITEM[step](item)


def city_flow(step: str, catalog: Catalog) -> Flow:
    """Of a step that is about all items at once."""
    return _OF_ALL[step](catalog)


def landing(item: Item) -> str:
    return f"landing/{item.id}"


def staged(item: Item) -> str:
    return f"staged/{item.id}"


def _sources(item: Item) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"source/{source.connection}" for source in item.sources))


def _extract(item: Item) -> Flow:
    return Flow((INBOX, *_sources(item)), (landing(item),))


def _stage(item: Item) -> Flow:
    return Flow((landing(item),), (staged(item),))


def _judge(item: Item) -> Flow:
    history = (_name(record_table(item)), "ops.batch") if item.delivery == "replaces" else ("ops.batch",)
    return Flow((staged(item), *history), (DATA_DOCS,))


def _load(item: Item) -> Flow:
    kept = (table for table in fixed_tables() if "batch_id" in (name for name, _, _ in table.columns))
    return Flow((staged(item),), (_name(record_table(item)), *_names(kept)))


def _acknowledge(item: Item) -> Flow:
    return Flow((landing(item), "ops.quarantine", "ops.ignored"), _sources(item))


def _integrate(catalog: Catalog) -> Flow:
    read = sorted({item for library in catalog.libraries.values() for item in library.items})
    plans = [resolve(catalog, library) for _, library in sorted(catalog.libraries.items())]
    records = _names(record_table(catalog.items[item]) for item in read)
    # Whose county the household register decides, the ledger is told.
    return Flow((LEDGER, *records), (*_names(library_tables(plans)), LEDGER))


def _declare(catalog: Catalog) -> Flow:
    return Flow((INBOX,), ("ops.declaration",))


def _assess(catalog: Catalog) -> Flow:
    return Flow((*_named_in("assess"), *_names(REFERENCE)), _names(MARTS))


def _report(catalog: Catalog) -> Flow:
    return Flow((*_named_in("report"), *_names(MARTS)), (REPORTS,))


def _publish(catalog: Catalog) -> Flow:
    shown = map(record_table, catalog.shown)
    libraries = (f"lib.{library.id}" for library in catalog.libraries.values() if not library.opt_in)
    named = (*_named_in("publish"), *_names(shown), *libraries, *_names(MARTS), *_names(REFERENCE))
    return Flow(named, ("publish/public",))


def _nothing_new(catalog: Catalog) -> Flow:
    return Flow((LAKE,))


def _maintain(catalog: Catalog) -> Flow:
    return Flow((LAKE,), (LAKE,))


def _backup(catalog: Catalog) -> Flow:
    return Flow((LAKE,), (BACKUP,))


def _restore_drill(catalog: Catalog) -> Flow:
    return Flow((BACKUP, LAKE))


_OF_AN_ITEM: dict[str, Callable[[Item], Flow]] = {
    "extract": _extract,
    "stage": _stage,
    "judge": _judge,
    "load": _load,
    "acknowledge": _acknowledge,
}
_OF_ALL: dict[str, Callable[[Catalog], Flow]] = {
    "integrate": _integrate,
    "verify": _nothing_new,
    "declare": _declare,
    "assess": _assess,
    "report": _report,
    "publish": _publish,
    "maintain": _maintain,
    "backup": _backup,
    "restore_drill": _restore_drill,
}


def _name(table: Columns) -> str:
    return f"{table.schema}.{table.name}"


def _names(tables: Iterable[Columns]) -> tuple[str, ...]:
    return tuple(map(_name, tables))


@cache
def _named_in(package: str) -> tuple[str, ...]:
    """The tables of the ledger and the log of batches that a package's statements name."""
    texts = (
        path.read_text("utf-8")
        for path in sorted((Path(__file__).parent / package).rglob("*"))
        if path.suffix in (".sql", ".py")
    )
    there = {*_names(fixed_tables()), "core.link", "core.identity"}
    return tuple(sorted(there & {found for text in texts for found in _TABLE.findall(text)}))
