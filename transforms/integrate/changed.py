"""What the libraries must be brought up to: the subjects that loads touched since they were last built, or everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalog.loader import Catalog
from transforms.integrate.plan import Claim
from transforms.integrate.sql import count, render
from warehouse.commits import ASSESS, DECLARE, FREEZE, INTEGRATE, LOAD, MARTS, REFUSED

NEUTRAL = (ASSESS, DECLARE, FREEZE, MARTS, REFUSED)
"""Commits that leave ledger and records as they are. After any other (a rollback, a new catalog, upkeep of the files) all is
rebuilt: it is rare, and what it did to the files need not be understood here."""
MANY = 0.25
"""Share of the ledger from which on a rebuild is no dearer than following the changes."""


@dataclass(frozen=True)
class Span:
    """The snapshots since the libraries were last built, and the batches loaded in them."""

    since: int
    until: int
    batches: tuple[str, ...]


def commit_message(catalog: Catalog) -> str:
    """Message of an integration's commit; names the catalog and the rules that the libraries are then built by."""
    folder = Path(__file__).parent
    rules = b"".join(path.read_bytes() for path in sorted([*folder.glob("*.py"), *folder.glob("*.sql")]))
    return f"{INTEGRATE}{hashlib.sha256(rules + catalog.version.encode()).hexdigest()[:12]}"


def find_changes(work: duckdb.DuckDBPyConnection, message: str, claims: Sequence[Claim]) -> bool:
    """Whether only some subjects must be brought up; their temporary tables are made then.

    `xt_changed`: keys of subjects that may have changed, before as after; `xt_identifier`: identifiers whose claims may
    have; `xt_relinked`: records whose link may have. False: rebuild everything, since no integration by the same catalog and
    rules is known, something other than loads happened since, or so much changed that it is not worth it.
    """
    span = _span(work, message)
    if span is None:
        return False
    work.execute(render("touched.sql", since=span.since, until=span.until, batches=span.batches))
    if count(work, "xt_touched") > MANY * count(work, "core.record"):
        return False
    work.execute(render("changed.sql", since=span.since, claims=claims))
    return True


def _span(work: duckdb.DuckDBPyConnection, message: str) -> Span | None:
    snapshots = work.execute(
        "SELECT snapshot_id, coalesce(commit_message, '') FROM ducklake_snapshots('lake') WHERE snapshot_id >= "
        "(SELECT max(snapshot_id) FROM ducklake_snapshots('lake') WHERE starts_with(commit_message, ?)) "
        "ORDER BY snapshot_id",
        [INTEGRATE],
    ).fetchall()
    if not snapshots or snapshots[0][1] != message:
        return None
    since, later = snapshots[0][0], snapshots[1:]
    if not all(said.startswith((LOAD, *NEUTRAL)) for _, said in later):
        return None
    batches = sorted({said.removeprefix(LOAD) for _, said in later if said.startswith(LOAD)})
    return Span(since, later[-1][0] if later else since, tuple(batches))
