"""Good rows of an item, as a careful clerk writes them: for templates and the data dictionary."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.loader import Catalog
from catalog.model import Item
from catalog.period import Period
from catalog.sample.population import EPOCH, Population
from catalog.sample.values import Build, Plan, Style
from catalog.types import TYPES

_PERIOD = Period(2019, 12)
_ROWS = 40


def example_rows(catalog: Catalog, item: Item, rows: int, seed: int = 1) -> list[dict[str, str | None]]:
    """Faultless, different records in the item's own format: field -> text, None where left empty.

    Only fields with a column of their own; dates as YYYY-MM-DD, codes by their titles. Names and numbers are made up.
    """
    build = _build(catalog, item, rows, seed)
    columns = {
        f.name: pc.if_else(
            pa.array(build.filled(f.name)), build.column(f.name).text, pa.scalar(None, pa.string())
        ).to_pylist()
        for f in build.plan.fields
    }
    return [{name: texts[i] for name, texts in columns.items()} for i in range(rows)]


def examples(catalog: Catalog, item: Item) -> dict[str, str]:
    """One example per field that has a column: the catalog's own, else a made-up value of one and the same record.

    Where that record leaves a field empty, the value is what it would be were it filled. Numbers of persons are shown
    masked: even a made-up one may be somebody's.
    """
    rows = example_rows(catalog, item, _ROWS)
    fullest = max(rows, key=lambda row: sum(text is not None for text in row.values()))
    build = _build(catalog, item, _ROWS, 1)
    found: dict[str, str] = {}
    for name, text in fullest.items():
        field = item.field(name)
        value = field.example or text or build.column(name).text[rows.index(fullest)].as_py()
        if value:
            found[name] = _masked(value) if TYPES[field.type].private else value
    return found


def _build(catalog: Catalog, item: Item, rows: int, seed: int) -> Build:
    population = Population(seed, catalog.divisions)
    plan = Plan(item, None, catalog, population, rows, max(int(rows * 0.8), 1), Style(None))
    record = np.arange(rows, dtype=np.int64)
    first, last = ((day - EPOCH).days for day in (_PERIOD.first_day, _PERIOD.last_day))
    return Build(plan, record, record * 0, record * 0 + first, record * 0 + last, last, 1)


def _masked(number: str) -> str:
    kept = 4 if len(number) > 12 else 1
    return number[: kept + 2] + "*" * (len(number) - 2 * kept - 2) + number[-kept:]
