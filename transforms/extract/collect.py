"""All that an item's departments delivered for a period: what lies in the inbox, and what its sources give."""

from __future__ import annotations

from collections.abc import Iterator
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

    `into` is another home to land them in. Landing the same bytes again changes nothing. Raises `UserError`, and
    `PassingError` when a source does not answer.
    """
    found = extract_drop(item, period, home, into)
    for source in item.sources:
        found += _from(source, item, period, into or home, connections(source.connection))
    return sorted(found, key=lambda manifest: Delivery.from_file(manifest).delivery)


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
