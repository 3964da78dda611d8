"""The load: one transaction that replaces exactly one batch and brings the ledger up to it.

What a row *is* follows from the data alone. In delivery order (period, delivery, row number) the first row of a record
is new; a row with the content of the record's current version, or older than it by source time, is a duplicate; any
other is an update. So a batch that arrives late also changes what later batches' rows are, and their counts with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import Item
from catalog.types.base_sql import quote
from warehouse.batch import Delivery, StagedBatch, Verdict
from warehouse.commits import LOAD, REFUSED
from warehouse.datafiles import add_data_file, new_data_file
from warehouse.ends import settle_ends
from warehouse.home import Home
from warehouse.lake import Lake, present_tables
from warehouse.schema import Columns, ensure_schema, fixed_tables, record_table
from warehouse.vault import allow_sealing

_DAWN = "TIMESTAMP '0001-01-01'"
_LEDGER = (
    "subject_key",
    "identity_rule",
    "local_county_code",
    "local_county_rule",
    "division_code",
    "first_period",
    "last_period",
    "versions",
    "content_hash",
    "status",
    "batch_id",
    "row_number",
)
_HISTORY = (
    "record_key, period, delivery, row_number, content_hash, source_time, batch_id,"
    " subject_key, identity_rule, county_code, county_rule, division_code"
)


@dataclass(frozen=True)
class LoadResult:
    """The rows of a loaded batch, as `ops.batch` has them."""

    batch_id: str
    read: int
    new: int
    updated: int
    duplicate: int
    quarantined: int
    set_aside: int
    ignored: int
    status: str

    @property
    def accepted(self) -> int:
        return self.new + self.updated


def load_batch(lake: Lake, catalog: Catalog, verdict: Verdict) -> LoadResult:
    """Replace the batch in the lake; rolled back as a whole unless every row is accounted for.

    A batch whose staged files are gone because an earlier attempt had committed is answered from `ops.batch`. Raises
    `UserError` if they are damaged, or gone and nothing was committed, or if the catalog has changed since.
    """
    ensure_schema(lake, catalog)
    batch = verdict.batch
    if not batch.parquet("staged").exists():
        return _already_loaded(lake, batch)
    if batch.catalog_version != catalog.version:
        raise UserError(
            "这一批是按改动前的目录解析的", where=batch.folder, remedy="从 stage 步骤起重跑这一批"
        )
    batch.check()
    item = catalog.item(batch.delivery.item_id)
    file = _lake_file(batch, lake.home) if batch.counts.valid else None
    with lake.exclusive() as transaction:
        allow_sealing(lake)  # under the lock: who waited for a rotation must not seal with the key of before
        with transaction(f"{LOAD}{batch.delivery.batch_id}") as tx:
            _Load(tx, item, verdict, datetime.now(UTC).replace(tzinfo=None), file).run()
            result = _result(tx, batch)
    remove_staged(batch)
    return result


@contextmanager
def rehearse(lake: Lake, catalog: Catalog, verdict: Verdict) -> Iterator[LoadResult]:
    """Load a batch into copies of the rows it touches; the lake is read only, and may be of another catalog or empty.

    Inside, the connection has the touched records before (`lake.rec.*`, `lake.core.record`, where the lake has them) and
    after (`rehearsal.rec.*`, `rehearsal.core.record`), their keys in `rehearsed`, and `rehearsal.ops.batch` with all
    batches of the item. All of it is gone afterwards.
    """
    item = catalog.item(verdict.batch.delivery.item_id)
    batch_id = quote(verdict.batch.delivery.batch_id)
    record = record_table(item)
    allow_sealing(lake)
    lake.execute("ATTACH ':memory:' AS rehearsal")
    try:
        with lake.reading():
            tx = lake.connection
            known = present_tables(tx)
            staged = f"read_parquet({quote(str(verdict.batch.parquet('staged')))})"
            tx.execute(
                f"CREATE OR REPLACE TEMP TABLE rehearsed AS SELECT record_key FROM {staged}"
                + (
                    f" UNION SELECT record_key FROM lake.{record.qualified} WHERE batch_id = {batch_id}"
                    if f"rec.{item.id}" in known
                    else ""
                )
            )
            mine = f"WHERE item_id = {quote(item.id)}"
            touched = "SEMI JOIN rehearsed USING (record_key)"
            copied = {
                "core.record": f"{touched} {mine}",
                f"rec.{item.id}": touched,
                "ops.batch": mine,
            }
            tx.execute("USE rehearsal")
            for table in (*fixed_tables(), record):
                name = f"{table.schema}.{table.name}"
                tx.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
                tx.execute(f"CREATE TABLE {table.definition}")
                if name in copied and name in known:
                    columns = _both(table, known[name])
                    tx.execute(
                        f"INSERT INTO {table.qualified} ({columns}) SELECT {columns} FROM lake.{table.qualified} {copied[name]}"
                    )
            _Load(tx, item, verdict, datetime.now(UTC).replace(tzinfo=None)).run()
            yield _result(tx, verdict.batch)
    finally:
        lake.execute("USE lake")
        lake.execute("DETACH rehearsal")


def _lake_file(batch: StagedBatch, home: Home) -> Path:
    """The staged rows under a name of their own among the lake's files; a load that does not commit leaves it to `maintain`,
    for who is told of a failed commit cannot know that it failed.
    """
    d = batch.delivery
    path = new_data_file(home, f"rec.{d.item_id}", f"period={d.period}")
    try:
        path.hardlink_to(batch.parquet("staged"))
    except OSError:  # the lake lies on another file system
        shutil.copyfile(batch.parquet("staged"), path)
    return path


def _both(table: Columns, present: Container[str]) -> str:
    return ", ".join(f'"{name}"' for name, _, _ in table.columns if name in present)


def _already_loaded(lake: Lake, batch: StagedBatch) -> LoadResult:
    found = lake.scalar(
        "SELECT count(*) FROM ops.batch WHERE batch_id = ? AND sha256 = ? AND catalog_version = ?",
        [batch.delivery.batch_id, batch.delivery.sha256, batch.catalog_version],
    )
    if not found:
        raise UserError(
            "暂存的批次已不在，且没有入库", where=batch.folder, remedy="从 stage 步骤起重跑这一批"
        )
    return _result(lake.connection, batch)


def _result(tx: duckdb.DuckDBPyConnection, batch: StagedBatch) -> LoadResult:
    row = tx.execute(
        "SELECT batch_id, rows_read, rows_new, rows_updated, rows_duplicate, rows_quarantined, rows_set_aside, rows_ignored, status"
        " FROM ops.batch WHERE batch_id = ?",
        [batch.delivery.batch_id],
    ).fetchone()
    assert row is not None
    return LoadResult(*row)


class _Load:
    """The statements of one load, in order."""

    def __init__(
        self,
        tx: duckdb.DuckDBPyConnection,
        item: Item,
        verdict: Verdict,
        now: datetime,
        lake_file: Path | None = None,
    ) -> None:
        """`lake_file` are the staged rows where the lake may keep them; without it they are copied into its tables."""
        self.tx = tx
        self.lake_file = lake_file
        self.item = item
        self.verdict = verdict
        self.batch = verdict.batch
        self.delivery = verdict.batch.delivery
        self.now = now
        self.rec = f'rec."{item.id}"'
        self.id = quote(self.delivery.batch_id)
        self.staged = f"read_parquet({quote(str(self.batch.parquet('staged')))})"

    def run(self) -> None:
        # All tables change in one transaction, so a batch that is not registered has left no row in any of them.
        self.replacing = self._any(f"ops.batch WHERE batch_id = {self.id}")
        self._touched()
        later = self._later()
        before = self._outcomes_by_batch("before", later)
        self._replace_rows()
        self._history()
        after = self._outcomes_by_batch("after", later)
        if later:
            self._shift_later_counts(before, after)
        self._ledger()
        self._replace_details()
        self._replace_batch()
        settle_ends(self.tx, self.item)
        self._rectify()

    def _touched(self) -> None:
        """Records of the batch as it was and as it comes."""
        before = f" UNION SELECT record_key FROM {self.rec} WHERE period = {quote(self.delivery.period)} AND batch_id = {self.id}"
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT record_key FROM {self.staged}{before if self.replacing else ''}"
        )

    def _later(self) -> bool:
        """Whether deliveries that follow this one have rows of the touched records (a batch that comes late)."""
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE touched_later AS SELECT DISTINCT record_key FROM {self.rec} SEMI JOIN touched USING (record_key)"
            f" WHERE period >= {quote(self.delivery.period)}"
            f" AND (period, delivery) > ({quote(self.delivery.period)}, {quote(self.delivery.delivery)})"
        )
        return self._any("touched_later")

    def _outcomes_by_batch(self, name: str, later: bool) -> str:
        """Outcomes of the other batches' rows of `touched_later`, counted per batch."""
        if later:
            rows = f"SELECT {_HISTORY} FROM {self.rec} SEMI JOIN touched_later USING (record_key)"
            self.tx.execute(
                f"CREATE OR REPLACE TEMP TABLE outcomes_{name} AS SELECT batch_id, {_counted()} FROM ({_classified(rows)})"
                f" WHERE batch_id <> {self.id} GROUP BY batch_id"
            )
        return f"outcomes_{name}"

    def _shift_later_counts(self, before: str, after: str) -> None:
        self.tx.execute(
            f"""
            UPDATE ops.batch SET
                rows_new = rows_new + delta.new, rows_updated = rows_updated + delta.updated,
                rows_duplicate = rows_duplicate + delta.duplicate, rows_accepted = rows_accepted + delta.new + delta.updated
            FROM (
                SELECT batch_id, a.new - b.new AS new, a.updated - b.updated AS updated, a.duplicate - b.duplicate AS duplicate
                FROM {after} a JOIN {before} b USING (batch_id) WHERE a <> b
            ) delta
            WHERE ops.batch.batch_id = delta.batch_id"""
        )

    def _replace_rows(self) -> None:
        d = self.delivery
        if self.replacing:
            self.tx.execute(
                f"DELETE FROM {self.rec} WHERE period = {quote(d.period)} AND batch_id = {self.id}"
            )
        if self.lake_file is None:
            self.tx.execute(f"INSERT INTO {self.rec} BY NAME FROM {self.staged}")
        else:
            # What has no column is a field that the catalog has retired.
            add_data_file(self.tx, f"rec.{self.item.id}", self.lake_file)

    def _history(self) -> None:
        """`classified`: what the rows of the touched records are. Most records have a single row, which is new; unless it may be
        an earlier batch's whose copy in this one is gone, it is left in the staged file and `lone` is its relation.
        """
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE several AS SELECT record_key FROM {self.rec} SEMI JOIN touched USING (record_key)"
            " GROUP BY record_key HAVING count(*) > 1"
        )
        several = f"SELECT {_HISTORY} FROM {self.rec} SEMI JOIN several USING (record_key)"
        classified = f"SELECT {_HISTORY}, outcome FROM ({_classified(several)})"
        if self.replacing:
            classified += (
                f" UNION ALL SELECT {_HISTORY}, 'new' FROM {self.rec} SEMI JOIN touched USING (record_key)"
                " ANTI JOIN several USING (record_key)"
            )
        self.tx.execute(f"CREATE OR REPLACE TEMP TABLE classified AS {classified}")
        self.lone = f"{self.staged} ANTI JOIN several USING (record_key) WHERE {not self.replacing}"

    def _ledger(self) -> None:
        """Bring `core.record` to the history: only records that differ are rewritten."""
        item = quote(self.item.id)
        self.tx.execute(
            """
            CREATE OR REPLACE TEMP TABLE ledger AS
            SELECT record_key, v.subject_key, v.identity_rule, v.county_code AS local_county_code, v.county_rule AS local_county_rule,
                v.division_code, first_period, v.period AS last_period, versions, v.content_hash, 'active' AS status, v.batch_id, v.row_number
            FROM (
                SELECT record_key, min(period) AS first_period, count(*) FILTER (outcome <> 'duplicate') AS versions,
                    arg_max(classified, (period, delivery, row_number)) FILTER (outcome <> 'duplicate') AS v
                FROM classified GROUP BY record_key
            )"""
        )
        same = " AND ".join(f"r.{name} IS NOT DISTINCT FROM l.{name}" for name in _LEDGER)
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE unchanged AS SELECT l.record_key FROM ledger l"
            f" JOIN core.record r ON r.item_id = {item} AND r.record_key = l.record_key WHERE {same}"
        )
        self.tx.execute(
            f"DELETE FROM core.record WHERE item_id = {item} AND record_key IN"
            f" (SELECT record_key FROM {'touched' if self.replacing else 'several'} ANTI JOIN unchanged USING (record_key))"
        )
        columns = ", ".join(_LEDGER)
        self.tx.execute(
            f"INSERT INTO core.record (item_id, record_key, county_code, county_rule, {columns})"
            f" SELECT {item}, record_key, local_county_code, local_county_rule, {columns}"
            f" FROM (SELECT record_key, {columns} FROM ledger ANTI JOIN unchanged USING (record_key)"
            " UNION ALL SELECT record_key, subject_key, identity_rule, county_code, county_rule, division_code, period, period, 1,"
            f" content_hash, 'active', batch_id, row_number FROM {self.lone})"
        )

    def _replace_details(self) -> None:
        """Quarantine, issues, ignored rows, expectations and the vault's part of the batch."""
        given = {"batch_id": self.id, "item_id": quote(self.item.id), "period": quote(self.delivery.period)}
        for table, file in (
            ("ops.quarantine", "quarantine"),
            ("ops.issue", "issue"),
            ("ops.ignored", "ignored"),
            ("vault.quarantine", "vault_quarantine"),
        ):
            self._clear(table)
            keep = {k: v for k, v in given.items() if k != "period" or not table.startswith("vault.")}
            named = ", ".join(f"{value} AS {name}" for name, value in keep.items())
            source = f"read_parquet({quote(str(self.batch.parquet(file)))})"
            columns = "*" if table != "vault.quarantine" else f"* REPLACE (xt_seal(raw, {self.id}) AS raw)"
            self.tx.execute(f"INSERT INTO {table} BY NAME SELECT {named}, {columns} FROM {source}")
        self._clear("vault.identifier")
        numbers = f"read_parquet({quote(str(self.batch.parquet('vault_identifier')))})"
        self.tx.execute(
            f"INSERT INTO vault.identifier BY NAME SELECT {self.id} AS batch_id, {given['item_id']} AS item_id,"
            f" pseudonym, xt_seal(number, pseudonym) AS number FROM {numbers}"
        )
        self._clear("ops.expectation")
        findings = [
            (f.check, f.field, f.level, int(f.success), f.observed, f.message) for f in self.verdict.findings
        ]
        marks = ", ".join("(?, ?, ?, ?, ?, ?)" for _ in findings)
        if findings:
            self.tx.execute(
                f"INSERT INTO ops.expectation SELECT {', '.join(given.values())}, * FROM (VALUES {marks})",
                [value for finding in findings for value in finding],
            )

    def _clear(self, table: str) -> None:
        if self.replacing:
            self.tx.execute(
                f"DELETE FROM {table} WHERE item_id = {quote(self.item.id)} AND batch_id = {self.id}"
            )

    def _replace_batch(self) -> None:
        """The batch's own line, and the sum that must hold before anything is committed."""
        counts, d = self.batch.counts, self.delivery
        row = self.tx.execute(
            f"SELECT new + (SELECT count(*) FROM {self.lone}), updated, duplicate"
            f" FROM (SELECT {_counted()} FROM classified WHERE batch_id = {self.id})"
        ).fetchone()
        assert row is not None
        new, updated, duplicate = row
        if counts.read != new + updated + duplicate + counts.quarantined + counts.ignored:
            raise RuntimeError(
                f"rows unaccounted for in {d.batch_id}: read {counts.read}, new {new}, updated {updated}, duplicate {duplicate},"
                f" quarantined {counts.quarantined}, ignored {counts.ignored}"
            )
        self._clear("ops.batch")
        values: dict[str, object] = {
            "batch_id": d.batch_id, "item_id": d.item_id, "period": d.period, "delivery": d.delivery, "division": d.division,
            "department": d.department, "source_file": d.source_file, "sha256": d.sha256,
            "received_at": datetime.fromisoformat(d.received_at), "format": self.batch.format,
            "rows_read": counts.read, "rows_accepted": new + updated, "rows_new": new, "rows_updated": updated, "rows_duplicate": duplicate,
            "rows_quarantined": counts.quarantined, "rows_set_aside": counts.set_aside, "rows_ignored": counts.ignored,
            "status": self.verdict.status, "catalog_version": self.batch.catalog_version, "loaded_at": self.now,
        }  # fmt: skip
        marks = ", ".join("?" for _ in values)
        self.tx.execute(
            f"INSERT INTO ops.batch ({', '.join(values)}) VALUES ({marks})", list(values.values())
        )

    def _rectify(self) -> None:
        """What closes the provider's quarantined rows: the next row of the same record that it sent and that was taken; of a
        row that names no record, the same row of the whole file sent again.
        """
        d, item = self.delivery, quote(self.item.id)
        division = "NULL" if d.division is None else quote(d.division)
        mine = f"item_id = {item} AND department = {quote(d.department)} AND division IS NOT DISTINCT FROM {division}"
        # Rows of a batch that is gone or was judged anew must go, too: they are found by the table's own columns.
        self.tx.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE provided AS
            SELECT batch_id, period, rows_read, row_number() OVER (ORDER BY period, delivery) AS place,
                xt_delivered_on(delivery, received_at) AS day
            FROM ops.batch WHERE {mine}"""
        )
        self.tx.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE questioned AS
            SELECT q.batch_id, q.row_number, q.record_key, p.period, p.place, p.day, p.rows_read
            FROM ops.quarantine AS q JOIN provided AS p USING (batch_id)
            WHERE q.item_id = {item} AND q.level = 'quarantine'"""
        )
        if not self._any("questioned") and not self._any(f"ops.rectification WHERE {mine}"):
            return
        self.tx.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE rectified AS
            WITH answers AS (
                SELECT q.batch_id, q.row_number, 'record' AS matched_by, p.place, p.day, r.batch_id AS closed_batch_id,
                    r.row_number AS closed_row_number
                FROM questioned AS q
                JOIN {self.rec} AS r ON r.record_key = q.record_key
                JOIN provided AS p ON p.batch_id = r.batch_id
                WHERE p.place > q.place
                UNION ALL
                SELECT q.batch_id, q.row_number, 'row', p.place, p.day, r.batch_id, r.row_number
                FROM questioned AS q
                JOIN provided AS p ON p.period = q.period AND p.place > q.place AND p.rows_read = q.rows_read
                JOIN {self.rec} AS r ON r.batch_id = p.batch_id AND r.row_number = q.row_number
                WHERE q.record_key IS NULL
            ),
            first AS (
                SELECT batch_id, row_number, arg_min(answers, (place, closed_row_number)) AS answer
                FROM answers GROUP BY batch_id, row_number
            )
            SELECT {item} AS item_id, q.period, q.batch_id, q.row_number, {quote(d.department)} AS department,
                {division}::VARCHAR AS division, q.day AS found_on, answer.matched_by, answer.closed_batch_id,
                answer.closed_row_number, answer.day AS closed_on, (answer.day - q.day)::INTEGER AS days
            FROM questioned AS q LEFT JOIN first USING (batch_id, row_number)"""
        )
        names = "item_id, period, batch_id, row_number, department, division, found_on, matched_by, closed_batch_id, closed_row_number, closed_on, days"
        old, new = f"SELECT {names} FROM ops.rectification WHERE {mine}", f"SELECT {names} FROM rectified"
        if self._any(f"(({old}) EXCEPT ({new}))") or self._any(f"(({new}) EXCEPT ({old}))"):
            self.tx.execute(f"DELETE FROM ops.rectification WHERE {mine}")
            self.tx.execute(f"INSERT INTO ops.rectification BY NAME {new} ORDER BY batch_id, row_number")

    def _any(self, relation: str) -> bool:
        row = self.tx.execute(f"SELECT count(*) FROM {relation}").fetchone()
        return bool(row and row[0])


def _classified(rows: str) -> str:
    """`rows` with `outcome`: what each row is, given all rows of its record before it in delivery order."""
    return f"""
        SELECT *, CASE
            WHEN current IS NULL THEN 'new'
            WHEN current.content_hash = content_hash OR coalesce(source_time, {_DAWN}) < current.source_time THEN 'duplicate'
            ELSE 'updated' END AS outcome
        FROM (
            SELECT *, arg_max({{'content_hash': content_hash, 'source_time': coalesce(source_time, {_DAWN})}},
                {{'time': coalesce(source_time, {_DAWN}), 'place': place}}) OVER (
                PARTITION BY record_key ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS current
            FROM (SELECT *, row_number() OVER (PARTITION BY record_key ORDER BY period, delivery, row_number) AS place FROM ({rows}))
        )"""


def _counted() -> str:
    return ", ".join(f"count(*) FILTER (outcome = '{o}') AS {o}" for o in ("new", "updated", "duplicate"))


def remove_staged(batch: StagedBatch) -> None:
    """Drop the staged files of a loaded batch: they hold personal numbers in clear.

    `staged` goes first: where it is missing the batch counts as loaded, wherever a kill interrupts the rest.
    """
    batch.parquet("staged").unlink(missing_ok=True)
    for path in Path(batch.folder).glob("*.parquet"):
        path.unlink(missing_ok=True)


def record_refusal(lake: Lake, delivery: Delivery, step: str, message: str) -> None:
    """Add a line to `ops.outcome`, the log of files that did not become batches; no part of the state."""
    d = delivery
    with lake.transaction(f"{REFUSED}{d.batch_id}") as tx:
        _record_outcome(tx, d.batch_id, d.item_id, d.period, step, d.source_file, d.sha256, message)


def record_unclaimed(lake: Lake, period: str, files: Mapping[str, str], message: str) -> None:
    """Add a line to `ops.outcome` for each file of the inbox that no item takes, once as long as its contents are the same;
    `files` are SHA-256 by name.
    """
    known = set(
        lake.execute(
            "SELECT source_file, sha256 FROM ops.outcome WHERE period = ? AND step = 'inbox'", [period]
        ).fetchall()
    )
    new = sorted(files.items() - known)
    if new:
        with lake.transaction(f"{REFUSED}inbox {period}") as tx:
            for name, sha256 in new:
                _record_outcome(tx, f"inbox/{period}/{name}", None, period, "inbox", name, sha256, message)


def _record_outcome(tx: duckdb.DuckDBPyConnection, *line: str | None) -> None:
    tx.execute(
        "INSERT INTO ops.outcome (batch_id, item_id, period, step, source_file, sha256, message, success, occurred_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        [*line, datetime.now(UTC).replace(tzinfo=None)],
    )
