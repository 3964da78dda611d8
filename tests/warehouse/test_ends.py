"""Ended records and rectified rows against an oracle in plain Python, whatever the order of loading."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.batch import Verdict
from warehouse.load import _Load

from . import test_load as whole
from .test_load import ITEM, NOW, Row, uuid_of

LISTED = ITEM.model_copy(update={"delivery": "replaces"})
ADDED = ITEM


@dataclass(frozen=True)
class File:
    """A provider's file: keys of its good rows in order, then of its quarantined ones (None: no key to be known by)."""

    period: str
    day: int
    division: str | None
    good: tuple[int, ...]
    bad: tuple[int | None, ...]

    @property
    def delivery(self) -> str:
        return f"202001{self.day:02d}-01-{self.division or 'x'}"

    @property
    def id(self) -> str:
        return f"things/{self.period}/{self.delivery}"

    @property
    def place(self) -> tuple[str, str]:
        return self.period, self.delivery

    @property
    def rows(self) -> int:
        return len(self.good) + len(self.bad)

    def bad_rows(self) -> Iterator[tuple[int, int | None]]:
        """Row numbers and keys of the quarantined rows."""
        return ((len(self.good) + n, key) for n, key in enumerate(self.bad, 2))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    yield from whole.connection.__wrapped__()


def verdict(file: File, folder: Path) -> Verdict:
    made = whole.staged(
        whole.Batch(file.period, file.delivery, tuple(Row(key, 1, None) for key in file.good)), folder
    )
    numbers, keys = zip(*file.bad_rows(), strict=True) if file.bad else ((), ())
    texts = ("level", "field", "rule", "value", "message", "faults", "raw")
    table = {"row_number": pa.array(numbers, pa.int64())} | {
        name: pa.array(["quarantine" if name == "level" else "x"] * len(numbers), pa.string())
        for name in texts
    }
    table["record_key"] = pa.array([None if k is None else str(uuid_of(k)) for k in keys], pa.string())
    pq.write_table(pa.table(table), folder / "quarantine.parquet")
    batch = made.batch.model_copy(
        update={
            "delivery": made.batch.delivery.model_copy(update={"division": file.division}),
            "counts": made.batch.counts.model_copy(update={"read": file.rows, "quarantined": len(file.bad)}),
        }
    )
    return made.model_copy(update={"batch": batch})


def status(files: list[File]) -> dict[str, tuple[str, str | None]]:
    """Per record: active, or ended in the first period in which the last provider to list it no longer did."""
    found: dict[str, tuple[str, str | None]] = {}
    for key in {k for f in files for k in f.good}:
        since = []
        for division in {f.division for f in files if key in (*f.good, *f.bad)}:
            mine = [f for f in files if f.division == division]
            last = max(f.period for f in mine if key in (*f.good, *f.bad))
            since.append(min((f.period for f in mine if f.period > last), default=None))
        ended = None if None in since else max(p for p in since if p)
        found[str(uuid_of(key))] = ("active" if ended is None else "ended", ended)
    return found


def rectified(files: list[File]) -> dict[tuple[str, int], tuple[object, ...]]:
    """Per quarantined row: how, where and when it was closed, and after how many days."""
    found: dict[tuple[str, int], tuple[object, ...]] = {}
    for file in files:
        later = sorted(
            (f for f in files if f.division == file.division and f.place > file.place), key=lambda f: f.place
        )
        for number, key in file.bad_rows():
            answers = [
                ("record", f, f.good.index(key) + 2) for f in later if key is not None and key in f.good
            ] + [
                ("row", f, number)
                for f in later
                if key is None
                and f.period == file.period
                and f.rows == file.rows
                and number < len(f.good) + 2
            ]
            day = date(2020, 1, file.day)
            if answers:
                how, f, row = answers[0]
                closed = date(2020, 1, f.day)
                found[file.id, number] = (how, f.id, row, day, closed, (closed - day).days)
            else:
                found[file.id, number] = (None, None, None, day, None, None)
    return found


def clear(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("ops.batch", "core.record", "rec.things", "ops.quarantine", "ops.rectification"):
        connection.execute(f"DELETE FROM {table}")


keys = st.integers(0, 5)
files = st.lists(
    st.builds(
        File,
        st.sampled_from(["2019-10", "2019-11", "2019-12"]),
        st.integers(1, 9),
        st.sampled_from([None, "130500", "130528"]),
        st.lists(keys, min_size=1, max_size=5, unique=True).map(tuple),
        st.lists(st.none() | keys, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda file: file.id,
)


@settings(max_examples=40, deadline=None)
@given(files=files, seed=st.integers(0, 1000))
def test_any_order_any_number_of_times(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    files: list[File],
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("ends")
    verdicts = [verdict(file, folder / str(n)) for n, file in enumerate(files)]
    order = verdicts + random.Random(seed).sample(verdicts, k=min(2, len(verdicts)))
    random.Random(seed).shuffle(order)
    clear(connection)
    for each in order:
        _Load(connection, LISTED, each, NOW).run()
    found = connection.execute("SELECT record_key::VARCHAR, status, ended_period FROM core.record").fetchall()
    assert {key: (state, period) for key, state, period in found} == status(files)
    rows = connection.execute(
        "SELECT batch_id, row_number, matched_by, closed_batch_id, closed_row_number, found_on, closed_on, days FROM ops.rectification"
    ).fetchall()
    assert {row[:2]: row[2:] for row in rows} == rectified(files)
    assert len(rows) == len(rectified(files))


def test_a_record_that_comes_back_is_active_again_and_counts_once(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    clear(connection)
    history = [(1, 2), (1,), (1, 2)]
    seen = []
    for n, (month, good) in enumerate(zip(("2019-10", "2019-11", "2019-12"), history, strict=True)):
        _Load(connection, LISTED, verdict(File(month, n + 1, None, good, ()), tmp_path / month), NOW).run()
        seen.append(
            connection.execute(
                "SELECT status, ended_period, first_period, versions FROM core.record WHERE record_key = ?",
                [uuid_of(2)],
            ).fetchone()
        )
    assert seen == [
        ("active", None, "2019-10", 1), ("ended", "2019-11", "2019-10", 1), ("active", None, "2019-10", 1),
    ]  # fmt: skip
    new = connection.execute("SELECT sum(rows_new) FROM ops.batch").fetchone()
    assert new == (2,)


def test_increments_end_nothing_and_an_item_that_turns_to_them_forgets_ends(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    clear(connection)
    for n, (month, item) in enumerate((("2019-10", LISTED), ("2019-11", LISTED), ("2019-12", ADDED))):
        good = (1, 2) if n == 0 else (1,)
        _Load(connection, item, verdict(File(month, n + 1, None, good, ()), tmp_path / month), NOW).run()
        states = connection.execute("SELECT count(*) FROM core.record WHERE status = 'ended'").fetchone()
        assert states == (1 if n == 1 else 0,)
