"""Renders the SQL templates beside this file. Names are the catalog's, whose model allows [a-z0-9_] only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from catalog.types.base_sql import quote
from transforms.integrate.plan import Source


def render(template: str, **values: object) -> str:
    """The SQL of a template; raises `jinja2.UndefinedError` for a value that is missing."""
    return _environment().get_template(template).render(**values)


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Rows of a relation, which may carry a WHERE."""
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def literals(values: Iterable[str]) -> str:
    """`'a', 'b'`, and NULL where there is none, which no value equals."""
    return ", ".join(map(quote, values)) or "NULL"


def trust(items: Sequence[str]) -> str:
    """Rank of a row's item in the declared order, greater for the more trusted."""
    found = " ".join(f"WHEN {quote(item)} THEN {-position}" for position, item in enumerate(items))
    return f"CASE item_id {found} END" if found else "NULL"


def value(source: Source) -> str:
    """The column of `xt_wide` with the item's surviving value."""
    return f'"{source.item}.{source.field}"'


def first_value(sources: Sequence[Source]) -> str:
    """The value of the most trusted source that has one."""
    return f"coalesce({', '.join(map(value, sources))})" if sources else "NULL"


def first_source(sources: Sequence[Source]) -> str:
    """The item whose value survives."""
    found = " ".join(f"WHEN {value(source)} IS NOT NULL THEN {quote(source.item)}" for source in sources)
    return f"CASE {found} END"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    for filter_ in (literals, trust, value, first_value, first_source):
        environment.filters[filter_.__name__] = filter_
    return environment
