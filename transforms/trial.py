"""Reading a file for trial: staged and judged in a home of its own, told, and forgotten."""

from __future__ import annotations

from pathlib import Path

import duckdb

from catalog.loader import Catalog
from catalog.types.base_sql import quote
from quality.gate import examine
from quality.suite import History
from transforms.extract.admission import expect_admissible
from transforms.stage.batch import stage_delivery
from warehouse.batch import Counts, Delivery, Document, Finding
from warehouse.home import Home
from warehouse.lake import connect

_EXAMPLES = 3
_IN_SHEET = "coalesce(sheet || ' ' || sheet_row, row_number::VARCHAR)"


class Tally(Document):
    """How often a rule was broken (or a value repaired), with a few rows as examples; personal numbers are hidden."""

    field: str
    rule: str
    level: str
    rows: int
    message: str
    examples: tuple[str, ...]


class Trial(Document):
    """What a load of the file would find: its format, its rows, faults by rule, expectations on the whole."""

    format: str
    counts: Counts
    tallies: tuple[Tally, ...]
    findings: tuple[Finding, ...]


def try_delivery(manifest: Path, catalog: Catalog, home: Home) -> Trial:
    """Stage and judge one landed file; raises `UserError` when the file as a whole cannot be taken."""
    delivery = Delivery.from_file(manifest)
    expect_admissible(delivery, catalog)
    batch = stage_delivery(delivery, catalog, home, home.staged / "trial")
    with connect() as connection:
        tallies = (
            *_tallies(connection, batch.parquet("quarantine"), "level", "value", _IN_SHEET),
            *_tallies(connection, batch.parquet("issue"), "'issue'", "before", "row_number"),
        )
    return Trial(
        format=batch.format,
        counts=batch.counts,
        tallies=tallies,
        findings=examine(batch, catalog, History(delivery.period, ())),
    )


def _tallies(
    connection: duckdb.DuckDBPyConnection, parquet: Path, level: str, value: str, place: str
) -> tuple[Tally, ...]:
    rows = connection.execute(
        f"""
        SELECT field, rule, {level} AS level, count(*) AS rows, any_value(message) AS message,
            list({place} || '：' || coalesce({value}, '（空）') ORDER BY row_number)[:{_EXAMPLES}] AS examples
        FROM read_parquet({quote(str(parquet))}) GROUP BY ALL ORDER BY rows DESC, field, rule"""
    ).fetchall()
    names = ("field", "rule", "level", "rows", "message", "examples")
    return tuple(Tally.model_validate(dict(zip(names, row, strict=True))) for row in rows)
