"""A published month: the snapshot it was sent out from, and the wording, targets and lines it was sent with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalog.bulletin import Wording
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.period import Period
from catalog.scoring import Reference
from catalog.targets import Targets
from transforms.report.figures import Terms, present_terms, require_fresh
from warehouse.commits import FREEZE
from warehouse.lake import Lake

_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Publication:
    """What `ops.publication` keeps of a month."""

    period: Period
    snapshot: int
    terms: Terms


def published(lake: Lake, period: Period) -> Publication | None:
    """The publication of a period, None while it has not been frozen.

    What an earlier version of this program did not keep of the terms, or wrote in a form no longer read, is taken from the
    present ones and named in `terms.filled`, which the bulletin says. Raises `UserError` where there is nothing to take it from.
    """
    for row in lake.rows("FROM ops.publication WHERE period = ?", [str(period)]):
        present = present_terms(period)
        wording, lost = _kept(Wording, row["wording"], present.wording, "通报文字")
        reference, more = _kept(Reference, row["reference"], present.reference, "双公示参照线")
        lost += more
        targets = None
        if row["targets"] is not None:
            targets, more = _kept(Targets, row["targets"], present.targets, "任务目标")
            lost += more
        elif row["reference"] is None and present.targets is not None:
            # Both are kept since the same version; before it, a year without targets cannot be told from one with them.
            targets = present.targets
            lost.append("任务目标")
        return Publication(period, int(row["snapshot"]), Terms(wording, targets, reference, tuple(lost)))
    return None


def _kept(kind: type[_M], text: str | None, present: _M | None, title: str) -> tuple[_M, list[str]]:
    """The model as it was written, and what of it had to be filled in; keys that have since been dropped are passed over."""
    if text is None and present is not None:
        return present, [title]
    stored: dict[str, Any] = json.loads(text or "{}")
    known = {field.alias or name for name, field in kind.model_fields.items()}
    stored = {key: value for key, value in stored.items() if key in known}
    if present is None:
        filled, lost = stored, []
    else:
        filled = json.loads(present.model_dump_json(by_alias=True))
        lost = [f"{title} {key}" for key in filled if not _reads(kind, filled, stored, key)]
        filled |= {key: value for key, value in stored.items() if f"{title} {key}" not in lost}
    try:
        return kind.model_validate_json(json.dumps(filled)), lost
    except ValidationError as error:
        raise UserError(
            f"印发时保存的{title}已不能读取（{error.errors()[0]['loc']}）",
            where="ops.publication",
            remedy="以发出的原件为准；要重出，用印发时的程序版本",
        ) from error


def _reads(kind: type[_M], present: dict[str, Any], stored: dict[str, Any], key: str) -> bool:
    if key not in stored:
        return False
    try:
        kind.model_validate_json(json.dumps(present | {key: stored[key]}))
    except ValidationError:
        return False
    return True


def freeze(lake: Lake, catalog: Catalog, period: Period) -> Publication:
    """Publish the period as it stands at the newest snapshot; a month already published stays as it was.

    From then on its assessment does not change, its bulletin is made from that snapshot and on those terms, and what is
    corrected later appears as an adjustment. Raises `UserError` if the period was not assessed since its last load.
    """
    if (before := published(lake, period)) is not None:
        return before
    require_fresh(lake, catalog, period)
    terms = present_terms(period)
    snapshot = lake.snapshot_id()
    with lake.transaction(f"{FREEZE}{period}") as tx:
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
