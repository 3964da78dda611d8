"""A small lake for the marts and the bulletin: three items, a ledger made by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.codes import CodeList
from catalog.divisions import load_divisions
from catalog.loader import ROOT, Catalog, Department, group_sources, read_model
from catalog.model import Item, Provision
from warehouse.home import Home, Resources
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

YES_NO = CodeList(id="yes_no", title="是否", source="试验", codes=({"code": "1", "title": "是"},))
Ledger = Callable[..., None]
Batches = Callable[..., None]


@pytest.fixture(scope="session")
def three_items() -> Catalog:
    """Enterprises (monthly, scjg), penalties (monthly, sfj), teachers (yearly, jyj); msj owes nothing."""
    item, findings = read_model(
        Item, ROOT / "items" / "scjg" / "enterprise_registration.yml", group_sources(ROOT)
    )
    assert item is not None, findings
    copies = {
        "enterprise_registration": {},
        "penalty": {"title": "行政处罚信息", "department": "sfj"},
        "teacher": {"title": "在职教师信息", "department": "jyj", "frequency": "yearly"},
    }
    provision = Provision(role="city_department", since="2019-10", reason="试验")
    items = {
        name: item.model_copy(update={"id": name, "provision": provision} | changes)
        for name, changes in copies.items()
    }
    names = {"scjg": "市市场监管局", "sfj": "市司法局", "jyj": "市教育局", "msj": "市民政局"}
    departments = {key: Department(key, name, name, (), True) for key, name in names.items()}
    return Catalog(items, {"yes_no": YES_NO}, {}, departments, load_divisions())


@pytest.fixture
def lake(tmp_path: Path, three_items: Catalog) -> Iterator[Lake]:
    with Lake(Home(tmp_path), resources=Resources(1, "1GiB")) as opened:
        ensure_schema(opened, three_items)
        yield opened


@pytest.fixture
def ledger(lake: Lake) -> Ledger:
    """Adds `n` records of one item, county and first period to core.record."""
    numbers = itertools.count(1)

    def add(
        n: int,
        *,
        item: str = "enterprise_registration",
        county: str | None = "130528",
        first: str = "2019-12",
        rule: str | None = "registrar",
        division: str | None = None,
        subject: bool = True,
    ) -> None:
        start = next(numbers)
        with lake.transaction() as tx:
            tx.execute(
                """
                INSERT INTO core.record BY NAME
                SELECT $item AS item_id, md5('key' || i)::UUID AS record_key, $county AS county_code,
                    CASE WHEN $subject THEN 'uscc:' || i END AS subject_key, $rule AS county_rule,
                    $division AS division_code, $first AS first_period, $first AS last_period,
                    $item || '/' || $first || '/a' AS batch_id
                FROM range($start::BIGINT * 1000000, $start::BIGINT * 1000000 + $n::BIGINT) AS t(i)
                """,
                {
                    "item": item,
                    "county": county,
                    "subject": subject,
                    "rule": rule,
                    "division": division,
                    "first": first,
                    "start": start,
                    "n": n,
                },
            )

    return add


@pytest.fixture
def batch(lake: Lake) -> Batches:
    """Adds one batch: `new`, `updated`, `duplicate`, `questioned`, `set_aside`, `ignored` rows."""

    def add(
        item: str = "enterprise_registration",
        *,
        period: str = "2019-12",
        delivery: str = "20200103-01-130500",
        department: str = "scjg",
        new: int = 0,
        updated: int = 0,
        duplicate: int = 0,
        questioned: int = 0,
        set_aside: int = 0,
        ignored: int = 0,
        division: str = "130500",
    ) -> str:
        batch_id = f"{item}/{period}/{delivery}"
        read = new + updated + duplicate + questioned + set_aside + ignored
        with lake.transaction() as tx:
            tx.execute(
                """
                INSERT INTO ops.batch (batch_id, item_id, period, delivery, division, department, source_file,
                    received_at, rows_read, rows_accepted, rows_new, rows_updated, rows_duplicate,
                    rows_quarantined, rows_set_aside, rows_ignored, status)
                VALUES (?, ?, ?, ?, ?, ?, 'a.csv', '2020-01-31 16:30', ?, ?, ?, ?, ?, ?, ?, ?, 'loaded')
                """,
                [
                    *(batch_id, item, period, delivery, division, department),
                    *(
                        read,
                        new + updated,
                        new,
                        updated,
                        duplicate,
                        questioned + set_aside,
                        set_aside,
                        ignored,
                    ),
                ],
            )
        return batch_id

    return add


@pytest.fixture
def declare(lake: Lake) -> Callable[..., None]:
    """Adds one declaration of a monthly return."""

    def add(
        item: str, produced: int, *, department: str, period: str = "2019-12", division: str = "130500"
    ) -> None:
        with lake.transaction() as tx:
            tx.execute(
                "INSERT INTO ops.declaration (period, division, department, item_id, produced, declared_on)"
                " VALUES (?, ?, ?, ?, ?, '2020-01-04')",
                [period, division, department, item, produced],
            )

    return add
