"""A published month: the snapshot it was sent out from, and the wording it was sent in."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.bulletin import Wording, load_wording
from catalog.period import Period
from transforms.report.figures import require_fresh
from warehouse.lake import Lake


@dataclass(frozen=True)
class Publication:
    """What `ops.publication` keeps of a month."""

    period: Period
    snapshot: int
    wording: Wording


def published(lake: Lake, period: Period) -> Publication | None:
    """The publication of a period, None while it has not been frozen."""
    for row in lake.rows("SELECT snapshot, wording FROM ops.publication WHERE period = ?", [str(period)]):
        return Publication(period, int(row["snapshot"]), Wording.model_validate_json(row["wording"]))
    return None


def freeze(lake: Lake, period: Period) -> Publication:
    """Publish the period as it stands at the newest snapshot; a month already published stays as it was.

    From then on its assessment does not change, its bulletin is made from that snapshot and in that wording, and what is
    corrected later appears as an adjustment. Raises `UserError` if the period was not assessed since its last load.
    """
    if (before := published(lake, period)) is not None:
        return before
    require_fresh(lake, period)
    wording = load_wording()
    snapshot = lake.snapshot_id()
    with lake.transaction(f"freeze {period}") as tx:
        tx.execute(
            "INSERT INTO ops.publication (period, snapshot, wording) VALUES (?, ?, ?)",
            [str(period), snapshot, wording.model_dump_json()],
        )
    return Publication(period, snapshot, wording)
