"""The audit behind `xtcredit verify`: named clauses, each recomputing from the source what it guards.

A clause is an SQL query for the rows that violate it (`<name>.sql`, its Chinese title on the first line), or, where the
source lies outside the lake, a function of `files.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from quality.audit.files import CHECKS, Check, Row, lost_data_files
from quality.audit.prepare import copies, prepare
from warehouse.lake import Lake
from warehouse.vault import allow_unsealing

__all__ = ["Clause", "Outcome", "audit", "clauses", "lost_data_files", "prepare"]

_FOLDER = Path(__file__).parent
_SHOWN = 3


@dataclass(frozen=True)
class Clause:
    """One clause: what must hold (Chinese), and the SQL or the function that finds what breaks it."""

    id: str
    title: str
    source: str | Check


@dataclass(frozen=True)
class Outcome:
    """What a clause found: rows that break it (None: it could not be asked), the first few, and the seconds it took."""

    clause: Clause
    rows: int | None
    examples: tuple[str, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return self.rows == 0

    @property
    def found(self) -> str:
        """`OK`, or what is wrong, in one line of Chinese."""
        if self.rows is None:
            return "未能检查：数据文件丢失，补回之后再审计"
        return "OK" if self.holds else f"{self.rows} 处不符，例如 {'；'.join(self.examples)}"

    def __str__(self) -> str:
        return f"{self.clause.title}（{self.clause.id}）：{self.found}"


def clauses() -> list[Clause]:
    """All clauses: those on files first, since without its files nothing of the lake can be asked."""
    found = [Clause(name, title, check) for name, (title, check) in CHECKS.items()]
    for path in sorted(_FOLDER.glob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        found.append(
            Clause(path.stem, sql.splitlines()[0].removeprefix("--").strip(), sql.rstrip().rstrip(";"))
        )
    return found


def audit(lake: Lake) -> Iterator[Outcome]:
    """Run every clause on the newest snapshot, each outcome as it comes; the seconds of the preparation are the first SQL clause's.

    A clause that cannot run is an error of ours and raises, unless the lake has lost a data file that is in use.
    """
    # Opened at the snapshot, not read in a transaction: what one has gathered itself, DuckDB scans with one thread only.
    with (
        lake.at(lake.snapshot_id()) as still,
        copies(still.connection, still.home.scratch()) as copy,
    ):
        readable = not any(file.live for file in lost_data_files(still))
        started = time.perf_counter()
        prepared = False
        for clause in clauses():
            if isinstance(clause.source, str) and not prepared and readable:
                make_ready(still, "audit.main")
                copy()
                prepared = True
            rows, examples = _ask(still, clause) if readable or clause.id == "files_lake" else (None, ())
            yield Outcome(clause, rows, examples, time.perf_counter() - started)
            started = time.perf_counter()


def make_ready(lake: Lake, into: str = "") -> None:
    """What clauses read beside the lake's tables; without the vault's key those about its numbers have nothing to say."""
    prepare(lake.connection, into)
    here = allow_unsealing(lake)
    lake.execute(f"CREATE OR REPLACE TEMP MACRO audit_vault_open() AS {here}")


def _ask(lake: Lake, clause: Clause) -> tuple[int, tuple[str, ...]]:
    found: Iterable[Row]
    if isinstance(clause.source, str):
        # Not count(*) OVER (): DuckDB 1.5.5 now and then ends there with an internal error (duckdb/duckdb#25713).
        found = lake.rows(
            f"WITH breaking AS MATERIALIZED ({clause.source}\n)"
            f" SELECT *, (SELECT count(*) FROM breaking) AS _rows FROM breaking LIMIT {_SHOWN}"
        )
        count = int(str(found[0].pop("_rows"))) if found else 0
        for row in found[1:]:
            row.pop("_rows")
        return count, tuple(_line(row) for row in found)
    breaking = iter(clause.source(lake))
    shown = tuple(_line(row) for row in islice(breaking, _SHOWN))
    return len(shown) + sum(1 for _ in breaking), shown


def _line(row: Row) -> str:
    return "，".join(f"{name}={value}" for name, value in row.items())
