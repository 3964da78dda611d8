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
        prepare(lake.connection)
        for clause in clauses():
            rows = lake.scalar(f"SELECT count(*) FROM ({clause.sql}\n)")
            if rows:
                examples = lake.rows(f"SELECT * FROM ({clause.sql}\n) LIMIT {_SHOWN}")
                violations.append(Violation(clause, rows, tuple(_line(example) for example in examples)))
    return violations


def _line(row: dict[str, object]) -> str:
    return "，".join(f"{name}={value}" for name, value in row.items())


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """What clauses read of tables whose number depends on the catalog.

    `audit_rec`: the lineage of every `rec.<item>`, read once for all clauses. `audit_registration_no`: the registration
    numbers that registrars state. `audit_library`: every row of every library, as JSON.
    """
    tables: dict[str, dict[str, set[str]]] = {"rec": {}, "lib": {}}
    for schema, table, column in connection.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE database_name = 'lake'"
        " AND schema_name IN ('rec', 'lib') AND table_name NOT IN (SELECT view_name FROM duckdb_views()) ORDER BY ALL"
    ).fetchall():
        tables[schema].setdefault(table, set()).add(column)
    columns = (
        "batch_id, period, delivery, row_number, record_key, content_hash, subject_key, identity_rule,"
        " county_code, county_rule, division_code, source_time"
    )
    lineage = [f"SELECT '{name}' AS item_id, {columns} FROM lake.rec.\"{name}\"" for name in tables["rec"]]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE audit_rec AS {' UNION ALL '.join(lineage)}")
    if "member" not in tables["lib"]:
        return
    registrars = connection.execute(
        "SELECT DISTINCT item_id FROM lake.lib.member WHERE kind = 'base' AND subject = 'organisation' AND role = 'member'"
    ).fetchall()
    stated = [
        "SELECT NULL::VARCHAR AS batch_id, NULL::BIGINT AS row_number, NULL::VARCHAR AS registration_no WHERE FALSE"
    ]
    stated += [
        f'SELECT batch_id, row_number, registration_no FROM lake.rec."{name}"'
        for (name,) in registrars
        if "registration_no" in tables["rec"].get(name, ())
    ]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW audit_registration_no AS {' UNION ALL '.join(stated)}")
    rows = [
        f"SELECT '{name}' AS library, subject_key, to_json(t)::VARCHAR AS content FROM lake.lib.\"{name}\" t"
        for name, found in tables["lib"].items()
        if "subject_key" in found
    ]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW audit_library AS {' UNION ALL '.join(rows)}")
