"""Runs the real SQL of a semantic type over one delivered text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import duckdb
import pytest

from catalog.divisions import load_divisions
from catalog.loader import load_catalog
from catalog.model import Field
from catalog.types import TYPES, Use
from transforms.stage.county import division_macros, division_maps
from warehouse.home import Resources
from warehouse.lake import connect
from warehouse.secret import pseudonym_macro

KEY = bytes(range(32))
_CELL = "SELECT xt_clean(?::VARCHAR) AS t"
Read = Callable[..., tuple[str | None, str | None]]


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(Resources(1, "1GiB")) as opened:
        opened.execute(pseudonym_macro(KEY))
        for statement in division_macros(division_maps(load_divisions(), date(2019, 12, 31))):
            opened.execute(statement)
        yield opened


def use_of(kind: str, **options: str) -> Use:
    field = Field(name="f", title="项", type=kind, **options)
    return Use(field, load_catalog().lists.get(field.list or ""))


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection) -> Read:
    """(plain value, first fault) of a text under a type; `beside` gives other columns of the row."""

    def run(
        kind: str, text: str | None, beside: str = "NULL AS other", **options: str
    ) -> tuple[str | None, str | None]:
        use = use_of(kind, **options)
        faults = TYPES[kind].faults("t", "p", use)
        cases = " ".join(f"WHEN t IS NOT NULL AND ({fault.when}) THEN '{fault.rule}'" for fault in faults)
        sql = (
            f"SELECT p::VARCHAR, {f'CASE {cases} END' if cases else 'NULL'} FROM"
            f" (SELECT *, {TYPES[kind].plain('t', use)} AS p FROM ({_CELL}, {beside}))"
        )
        row = connection.execute(sql, [text]).fetchone()
        assert row is not None
        return row

    return run


@pytest.fixture
def repairs(connection: duckdb.DuckDBPyConnection) -> Callable[..., list[str]]:
    """The repairs a type reports for a text."""

    def run(kind: str, text: str, beside: str = "NULL AS other", **options: str) -> list[str]:
        use = use_of(kind, **options)
        found = []
        for repair in TYPES[kind].repairs("t", "p", use):
            sql = (
                f"SELECT coalesce({repair.when}, FALSE) FROM"
                f" (SELECT *, {TYPES[kind].plain('t', use)} AS p FROM ({_CELL}, {beside}))"
            )
            row = connection.execute(sql, [text]).fetchone()
            assert row is not None
            if row[0]:
                found.append(repair.rule)
        return found

    return run
