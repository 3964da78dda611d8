"""Who received a record before its subject's right or its period ended it: publications and look-ups that had it.

Nothing is kept of who received what but the logs: a publication is worked out again from the snapshot and the day it was
made of, a look-up names its records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import Item
from catalog.types.base_sql import quote
from transforms.publish.state import REASONS, current_rows, hide, number_sql, numbers, present_items
from warehouse import lookups, publications
from warehouse.lake import Lake


@dataclass(frozen=True)
class Receipt:
    """One record and one who received it (`recipient` None: nobody did), the first and last time, and in how many versions.

    `changed`: what was received last is not what the record says today.
    """

    item: str
    number: str
    reason: str
    since: date | None
    recipient: str | None
    how: str
    first: str
    last: str
    times: int
    changed: bool


@dataclass(frozen=True)
class _Sent:
    recipient: str
    how: str
    at: str
    record: tuple[str, str]
    content: str


def trace(
    lake: Lake, catalog: Catalog, as_of: date, *, item: str | None, number: str | None, since: date | None
) -> list[Receipt]:
    """Receipts of the records of `item` that bear `number`; without a number, of all that are no longer shown on `as_of`
    (or were put right), since the day `since`. Sorted by record and recipient. Raises `UserError` for a number no record has.
    """
    with lake.at(lake.snapshot_id()) as frozen:
        hide(frozen, catalog, as_of)
        # An objection bears the number of the record it is about, and is none of it.
        wanted = [catalog.item(item)] if item else [i for i in catalog.items.values() if i.process is None]
        records = _numbered(frozen, wanted, number) if number else list(_ended(frozen, wanted, since))
    if number and not records:
        raise UserError("没有这个编号的现行记录", where=number, remedy="核对编号；加目录标识可缩小范围")
    keys = {(r["item_id"], r["record_key"]) for r in records}
    sent: dict[tuple[str, str], dict[tuple[str, str], list[_Sent]]] = {}
    for one in (*_published(lake, catalog, keys), *_looked_up(lake, keys)):
        sent.setdefault(one.record, {}).setdefault((one.recipient, one.how), []).append(one)
    return [
        receipt
        for record in records
        for receipt in _receipts(record, catalog, sent.get((record["item_id"], record["record_key"]), {}))
    ]


def _receipts(
    record: dict[str, Any], catalog: Catalog, sent: dict[tuple[str, str], list[_Sent]]
) -> Iterator[Receipt]:
    title = catalog.items[record["item_id"]].title
    told = (
        title,
        record["number"] or record["record_key"],
        REASONS.get(record["reason"], "现行"),
        record["since"],
    )
    if not sent:
        yield Receipt(*told, None, "", "", "", 0, False)
    for (recipient, how), times in sorted(sent.items()):
        times.sort(key=lambda one: one.at)
        changed = times[-1].content != record["content"]
        yield Receipt(*told, recipient, how, times[0].at, times[-1].at, len(times), changed)


def _named(item: Item) -> str:
    return ", ".join(f'v."{name}"' for name in numbers(item)) or "NULL"


def _rows(lake: Lake, item: Item, join: str) -> list[dict[str, Any]]:
    return lake.rows(
        f"""SELECT r.item_id, r.record_key::VARCHAR AS record_key, concat_ws('、', {_named(item)}) AS number,
            r.content_hash::VARCHAR AS content, h.reason, h.since
        FROM {current_rows(item)} {join} ORDER BY number, record_key"""
    )


def _numbered(lake: Lake, items: list[Item], number: str) -> list[dict[str, Any]]:
    present = present_items(lake)
    found = []
    for item in items:
        if item.id in present and numbers(item):
            asked = number_sql(quote(number))
            borne = [number_sql(f'v."{name}"') for name in numbers(item)]
            bears = " OR ".join(f"{each} = {asked}" for each in borne)
            found += _rows(
                lake,
                item,
                f"LEFT JOIN xt_acted h ON h.item_id = r.item_id AND h.record_key = r.record_key WHERE {bears}",
            )
    return found


def _ended(lake: Lake, items: list[Item], since: date | None) -> Iterator[dict[str, Any]]:
    present = {name for (name,) in lake.execute("SELECT DISTINCT item_id FROM xt_acted").fetchall()}
    # A record that its provider took back bears no day: it is told whatever the span.
    within = f" AND coalesce(h.since >= DATE '{since}', TRUE)" if since else ""
    for item in items:
        if item.id in present:
            yield from _rows(
                lake,
                item,
                f"JOIN xt_acted h ON h.item_id = r.item_id AND h.record_key = r.record_key{within}",
            )


def _published(lake: Lake, catalog: Catalog, keys: set[tuple[str, str]]) -> Iterator[_Sent]:
    """The publications that had any of the records, worked out from the snapshot and the day each was made of."""
    made: dict[tuple[int, str], list[publications.Published]] = {}
    for entry in publications.entries(lake.home):
        made.setdefault((entry.snapshot, entry.as_of), []).append(entry)
    shown = {item.id for item in catalog.shown}
    wanted = _table(key for key in keys if key[0] in shown)
    for (snapshot, day), entries in made.items() if wanted.num_rows else ():
        with lake.at(snapshot) as then:
            hide(then, catalog, date.fromisoformat(day))
            then.connection.register("xt_wanted", wanted)
            rows = then.execute(
                """SELECT r.item_id, r.record_key::VARCHAR, r.county_code, r.content_hash::VARCHAR FROM core.record r
                SEMI JOIN xt_wanted w ON w.item_id = r.item_id AND w.record_key = r.record_key::VARCHAR
                ANTI JOIN xt_hidden h ON h.item_id = r.item_id AND h.record_key = r.record_key
                WHERE r.status = 'active'"""
            ).fetchall()
        for entry in entries:
            for item, key, county, content in rows:
                if entry.county in (None, county):
                    yield _Sent(entry.audience, "发布", entry.at, (item, key), content)


def _looked_up(lake: Lake, keys: set[tuple[str, str]]) -> Iterator[_Sent]:
    for entry in lookups.entries(lake.home):
        met = keys & set(entry.lookup.records)
        if not met:
            continue
        with lake.at(entry.lookup.snapshot) as then:
            then.connection.register("xt_wanted", _table(met))
            contents = {
                (item, key): content
                for item, key, content in then.execute(
                    """SELECT r.item_id, r.record_key::VARCHAR, r.content_hash::VARCHAR FROM core.record r
                    SEMI JOIN xt_wanted w ON w.item_id = r.item_id AND w.record_key = r.record_key::VARCHAR"""
                ).fetchall()
            }
        for record in sorted(met):
            how = f"核查（{entry.lookup.purpose}，流水第 {entry.seq} 号）"
            yield _Sent(entry.lookup.by, how, entry.at, record, contents[record])


def _table(keys: Any) -> pa.Table:
    listed = sorted(keys)
    return pa.table(
        {
            "item_id": pa.array([item for item, _ in listed], pa.string()),
            "record_key": pa.array([key for _, key in listed], pa.string()),
        }
    )
