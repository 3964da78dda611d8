"""A published month: the snapshot it was sent out from, and the wording, targets and lines it was sent with."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.bulletin import Wording
from catalog.period import Period
from catalog.scoring import Reference
from catalog.targets import Targets
from transforms.report.figures import Terms, present_terms, require_fresh
from warehouse.lake import Lake


@dataclass(frozen=True)
class Publication:
    """What `ops.publication` keeps of a month."""

    period: Period
    snapshot: int
    terms: Terms


def published(lake: Lake, period: Period) -> Publication | None:
    """The publication of a period, None while it has not been frozen."""
    for row in lake.rows("FROM ops.publication WHERE period = ?", [str(period)]):
        terms = Terms(
            wording=Wording.model_validate_json(row["wording"]),
            targets=Targets.model_validate_json(row["targets"]) if row["targets"] else None,
            reference=Reference.model_validate_json(row["reference"]),
        )
        return Publication(period, int(row["snapshot"]), terms)
    return None


def freeze(lake: Lake, period: Period) -> Publication:
    """Publish the period as it stands at the newest snapshot; a month already published stays as it was.

    From then on its assessment does not change, its bulletin is made from that snapshot and on those terms, and what is
    corrected later appears as an adjustment. Raises `UserError` if the period was not assessed since its last load.
    """
    if (before := published(lake, period)) is not None:
        return before
    require_fresh(lake, period)
    terms = present_terms(period)
    snapshot = lake.snapshot_id()
    with lake.transaction(f"freeze {period}") as tx:
        tx.execute(
            "INSERT INTO ops.publication (period, snapshot, wording, targets, reference) VALUES (?, ?, ?, ?, ?)",
            [
                str(period),
                snapshot,
                terms.wording.model_dump_json(),
                # Aliased names (`from`), as the model reads them.
                terms.targets.model_dump_json(by_alias=True) if terms.targets else None,
                terms.reference.model_dump_json(),
            ],
        )
    return Publication(period, snapshot, terms)
