"""The audit behind `xtcredit verify`: standalone SQL clauses, each recomputing from the source what it guards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.lake import Lake

_FOLDER = Path(__file__).parent
_SHOWN = 3


@dataclass(frozen=True)
class Clause:
    """One clause: a query for the rows that violate it, under the Chinese title on its first line."""

    id: str
    title: str
    sql: str


@dataclass(frozen=True)
class Violation:
    """A clause that does not hold: how many rows break it, and the first few."""

    clause: Clause
    rows: int
    examples: tuple[str, ...]


def clauses() -> list[Clause]:
    """All clauses, in order of their names."""
    found = []
    for path in sorted(_FOLDER.glob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        found.append(
            Clause(path.stem, sql.splitlines()[0].removeprefix("--").strip(), sql.rstrip().rstrip(";"))
        )
    return found


def verify(lake: Lake) -> list[Violation]:
    """Run every clause; the violations, none if all hold. A clause that cannot run is an error of ours and raises."""
    violations = []
    with lake.reading():
        _gather_rec(lake.connection)
        for clause in clauses():
            rows = lake.scalar(f"SELECT count(*) FROM ({clause.sql}\n)")
            if rows:
                examples = lake.rows(f"SELECT * FROM ({clause.sql}\n) LIMIT {_SHOWN}")
                violations.append(Violation(clause, rows, tuple(_line(example) for example in examples)))
    return violations


def _line(row: dict[str, object]) -> str:
    return "，".join(f"{name}={value}" for name, value in row.items())


def _gather_rec(connection: duckdb.DuckDBPyConnection) -> None:
    """`audit_rec`: the lineage columns of every `rec.<item>` in one table, read once for all clauses."""
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = 'rec' ORDER BY ALL"
    ).fetchall()
    columns = (
        "batch_id, period, delivery, row_number, record_key, content_hash, subject_key, identity_rule,"
        " county_code, county_rule, division_code, source_time"
    )
    union = " UNION ALL ".join(
        f"SELECT '{name}' AS item_id, {columns} FROM lake.rec.\"{name}\"" for (name,) in tables
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE audit_rec AS {union}")
