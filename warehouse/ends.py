"""Which records have ended: those that their providers' newest full lists no longer have."""

from __future__ import annotations

import duckdb

from catalog.loader import Catalog
from catalog.model import Item
from catalog.types.base_sql import quote


def delivered_otherwise(
    tx: duckdb.DuckDBPyConnection, catalog: Catalog, *, at: int | None = None
) -> list[Item]:
    """Items that the lake knows, or knew `at` a snapshot, as delivered the other way: by full lists, or by what is new."""
    known = "ref.item" if at is None else f"ref.item AT (VERSION => {at})"
    delivery = dict(tx.execute(f"SELECT item_id, delivery FROM {known}").fetchall())
    return [item for item in catalog.items.values() if delivery.get(item.id, item.delivery) != item.delivery]


def settle_ends(tx: duckdb.DuckDBPyConnection, item: Item) -> None:
    """Records that their providers' newest full lists no longer have are ended; those that are back are active again.

    A period's files of one provider together are its list. A quarantined row is on the list, whatever is wrong with it.
    Nothing ends in an item that is not delivered as a full list.
    """
    mine = f"item_id = {quote(item.id)}"
    if item.delivery == "adds":
        ended = f"SELECT record_key, NULL::VARCHAR AS ended_period FROM core.record WHERE {mine} AND status <> 'active'"
    else:
        ended = f"""
            WITH list AS (SELECT batch_id, department, division, period FROM ops.batch WHERE {mine}),
            listed AS (
                SELECT record_key, department, division, max(list.period) AS last
                FROM (
                    SELECT record_key, batch_id FROM rec."{item.id}"
                    UNION ALL
                    SELECT record_key, batch_id FROM ops.quarantine WHERE {mine} AND record_key IS NOT NULL
                ) JOIN list USING (batch_id)
                GROUP BY ALL
            ),
            missing AS (
                SELECT record_key, listed.department, listed.division, min(list.period) FILTER (list.period > last) AS since
                FROM listed JOIN (SELECT DISTINCT department, division, period FROM list) AS list
                    ON list.department = listed.department AND list.division IS NOT DISTINCT FROM listed.division
                GROUP BY ALL
            )
            SELECT record_key, CASE WHEN count(*) = count(since) THEN max(since) END AS ended_period
            FROM missing GROUP BY record_key"""
    tx.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE ends AS
        SELECT e.*
        FROM (SELECT *, CASE WHEN ended_period IS NULL THEN 'active' ELSE 'ended' END AS status FROM ({ended})) AS e
        JOIN core.record AS r USING (record_key)
        WHERE r.{mine} AND (r.status IS DISTINCT FROM e.status OR r.ended_period IS DISTINCT FROM e.ended_period)"""
    )
    found = tx.execute("SELECT count(*) FROM ends").fetchone()
    if found and found[0]:
        tx.execute(
            f"UPDATE core.record AS r SET status = e.status, ended_period = e.ended_period FROM ends AS e"
            f" WHERE r.{mine} AND r.record_key = e.record_key"
        )
