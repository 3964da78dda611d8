"""Full lists that have become much shorter: what a provider no longer lists has ended, and few things end at once.

Where an item is delivered as the whole list (`delivery: replaces`), a file cut off in the middle would end every record
behind the cut. So a list that lacks more than `ends_max` of its predecessor is stopped until somebody has confirmed it.
"""

from __future__ import annotations

from catalog.model import Item
from catalog.types.base_sql import quote
from warehouse.batch import Finding, StagedBatch
from warehouse.lake import Lake

REMEDY = "核对是否漏报或文件不全；确属注销、离职等的，用 ingest（或 replay）加 --confirm-ends 确认后入库"


def vanished(lake: Lake, item: Item, batch: StagedBatch, *, confirmed: bool = False) -> Finding | None:
    """What share of the provider's list before is on this one no longer; None for items that are delivered as increments.

    The list before is all its files of the latest earlier period. Level `fail`, or `warn` once it is `confirmed`.
    """
    if item.delivery == "adds":
        return None
    d = batch.delivery
    division = "NULL" if d.division is None else quote(d.division)
    lists = (
        f"(FROM ops.batch WHERE item_id = {quote(item.id)} AND department = {quote(d.department)}"
        f" AND division IS NOT DISTINCT FROM {division} AND period <= {quote(d.period)} AND batch_id <> {quote(d.batch_id)})"
    )
    listed = (
        f'(SELECT record_key, batch_id FROM rec."{item.id}" UNION ALL SELECT record_key, batch_id FROM ops.quarantine'
        f" WHERE item_id = {quote(item.id)} AND record_key IS NOT NULL)"
    )
    now = " UNION ALL ".join(
        f"SELECT record_key FROM read_parquet({quote(str(batch.parquet(name)))})"
        for name in ("staged", "quarantine")
    )
    before, gone = lake.execute(
        f"""
        WITH lists AS (SELECT * FROM {lists}),
        before AS (
            SELECT DISTINCT record_key FROM {listed} JOIN lists USING (batch_id)
            WHERE period = (SELECT max(period) FROM lists WHERE period < {quote(d.period)})
        ),
        now AS (
            {now}
            UNION ALL SELECT record_key FROM {listed} JOIN lists USING (batch_id) WHERE period = {quote(d.period)}
        )
        SELECT (SELECT count(*) FROM before), (SELECT count(*) FROM (FROM before ANTI JOIN now USING (record_key)))"""
    ).fetchall()[0]
    share = gone / before if before else 0.0
    return Finding(
        check="ends_max",
        field=None,
        level="warn" if confirmed else "fail",
        success=share <= item.ends_max,
        observed=f"{before} 条中消失 {gone} 条（{share:.2%}）",
        message=f"与上期全量清单相比，消失的记录不超过{item.ends_max:.0%}；{REMEDY}",
    )
