"""Receipts: what became of each row, written back into the department's database where it grants a table for it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from catalog.channel import DatabaseSource
from catalog.types.base_sql import quote
from transforms.extract.connection import Endpoint, Patience
from transforms.extract.database import make_engine, table_named, told
from transforms.stage.pulled import FIRST_ROW
from warehouse.batch import Delivery
from warehouse.lake import Lake
from warehouse.sealed import clear_copy

COLUMNS = ("batch_id", "item_id", "period", "source_id", "status", "code", "message")
_AT_ONCE = 10_000


def write_receipt(source: DatabaseSource, delivery: Delivery, lake: Lake, uri: str) -> Mapping[str, int]:
    """Replace the batch's receipt in the source's table, in one transaction; the rows by status.

    A row is `accepted` (new, updated or known already), `questioned` with the rule's code and message, `set_aside`
    (not this city's or item's), `withdrawn` or `ignored`. Raises `UserError` when the table may not be written, or the
    landed file is sealed and its key is not here.
    """
    assert source.receipt is not None
    endpoint = Endpoint.parse(source.connection, uri)
    engine = make_engine(endpoint, uri)
    table = table_named(source.receipt.table, *COLUMNS)
    counts: Counter[str] = Counter()
    try:
        with (
            tempfile.TemporaryDirectory(dir=lake.home.scratch()) as scratch,
            clear_copy(delivery, lake.home, Path(scratch)) as landed,
        ):
            for attempt in Patience().retrying():
                with attempt, told(endpoint, source.receipt.table), engine.begin() as connection:
                    counts.clear()
                    connection.execute(sa.delete(table).where(table.c.batch_id == delivery.batch_id))
                    for rows in _outcomes(delivery, landed, lake):
                        connection.execute(sa.insert(table), rows)
                        counts.update(row["status"] for row in rows)
    finally:
        engine.dispose()
    return dict(counts)


def _outcomes(delivery: Delivery, landed: Path, lake: Lake) -> Iterator[list[dict[str, str]]]:
    batch = quote(delivery.batch_id)
    cursor = lake.execute(
        f"""
        SELECT {batch} AS batch_id, {quote(delivery.item_id)} AS item_id, {quote(delivery.period)} AS period, source_id,
            CASE WHEN q.level = 'set_aside' THEN 'set_aside' WHEN q.row_number IS NOT NULL THEN 'questioned'
                WHEN g.reason = 'withdrawn' THEN 'withdrawn' WHEN g.row_number IS NOT NULL THEN 'ignored' ELSE 'accepted' END AS status,
            concat_ws('.', nullif(q.field, ''), q.rule) AS code, coalesce(q.message, '') AS message
        FROM (SELECT _source_id AS source_id, file_row_number + {FIRST_ROW} AS row_number
            FROM read_parquet({quote(str(landed))}, file_row_number = true)) landed
        LEFT JOIN (SELECT row_number, level, field, rule, message FROM ops.quarantine WHERE batch_id = {batch}) q USING (row_number)
        LEFT JOIN (SELECT row_number, reason FROM ops.ignored WHERE batch_id = {batch}) g USING (row_number)
        ORDER BY row_number"""
    )
    while rows := cursor.fetchmany(_AT_ONCE):
        yield [dict(zip(COLUMNS, row, strict=True)) for row in rows]
