"""What was published to whom: an append-only log, by which it can be said later who received a record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from warehouse.home import Home
from warehouse.lock import file_lock
from warehouse.log import append_line, entries_of


class Published(BaseModel):
    """One version of an audience's file: made when (UTC), of which snapshot, as of which day, with which items in full."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    audience: str
    county: str | None
    granted: tuple[str, ...]
    version: int
    as_of: str
    snapshot: int


def log_path(home: Home) -> Path:
    return home.audit / "publications.jsonl"


def record(
    home: Home,
    *,
    audience: str,
    county: str | None,
    granted: tuple[str, ...],
    version: int,
    as_of: str,
    snapshot: int,
) -> None:
    """Add a version of an audience's file, on disk when this returns; one that is there already is not added again."""
    home.private_dir(home.audit)
    with file_lock(home.audit / ".publications.lock"):
        if any((entry.audience, entry.version) == (audience, version) for entry in entries(home)):
            return
        entry = Published(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            audience=audience,
            county=county,
            granted=granted,
            version=version,
            as_of=as_of,
            snapshot=snapshot,
        )
        append_line(log_path(home), entry.model_dump_json())


def last_version(home: Home, audience: str) -> int:
    """The highest version of an audience's file that was ever recorded, 0 before the first.

    The log comes back with a backup, the files do not: a number given twice would hide who received the second.
    """
    return max((entry.version for entry in entries(home) if entry.audience == audience), default=0)


def entries(home: Home) -> Iterator[Published]:
    """All lines, oldest first; none before the first publication. Raises `UserError` for a line that is none."""
    return entries_of(Published, log_path(home))
