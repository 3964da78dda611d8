"""All that an item's departments delivered for a period: what lies in the inbox, and what its sources give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from catalog.channel import DatabaseSource, FolderSource, Source
from catalog.model import Item
from catalog.period import Period
from transforms.extract.connection import Connections
from transforms.extract.drop import extract_drop
from warehouse.batch import Delivery
from warehouse.home import Home


def collect(
    item: Item, period: Period, home: Home, connections: Connections, into: Home | None = None
) -> list[Path]:
    """Land every file of the inbox and of the item's sources; the manifests' paths in delivery order.

    `into` is another home to land them in. Landing the same bytes again changes nothing. Different files that call
    themselves the same delivery are landed as refused: a batch is one file, and which would be a matter of the order of
    loading. Raises `UserError`, and `PassingError` when a source does not answer.
    """
    found = extract_drop(item, period, home, into)
    for source in item.sources:
        found += _from(source, item, period, into or home, connections(source.connection))
    by_delivery: dict[str, dict[Path, Delivery]] = {}
    for manifest in sorted(found):
        delivery = Delivery.from_file(manifest)
        by_delivery.setdefault(delivery.delivery, {})[manifest] = delivery
    for same in by_delivery.values():
        if len(same) > 1:
            _refuse(same)
    return [manifest for _, same in sorted(by_delivery.items()) for manifest in same]


def _refuse(same: Mapping[Path, Delivery]) -> None:
    names = "、".join(sorted({delivery.source_file for delivery in same.values()}))
    said = f"{len(same)} 份文件的区划、部门、日期、序号相同而内容不同（{names}）：是同一份的只留一份，不是的改序号"
    for manifest, delivery in same.items():
        delivery.model_copy(update={"refused": said}).to_file(manifest)


def _from(source: Source, item: Item, period: Period, home: Home, uri: str) -> Iterator[Path]:
    """The source's deliveries, landed. The libraries of each kind are imported where an item has one."""
    if isinstance(source, DatabaseSource):
        from transforms.extract.database import pull

        manifest = pull(source, item, period, home, uri)
        yield from [manifest] if manifest else []
    elif isinstance(source, FolderSource):
        from transforms.extract.remote import fetch

        yield from fetch(source, item, period, home, uri)
    else:
        from transforms.extract.http import pull as pull_pages

        manifest = pull_pages(source, item, period, home, uri)
        yield from [manifest] if manifest else []
