"""What the rows of a period show, item by item: how full they are, whether they came in time, and odd patterns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from catalog.calendar import reporting_deadline
from catalog.loader import Catalog
from catalog.model import SUBJECT, Condition, Format, Item
from catalog.period import Period
from catalog.scoring import Scoring
from catalog.types.base_sql import quote
from warehouse.lake import Present, present_tables

if TYPE_CHECKING:
    import duckdb

_LEAST_COMPARED = 3
"""Fields beside the key that two rows must share before their likeness says anything."""


def measure_rows(tx: duckdb.DuckDBPyConnection, catalog: Catalog, period: Period, scoring: Scoring) -> None:
    """Make the temporary tables `assess_filled`, `assess_timed` and `assess_pattern`, per batch of the period."""
    batches = tx.execute(
        "SELECT item_id, format FROM ops.batch WHERE period = ? GROUP BY ALL ORDER BY ALL", [str(period)]
    ).fetchall()
    present = present_tables(tx)
    known = [
        (catalog.items[item_id], fmt)
        for item_id, fmt in batches
        if item_id in catalog.items and f"rec.{item_id}" in present and item_id not in catalog.apart
    ]
    items = list({item.id: item for item, _ in known}.values())
    _fill(
        tx,
        "assess_filled(batch_id VARCHAR, expected BIGINT, filled BIGINT, records BIGINT, linked BIGINT)",
        (_filled(item, fmt) for item, fmt in known),
        period,
    )
    _deadlines(tx, items, period, scoring)
    _fill(
        tx,
        "assess_timed(batch_id VARCHAR, timed BIGINT, in_time BIGINT)",
        (_timed(item) for item in items if item.due.after),
        period,
    )
    _founded(tx, catalog, present)
    first = str(period.shift(-scoring.flags.renewed_months))
    _fill(
        tx,
        "assess_pattern(flag VARCHAR, batch_id VARCHAR, item_id VARCHAR, rows BIGINT, of_rows BIGINT, row_number BIGINT)",
        (" UNION ALL ".join(_patterns(item, first)) for item in items),
        period,
    )
    tx.execute(
        "INSERT INTO assess_pattern SELECT 'test_name', batch_id, item_id, count(*), count(*), min(row_number)"
        " FROM ops.quarantine ANTI JOIN ref.apart USING (item_id) WHERE period = ? AND rule = 'no_test_data' GROUP BY ALL",
        [str(period)],
    )


def counted_fields(item: Item, fmt: Format | None) -> list[str]:
    """The fields that 完整率 counts: those the format has, without remarks and what is required only sometimes."""
    return [
        field.name
        for field in item.fields
        if field.change and not isinstance(field.required, Condition) and not item.lacks(field.name, fmt)
    ]


def _fill(tx: duckdb.DuckDBPyConnection, table: str, selects: Iterator[str], period: Period) -> None:
    """The rows of the selects, of which there is one per item: all at once they would have to share the memory."""
    tx.execute(f"CREATE OR REPLACE TEMP TABLE {table}")
    for select in selects:
        tx.execute(f"INSERT INTO {table.partition('(')[0]} {select}", {"period": str(period)})


def _filled(item: Item, fmt: str | None) -> str:
    fields = counted_fields(item, item.format(fmt) if fmt else None)
    filled = " + ".join(f'count("{name}")' for name in fields) or "0"
    shape = f"format = {quote(fmt)}" if fmt else "format IS NULL"
    return (
        f'SELECT batch_id, count(*) * {len(fields)}, {filled}, count(*), count(subject_key) FROM rec."{item.id}" SEMI JOIN'
        f" (SELECT batch_id FROM ops.batch WHERE item_id = {quote(item.id)} AND period = $period AND {shape})"
        " USING (batch_id) WHERE period = $period GROUP BY batch_id"
    )


def _deadlines(tx: duckdb.DuckDBPyConnection, items: list[Item], period: Period, scoring: Scoring) -> None:
    """`assess_deadline`: for every day of a decision in the data and every term, the last day to report it."""
    tx.execute("CREATE OR REPLACE TEMP TABLE assess_deadline(day DATE, working_days INTEGER, due_on DATE)")
    for item in items:
        term = item.due.working_days
        if item.due.after is None or term is None:
            continue
        days = tx.execute(
            f'SELECT DISTINCT "{item.due.after}" FROM rec."{item.id}" WHERE period = ? AND "{item.due.after}" IS NOT NULL'
            " EXCEPT SELECT day FROM assess_deadline WHERE working_days = ?",
            [str(period), term],
        ).fetchall()
        rows = [
            (day, term, reporting_deadline(day, term, count_decision_day=scoring.count_decision_day))
            for (day,) in days
        ]
        if rows:
            tx.executemany("INSERT INTO assess_deadline VALUES (?, ?, ?)", rows)


def _timed(item: Item) -> str:
    """New records of the period by the batch that first brought them, and whether that was in time."""
    return f"""
        SELECT batch_id, count(*), count(*) FILTER (xt_delivered_on(batch.delivery, batch.received_at) <= deadline.due_on)
        FROM (
            SELECT record_key, batch_id, "{item.due.after}" AS day FROM rec."{item.id}"
            SEMI JOIN (SELECT record_key FROM core.record WHERE item_id = {quote(item.id)} AND first_period = $period) USING (record_key)
            WHERE period = $period
            QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY delivery, row_number) = 1
        )
        JOIN ops.batch AS batch USING (batch_id)
        JOIN assess_deadline AS deadline USING (day)
        WHERE deadline.working_days = {item.due.working_days} AND deadline.due_on IS NOT NULL
        GROUP BY batch_id"""


def _founded(tx: duckdb.DuckDBPyConnection, catalog: Catalog, present: Present) -> None:
    """`assess_founded`: the day on which each subject came to be, as far as the libraries know it."""
    known = " UNION ALL ".join(
        f'SELECT subject_key, "{attribute.name}" AS founded_on FROM lib."{library.id}"'
        for library in catalog.libraries.values()
        for attribute in library.attributes
        if attribute.founding and f"lib.{library.id}" in present
    )
    tx.execute("CREATE OR REPLACE TEMP TABLE assess_founded(subject_key VARCHAR, founded_on DATE)")
    if known:
        tx.execute(
            f"INSERT INTO assess_founded SELECT subject_key, min(founded_on) FROM ({known}) WHERE founded_on IS NOT NULL GROUP BY ALL"
        )


def _patterns(item: Item, first: str) -> Iterator[str]:
    """Rows whose contents are known under another key, one name throughout, names that are numbered, acts upon somebody who
    was not there yet.
    """
    mine = quote(item.id)
    key = {item.subject.name if name == SUBJECT else name for name in item.key}
    compared = [f.name for f in item.fields if f.change and f.name not in key]
    if len(compared) >= _LEAST_COMPARED:
        columns = ", ".join(f'"{name}"' for name in compared)
        # Grouped and joined: windows over the same rows take four times as long.
        yield f"""
        FROM (
            WITH record AS MATERIALIZED (
                SELECT record_key, unnest(arg_min({{'batch_id': batch_id, 'row_number': row_number, 'content': hash({columns}), 'came': came}}, came))
                FROM (SELECT *, {{'period': period, 'delivery': delivery, 'row_number': row_number}} AS came FROM rec."{item.id}")
                WHERE period BETWEEN '{first}' AND $period GROUP BY record_key
            ),
            known AS (SELECT content, arg_min(record_key, came) AS record_key FROM record GROUP BY content HAVING count(*) > 1)
            SELECT 'renewed', batch_id, {mine}, count(known.content), count(*), min(row_number) FILTER (known.content IS NOT NULL)
            FROM record LEFT JOIN known ON known.content = record.content AND known.record_key <> record.record_key
            WHERE came.period = $period GROUP BY batch_id HAVING count(known.content) > 0
        )"""
    name = item.subject.name
    yield f"""
        SELECT 'constant', batch_id, {mine}, max(n), sum(n)::BIGINT, min_by(line, (-n, line))
        FROM (SELECT batch_id, count(*) AS n, min(row_number) AS line FROM rec."{item.id}" WHERE period = $period AND "{name}" IS NOT NULL GROUP BY batch_id, "{name}")
        GROUP BY batch_id HAVING max(n) > 1"""
    yield f"""
        SELECT 'sequential', batch_id, {mine}, count(*) FILTER (follows), count(*), min(row_number) FILTER (follows)
        FROM (
            SELECT batch_id, row_number, coalesce(stem = lag(stem) OVER rows AND number = lag(number) OVER rows + 1, false) AS follows
            FROM (
                SELECT batch_id, row_number, regexp_replace("{name}", '[0-9]+[^0-9]*$', '') AS stem,
                    try_cast(regexp_extract("{name}", '([0-9]+)[^0-9]*$', 1) AS BIGINT) AS number
                FROM rec."{item.id}" WHERE period = $period
            )
            WINDOW rows AS (PARTITION BY batch_id ORDER BY row_number)
        )
        GROUP BY batch_id HAVING count(*) FILTER (follows) > 0"""
    acted = item.due.after or (item.publicity and item.publicity.from_)
    if acted:
        yield f"""
        SELECT 'before_founding', batch_id, {mine}, count(*), count(*), min(row_number)
        FROM rec."{item.id}" JOIN assess_founded USING (subject_key)
        WHERE period = $period AND "{acted}" < founded_on GROUP BY batch_id"""
