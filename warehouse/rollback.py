"""The way back to an earlier snapshot: its contents become the newest snapshot, and history stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from catalog.errors import UserError
from catalog.loader import Catalog
from warehouse.commits import ROLLBACK, ROTATION
from warehouse.datafiles import CATALOG
from warehouse.ends import delivered_otherwise, settle_ends
from warehouse.lake import Lake
from warehouse.schema import settle_names

# References follow the catalog, and the logs of refusals and of what was sent out tell what happened: neither is state.
_STATE = ("rec", "core", "lib", "mart", "vault", "ops")
_LOGS = ("ops.outcome", "ops.publication")


@dataclass(frozen=True)
class RollbackResult:
    """The snapshot that was made, tables that were set back, batches that are no longer loaded or are loaded anew."""

    snapshot: int
    tables: tuple[str, ...]
    batches: tuple[str, ...]


def rollback(lake: Lake, catalog: Catalog, snapshot: int) -> RollbackResult:
    """Set every state table to what it held at `snapshot`, in one transaction.

    Only tables changed since are rewritten; tables that are new since are emptied. Which records have ended, and what
    fields are called, follows the catalog as it is now. Landed files are not touched, so what was loaded since can be loaded again. Raises `UserError` for a snapshot that is not kept, one whose tables have columns that
    are no longer there (the catalog has been changed meanwhile), or whose vault is sealed with an earlier key.
    """
    kept = {
        int(row["snapshot_id"]) for row in lake.rows("SELECT snapshot_id FROM ducklake_snapshots('lake')")
    }
    if snapshot not in kept or snapshot == max(kept):
        raise UserError(
            f"没有可回退到的快照 {snapshot}",
            where="--to",
            remedy="用 xtcredit history --snapshots 查看保留的快照",
        )
    with lake.transaction(f"{ROLLBACK}{snapshot}") as tx:
        if snapshot < (rotated := lake.newest(ROTATION)):
            raise UserError(
                f"快照 {snapshot} 之后换过号码库密钥，那时的号码用现在的密钥打不开",
                where=f"--to {snapshot}",
                remedy=f"回退到快照 {rotated} 或其后；更早入错的批次，用更正文件替换",
            )
        tables = _changed(tx, snapshot)
        otherwise = delivered_otherwise(tx, catalog, at=snapshot)
        before = _batches(tx)
        for number, (table, columns) in enumerate(sorted(tables.items())):
            _set_back(tx, table, columns, snapshot, f"rollback_{number}")
        for item in otherwise:
            settle_ends(tx, item)
        for item in catalog.items.values():
            settle_names(tx, item)
        after = _batches(tx)
    changed = {batch for batch, _ in before.items() ^ after.items()}
    return RollbackResult(lake.snapshot_id(), tuple(sorted(tables)), tuple(sorted(changed)))


def _batches(tx: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(tx.execute("SELECT batch_id, sha256 FROM ops.batch").fetchall())


def _changed(tx: duckdb.DuckDBPyConnection, snapshot: int) -> dict[str, list[str] | None]:
    """State tables with rows written or deleted since, each with its columns at the snapshot; None: not there yet."""
    written = tx.execute(
        f"""
        WITH touched AS (
            SELECT unnest(string_split(changes_made, ',')) AS change FROM {CATALOG}snapshot_changes WHERE snapshot_id > $snapshot
        ),
        tables AS (
            SELECT DISTINCT try_cast(split_part(change, ':', 2) AS BIGINT) AS table_id FROM touched WHERE change NOT LIKE 'altered%'
        )
        SELECT s.schema_name || '."' || t.table_name || '"', s.schema_name || '.' || t.table_name
        FROM {CATALOG}table AS t JOIN {CATALOG}schema AS s USING (schema_id)
        WHERE t.end_snapshot IS NULL AND (t.begin_snapshot > $snapshot OR t.table_id IN (FROM tables))
            AND list_contains($state, s.schema_name)""",
        {"snapshot": snapshot, "state": list(_STATE)},
    ).fetchall()
    found: dict[str, list[str] | None] = {}
    for quoted, name in written:
        if name in _LOGS:
            continue
        then = _columns(
            tx,
            "begin_snapshot <= $snapshot AND (end_snapshot IS NULL OR end_snapshot > $snapshot)",
            name,
            snapshot,
        )
        now = _columns(tx, "end_snapshot IS NULL AND $snapshot IS NOT NULL", name, snapshot)
        if then is not None and now is not None and (lost := [c for c in then if c not in now]):
            raise UserError(
                f"{name} 当时的列“{lost[0]}”现在没有，目录此后改过",
                where=f"--to {snapshot}",
                remedy="回退到目录改动之后的快照；或先恢复那时的程序与目录",
            )
        found[quoted] = then
    return found


def _columns(tx: duckdb.DuckDBPyConnection, valid: str, table: str, snapshot: int) -> list[str] | None:
    """The columns of the table of that name, as far as it was there: a library may have been dropped and made anew."""
    rows = tx.execute(
        f"""
        SELECT c.column_name FROM (FROM {CATALOG}column WHERE {valid} AND parent_column IS NULL) AS c
        JOIN (FROM {CATALOG}table WHERE {valid}) AS t USING (table_id) JOIN {CATALOG}schema AS s USING (schema_id)
        WHERE s.schema_name || '.' || t.table_name = $table ORDER BY c.column_order""",
        {"table": table, "snapshot": snapshot},
    ).fetchall()
    return [name for (name,) in rows] or None


def _set_back(
    tx: duckdb.DuckDBPyConnection, table: str, columns: list[str] | None, snapshot: int, scratch: str
) -> None:
    """Read first: once rows are deleted in a transaction, the lake misses them in earlier snapshots too (DuckLake 1.0)."""
    if columns is None:
        tx.execute(f"DELETE FROM {table}")
        return
    names = ", ".join(f'"{name}"' for name in columns)
    tx.execute(
        f"CREATE OR REPLACE TEMP TABLE {scratch} AS SELECT {names} FROM {table} AT (VERSION => {snapshot})"
    )
    tx.execute(f"DELETE FROM {table}")
    tx.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {scratch}")
    tx.execute(f"DROP TABLE {scratch}")
