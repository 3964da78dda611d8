"""Upkeep of the lake's files. Snapshots are kept: every bulletin names the one it was computed from."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warehouse.home import Home, inbox_age
from warehouse.lake import Lake
from warehouse.sealed import seal_landing

_ORPHAN_AGE = timedelta(days=1)  # a file younger than this may belong to a commit under way
_LEFTOVER_AGE = timedelta(days=1)
_STAGED_AGE = timedelta(days=3)  # it holds numbers in clear, and `stage` makes it anew
_LINEAGE_AGE = timedelta(days=400)  # a year, and its bulletin


@dataclass(frozen=True)
class MaintenanceResult:
    """Files that were merged into others, orphaned files removed, staged folders removed, half-written files removed,
    events of lineage removed, landed files sealed, and landed files that had to stay in clear because the vault's key is not here.
    """

    merged: int
    orphans: int
    staged: int
    leftovers: int
    lineage: int
    sealed: int
    unsealed: int


def maintain(lake: Lake) -> MaintenanceResult:
    """Merge small files, remove files no snapshot knows, staged folders nobody came back for, what killed steps left, and old
    events of lineage; seal the landed files of judged batches.
    """
    now = datetime.now(UTC)
    with lake.exclusive():
        merged = lake.execute("CALL ducklake_merge_adjacent_files('lake')").fetchall()
        orphans = lake.execute(
            "CALL ducklake_delete_orphaned_files('lake', older_than => ?::TIMESTAMPTZ)", [now - _ORPHAN_AGE]
        ).fetchall()
    staged = _remove_old_staged(lake.home, now - _STAGED_AGE)
    leftovers = _remove_leftovers(lake.home, now - _LEFTOVER_AGE)
    lineage = _remove_files(lake.home.lineage.glob("*"), now - _LINEAGE_AGE)
    return MaintenanceResult(
        len(merged), len(orphans), staged, leftovers, lineage, *seal_landing(lake, now - _STAGED_AGE)
    )


def inbox_before() -> datetime:
    """What was landed before this time need not stay in the inbox any longer."""
    return datetime.now(UTC) - inbox_age()


def _remove_old_staged(home: Home, before: datetime) -> int:
    removed = 0
    for folder in home.staged.glob("*/*/*") if home.staged.is_dir() else ():
        if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < before:
            shutil.rmtree(folder)
            removed += 1
    return removed


def _remove_leftovers(home: Home, before: datetime) -> int:
    """Files that a killed step had not yet given their name, and its scratch."""
    named = (
        p
        for place in (home.landing, home.data_docs, home.reports, home.publish)
        for p in place.rglob(".*")
        if p.name != ".lock"
    )
    return _remove_files((*named, *home.tmp.rglob("*")), before)


def _remove_files(paths: Iterable[Path], before: datetime) -> int:
    removed = 0
    for path in paths:
        # A publication's pointer to its file is written as a link beside the one in force.
        whole = path.is_file() or path.is_symlink()
        if whole and datetime.fromtimestamp(path.lstat().st_mtime, UTC) < before:
            path.unlink()
            removed += 1
    return removed
