"""The load against an oracle in plain Python: any set of batches, in any order, loaded any number of times."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import Item
from warehouse.batch import Counts, Delivery, StagedBatch, Verdict
from warehouse.lake import DELIVERED_ON
from warehouse.load import _Load
from warehouse.schema import METADATA, _sql_type, record_table

ITEM = Item.model_validate(
    {
        "id": "things", "code": "XT999", "title": "物", "english": "Things", "department": "scjg", "library": "enterprise",
        "category": "01", "subject": {"kind": "enterprise", "name": "value"}, "share": "public", "frequency": "monthly",
        "legal_basis": [{"document": "测"}], "owner": {"provider": "测"},
        "provision": {"role": "city_department", "since": "2019-01", "reason": "测"}, "retention": "测", "key": ["value"],
        "fields": [{"name": "value", "title": "值", "type": "line"}], "county": [{"by": "household"}], "rows": {"min": 1, "max": 9},
    }
)  # fmt: skip
NOW = datetime.fromisoformat("2020-01-06")


@dataclass(frozen=True)
class Row:
    key: int
    content: int
    time: int | None  # days; None = the source says nothing


@dataclass(frozen=True)
class Batch:
    period: str
    delivery: str
    rows: tuple[Row, ...]

    @property
    def id(self) -> str:
        return f"things/{self.period}/{self.delivery}"


def uuid_of(number: int) -> uuid.UUID:
    return uuid.UUID(int=number + 1)


def staged(batch: Batch, folder: Path) -> Verdict:
    """The batch as `stage` would leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        "row_number": [n for n, _ in enumerate(batch.rows, 2)],
        "record_key": [str(uuid_of(r.key)) for r in batch.rows],
        "content_hash": [str(uuid_of(r.content)) for r in batch.rows],
        "source_time": [
            None if r.time is None else datetime.fromisoformat("2019-01-01") + timedelta(r.time)
            for r in batch.rows
        ],
        "value": [str(r.content) for r in batch.rows],
        "subject_key": [f"uscc:{r.key}" for r in batch.rows],
    }
    constant = {
        "identity_rule": "uscc",
        "county_code": "130500",
        "county_rule": "city",
        "division_code": None,
        "batch_id": batch.id,
        "period": batch.period,
        "delivery": batch.delivery,
    }
    table = pa.table(
        {
            **{
                k: pa.array(v, pa.timestamp("us") if k == "source_time" else None) for k, v in columns.items()
            },
            **{k: pa.array([v] * len(batch.rows), pa.string()) for k, v in constant.items()},
        }
    )
    with duckdb.connect() as connection:
        connection.register("rows", table)
        connection.execute(
            "COPY (SELECT * REPLACE (record_key::UUID AS record_key, content_hash::UUID AS content_hash) FROM rows)"
            f" TO '{folder / 'staged.parquet'}' (FORMAT parquet)"
        )
    empty = {
        "quarantine": ("row_number", "level", "field", "rule", "value", "message", "faults", "raw"),
        "issue": ("row_number", "field", "rule", "before", "after", "message"),
        "ignored": ("row_number", "reason"),
        "vault_identifier": ("pseudonym", "number"),
        "vault_quarantine": ("row_number", "raw"),
    }
    for name, names in empty.items():
        kinds = [pa.int64() if n == "row_number" else pa.string() for n in names]
        pq.write_table(
            pa.table({n: pa.array([], k) for n, k in zip(names, kinds, strict=True)}),
            folder / f"{name}.parquet",
        )
    delivery = Delivery(
        item_id="things", period=batch.period, delivery=batch.delivery, division=None, department="scjg",
        source_file="f", path="f", sha256="0", size=0, received_at="2020-01-05T00:00:00",
    )  # fmt: skip
    counts = Counts(read=len(batch.rows), valid=len(batch.rows), quarantined=0, set_aside=0, ignored=0)
    described = StagedBatch(
        delivery=delivery, folder=str(folder), format="standard", counts=counts, catalog_version="v"
    )
    return Verdict(batch=described, status="loaded", findings=())


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Plain tables of the lake's shape: what is loaded does not depend on DuckLake, and a lake per example is slow."""
    with duckdb.connect() as connection:
        connection.execute(DELIVERED_ON)
        for schema in ("ops", "core", "rec", "vault"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for table in METADATA.sorted_tables:
            columns = ", ".join(f'"{c.name}" {_sql_type(c.type)}' for c in table.columns)
            connection.execute(f"CREATE TABLE {table.schema}.{table.name} ({columns})")
        shape = record_table(ITEM)
        connection.execute(
            f"CREATE TABLE {shape.qualified} ({', '.join(f'{n} {k}' for n, k, _ in shape.columns)})"
        )
        connection.execute(
            "CREATE MACRO xt_seal(value, bound) AS value"
        )  # its sealing is tested with the vault
        yield connection


def load(connection: duckdb.DuckDBPyConnection, verdict: Verdict) -> None:
    connection.execute("BEGIN")
    _Load(connection, ITEM, verdict, NOW).run()
    connection.execute("COMMIT")


def state(connection: duckdb.DuckDBPyConnection) -> tuple[list[tuple[object, ...]], ...]:
    return (
        connection.execute(
            "SELECT batch_id, rows_read, rows_new, rows_updated, rows_duplicate FROM ops.batch ORDER BY ALL"
        ).fetchall(),
        connection.execute(
            "SELECT record_key, first_period, last_period, versions, content_hash, batch_id, row_number FROM core.record ORDER BY ALL"
        ).fetchall(),
    )


def clear(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("ops.batch", "core.record", "rec.things"):
        connection.execute(f"DELETE FROM {table}")


def oracle(batches: list[Batch]) -> tuple[list[tuple[object, ...]], ...]:
    """What `state` must be: one walk over all rows in delivery order."""
    counts = {b.id: [len(b.rows), 0, 0, 0] for b in batches}
    current: dict[int, Row] = {}
    ledger: dict[int, list[object]] = {}
    first: dict[int, str] = {}
    for batch in sorted(batches, key=lambda b: (b.period, b.delivery)):
        for number, row in enumerate(batch.rows, 2):
            before = current.get(row.key)
            time, newest = row.time or 0, (before.time or 0) if before else 0
            if before is None:
                outcome = 1
            elif row.content == before.content or time < newest:
                outcome = 3
            else:
                outcome = 2
            counts[batch.id][outcome] += 1
            if before is None or time >= newest:
                current[row.key] = row
            first.setdefault(row.key, batch.period)
            if outcome != 3:
                versions = int(str(ledger[row.key][3])) + 1 if row.key in ledger else 1
                ledger[row.key] = [
                    uuid_of(row.key),
                    first[row.key],
                    batch.period,
                    versions,
                    uuid_of(row.content),
                    batch.id,
                    number,
                ]
    return (sorted((k, *v) for k, v in counts.items()), sorted(tuple(v) for v in ledger.values()))


rows = st.builds(Row, st.integers(0, 4), st.integers(0, 3), st.none() | st.integers(1, 4))
batch_lists = st.lists(
    st.builds(Batch, st.sampled_from(["2019-10", "2019-11", "2019-12"]), st.sampled_from(["a", "b"]), st.lists(rows, min_size=1, max_size=6).map(tuple)),
    min_size=1, max_size=4, unique_by=lambda b: b.id,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(batches=batch_lists, seed=st.integers(0, 1000))
def test_any_order_any_number_of_times(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[Batch],
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("staged")
    verdicts = [staged(batch, folder / str(n)) for n, batch in enumerate(batches)]
    order = verdicts + random.Random(seed).sample(verdicts, k=min(2, len(verdicts)))
    random.Random(seed).shuffle(order)
    clear(connection)
    for verdict in order:
        load(connection, verdict)
    assert state(connection) == oracle(batches)


@settings(max_examples=20, deadline=None)
@given(batches=batch_lists, replacement=st.lists(rows, min_size=1, max_size=6).map(tuple))
def test_a_batch_delivered_again_replaces_exactly_itself(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[Batch],
    replacement: tuple[Row, ...],
) -> None:
    folder = tmp_path_factory.mktemp("staged")
    corrected = Batch(batches[0].period, batches[0].delivery, replacement)
    clear(connection)
    for n, batch in enumerate([*batches, corrected]):
        load(connection, staged(batch, folder / str(n)))
    assert state(connection) == oracle([corrected, *batches[1:]])


def test_rows_unaccounted_for_stop_the_load(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    clear(connection)
    verdict = staged(Batch("2019-10", "a", (Row(1, 1, None), Row(2, 1, None))), tmp_path)
    short = verdict.batch.model_copy(
        update={"counts": Counts(read=3, valid=3, quarantined=0, set_aside=0, ignored=0)}
    )
    connection.execute("BEGIN")
    with pytest.raises(RuntimeError, match="unaccounted"):
        _Load(connection, ITEM, verdict.model_copy(update={"batch": short}), NOW).run()
    connection.execute("ROLLBACK")
    assert state(connection) == ([], [])


def test_the_oracle_itself_on_a_known_case() -> None:
    history = [
        Batch("2019-10", "a", (Row(1, 1, 3), Row(1, 1, 3))),
        Batch("2019-11", "a", (Row(1, 2, 1),)),  # older than what is known: a duplicate
        Batch("2019-12", "a", (Row(1, 2, 4), Row(2, 1, None))),
    ]
    counts, ledger = oracle(history)
    assert counts == [
        ("things/2019-10/a", 2, 1, 0, 1),
        ("things/2019-11/a", 1, 0, 0, 1),
        ("things/2019-12/a", 2, 1, 1, 0),
    ]
    assert [line[1:4] for line in ledger] == [("2019-10", "2019-12", 2), ("2019-12", "2019-12", 1)]
    assert all(len(list(group)) == 1 for _, group in itertools.groupby(line[0] for line in ledger))
