"""Where everything lies under `$XTCREDIT_HOME`, and the settings that come from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from catalog.errors import UserError
from catalog.loader import Catalog

LAKE_CATALOG = "XTCREDIT_LAKE_CATALOG"


@dataclass(frozen=True)
class Home:
    """The run-time folder (default `./var`): all that the system writes is below it.

    `catalog` is the URI of the PostgreSQL database with the lake's own catalog; without one it is a SQLite file in `lake`.
    """

    root: Path
    catalog: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls) -> Home:
        """The home named by `XTCREDIT_HOME`, else `./var`, with the catalog that `XTCREDIT_LAKE_CATALOG` names; raises `UserError` for a path DuckDB cannot read from."""
        root = Path(os.environ.get("XTCREDIT_HOME") or "var").resolve()
        # To DuckDB such a path is a pattern, or a folder `key=value` of a partition.
        if re.search("[*?\\[\\]{}'\"=]", str(root)):
            raise UserError(
                "路径中有通配符、括号、引号或等号", where=str(root), remedy="把 XTCREDIT_HOME 改到别处"
            )
        return cls(root, os.environ.get(LAKE_CATALOG) or None)

    @property
    def inbox(self) -> Path:
        """Where departments' files arrive: `inbox/<period>/<file>`."""
        return self.root / "inbox"

    @property
    def landing(self) -> Path:
        """Bytes as delivered, immutable: `landing/<item>/<period>/<delivery>/<sha>/`."""
        return self.root / "landing"

    @property
    def lake_data(self) -> Path:
        """The lake's Parquet files."""
        return self.lake / "data"

    @property
    def staged(self) -> Path:
        """Staged batches between `stage` and `load`; what is loaded is removed."""
        return self.root / "staged"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def data_docs(self) -> Path:
        """Great Expectations' pages, one site per month."""
        return self.root / "data_docs"

    @property
    def publish(self) -> Path:
        """Published files, a folder per audience: `publish/<audience>/current.duckdb`."""
        return self.root / "publish"

    @property
    def audit(self) -> Path:
        """The append-only logs of authorised look-ups and of publications, and what tells the vault's keys from others."""
        return self.root / "audit"

    @property
    def lineage(self) -> Path:
        """OpenLineage events, a file each, private."""
        return self.root / "lineage"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def tmp(self) -> Path:
        """What no step keeps; `maintain` removes what was left behind."""
        return self.root / "tmp"

    @property
    def restoring(self) -> Path:
        """There while a restore into this home is not finished."""
        return self.root / ".restoring"

    def scratch(self) -> Path:
        """`tmp`, made for its owner alone: what lies there may hold identifiers of persons."""
        return self.private_dir(self.tmp)

    def private_dir(self, path: Path) -> Path:
        """Create a folder only its owner can read: it may hold identifiers of persons."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        return path


def opted_in(catalog: Catalog) -> frozenset[str]:
    """The opt-in libraries that this warehouse collects: those named in `XTCREDIT_OPT_IN`, by comma; `all` means all.

    Raises `UserError` for a name that is no opt-in library.
    """
    optional = {library.id for library in catalog.libraries.values() if library.opt_in}
    named = set(filter(None, (os.environ.get("XTCREDIT_OPT_IN") or "").replace(" ", "").split(",")))
    if unknown := sorted(named - optional - {"all"}):
        raise UserError(
            f"“{unknown[0]}”不是须另行开通的库",
            where="XTCREDIT_OPT_IN",
            remedy=f"可写 {'、'.join(sorted(optional))}",
        )
    return frozenset(optional if "all" in named else named)


def inbox_age() -> timedelta:
    """How long after landing a delivered file stays in the inbox, from `XTCREDIT_INBOX_DAYS`; default 90 days.

    Raises `UserError` for what is no number of days.
    """
    given = os.environ.get("XTCREDIT_INBOX_DAYS") or "90"
    if not re.fullmatch("[0-9]{1,5}", given):
        raise UserError(f"天数“{given}”不是数", where="XTCREDIT_INBOX_DAYS", remedy="写天数，例如 90")
    return timedelta(days=int(given))


def lock_wait() -> float:
    """Seconds to wait for another writer of the lake, from `XTCREDIT_LOCK_WAIT`; default 600.

    Raises `UserError` for what is no number of seconds.
    """
    given = os.environ.get("XTCREDIT_LOCK_WAIT") or "600"
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", given):
        raise UserError(
            f"等待秒数“{given}”不是数", where="XTCREDIT_LOCK_WAIT", remedy="写秒数，例如 600；0 为不等"
        )
    return float(given)


@dataclass(frozen=True)
class Resources:
    """What a process may use: threads and memory of DuckDB, from `XTCREDIT_THREADS` and `XTCREDIT_MEMORY`."""

    threads: int
    memory: str

    @classmethod
    def from_environment(cls) -> Resources:
        """What the environment allows; raises `UserError` for what is no number of threads or amount of memory."""
        threads = os.environ.get("XTCREDIT_THREADS") or str(os.cpu_count() or 2)
        memory = os.environ.get("XTCREDIT_MEMORY") or "4GiB"
        if not re.fullmatch("[1-9][0-9]{0,3}", threads):
            raise UserError(f"线程数“{threads}”不是正整数", where="XTCREDIT_THREADS", remedy="例如写成 2")
        if not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)? ?([KMGT]i?B|%)", memory, re.IGNORECASE):
            raise UserError(f"内存上限“{memory}”写法不符", where="XTCREDIT_MEMORY", remedy="例如写成 4GiB")
        return cls(int(threads), memory)
