"""One small file at a time through reading, staging and judging; nothing is loaded."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from catalog.loader import Catalog, load_catalog
from catalog.model import Item
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery, StagedBatch, digest
from warehouse.home import Home

Cells = dict[str, Any]


@dataclass(frozen=True)
class Staged:
    """What became of a file's rows: accepted ones as records, the others by row number."""

    batch: StagedBatch
    accepted: list[Cells]
    quarantine: list[Cells]
    issues: list[Cells]
    ignored: list[Cells]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """(field, rule) of the quarantined rows in order."""
        return [(row["field"], row["rule"]) for row in self.quarantine]

    def repaired(self, rule: str) -> list[tuple[str | None, str | None]]:
        """(before, after) of the issues of one rule, in order of rows."""
        return [(row["before"], row["after"]) for row in self.issues if row["rule"] == rule]

    def values(self, field: str) -> list[Any]:
        return [row[field] for row in self.accepted]


Stage = Callable[..., Staged]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session", autouse=True)
def surroundings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
        patch.setenv("XTCREDIT_THREADS", "1")
        yield


def as_csv(item: Item, rows: Iterable[Cells]) -> bytes:
    """Rows given by field names, under the fields' titles."""
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    titles = {f.name: f.title for f in item.fields}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([titles.get(name, name) for name in names])
    writer.writerows([row.get(name) for name in names] for row in listed)
    return stream.getvalue().encode()


def as_xlsx(rows: Iterable[Iterable[Any]], change: Callable[[Any], None] = lambda book: None) -> bytes:
    """A workbook of these cells; `change` works on it before it is written."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.fixture
def stage(tmp_path: Path, catalog: Catalog) -> Stage:
    """Stages bytes, or rows given by field names, as a file of an item."""
    count = iter(range(1000))

    def run(
        item: str,
        content: bytes | list[Cells],
        *,
        name: str = "数据.csv",
        period: str = "2019-12",
        catalog: Catalog = catalog,
    ) -> Staged:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        source = folder / name
        source.write_bytes(content if isinstance(content, bytes) else as_csv(catalog.items[item], content))
        delivery = Delivery(
            item_id=item, period=period, delivery="x", division=None, department="scjg", source_file=name,
            path=str(source), sha256=digest(source), size=source.stat().st_size, received_at="2020-01-05T08:00:00",
        )  # fmt: skip
        batch = stage_delivery(delivery, catalog, Home(tmp_path / "home"), folder / "staged")
        return read_back(batch)

    return run


def read_back(batch: StagedBatch) -> Staged:
    """The staged rows; raises AssertionError where a row has no place, or two."""

    def rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[Cells]:
        cursor = connection.execute(f"SELECT * FROM '{batch.parquet(name)}' ORDER BY row_number")
        columns = [column[0] for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    with duckdb.connect() as connection:
        staged = Staged(
            batch,
            rows(connection, "staged"),
            rows(connection, "quarantine"),
            rows(connection, "issue"),
            rows(connection, "ignored"),
        )
    places = [
        row["row_number"] for part in (staged.accepted, staged.quarantine, staged.ignored) for row in part
    ]
    assert len(places) == len(set(places)) == batch.counts.read
    return staged
