"""A small catalog and a ledger written by hand: what integration makes of it can be read off."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.codes import CodeList
from catalog.divisions import load_divisions
from catalog.library import Library
from catalog.loader import Catalog, Department
from catalog.model import Item
from transforms.integrate import IntegrateResult, integrate
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.schema import ensure_schema


def item(
    id_: str, code: str, subject: dict[str, str], fields: list[str], county: list[dict[str, str]]
) -> Item:
    return Item.model_validate(
        {
            "id": id_,
            "code": code,
            "title": id_,
            "english": id_,
            "department": "x",
            "library": "x",
            "category": "01",
            "subject": subject,
            "share": "public",
            "frequency": "monthly",
            "legal_basis": [{"document": "x"}],
            "owner": {"provider": "x"},
            "provision": {"role": "city_department", "since": "2019-10", "reason": "x"},
            "retention": "x",
            "key": [fields[0].split(":")[0]],
            "fields": [
                dict(zip(("name", "type", "title"), (*f.split(":"), f), strict=False)) for f in fields
            ],
            "county": county,
            "rows": {"min": 0, "max": 10},
        }
    )


def library(id_: str, kind: str, subject: str, members: list[str], **attributes: list[str]) -> Library:
    return Library.model_validate(
        {
            "id": id_,
            "title": id_,
            "kind": kind,
            "subject": subject,
            "members": members,
            "legal_basis": "x",
            "attributes": [{"name": n, "title": n, "sources": s} for n, s in attributes.items()],
        }
    )


BY_DIVISION = {"by": "division", "field": "division"}
ITEMS = [
    item(
        "firms",
        "XT001",
        {"kind": "enterprise", "name": "name", "uscc": "uscc", "registration_no": "reg"},
        ["uscc:uscc", "reg:registration_no", "name:org_name", "capital:amount", "division:division"],
        [BY_DIVISION],
    ),
    item(
        "coops",
        "XT007",
        {"kind": "cooperative", "name": "name", "uscc": "uscc"},
        ["uscc:uscc", "name:org_name", "division:division"],
        [BY_DIVISION],
    ),
    item(
        "permits",
        "XT062",
        {"kind": "any", "name": "name", "uscc": "uscc", "registration_no": "reg"},
        ["no:document_no", "uscc:uscc", "reg:registration_no", "name:org_name"],
        [{"by": "household"}],
    ),
    item(
        "debtors",
        "XT073",
        {"kind": "organization", "name": "name", "mixed": "code"},
        ["case_no:case_no", "code:org_identifier", "name:org_name"],
        [],
    ),
    item(
        "residents",
        "XT008",
        {"kind": "person", "name": "name", "person": "id"},
        ["id:resident_id", "name:person_name", "division:division"],
        [BY_DIVISION],
    ),
    item(
        "drivers",
        "XT027",
        {"kind": "person", "name": "name", "person": "id"},
        ["id:resident_id", "name:person_name", "class:text"],
        [{"by": "household"}],
    ),
    item(
        "teachers",
        "XT018",
        {"kind": "person", "name": "name", "person": "id"},
        ["id:resident_id", "school:text", "name:person_name"],
        [],
    ),
]
LIBRARIES = [
    library(
        "enterprise",
        "base",
        "organisation",
        ["firms", "coops"],
        name=["firms.name", "coops.name", "permits.name"],
        capital=["firms.capital"],
    ),
    library(
        "natural_person",
        "base",
        "person",
        ["residents", "drivers", "teachers"],
        name=["residents.name", "drivers.name", "teachers.name"],
        household_division=["residents.division"],
    ),
    library(
        "group_driver", "group", "person", ["drivers"], name=["drivers.name"], vehicle_class=["drivers.class"]
    ),
]


@pytest.fixture
def catalog() -> Catalog:
    codes = CodeList.model_validate(
        {"id": "x", "title": "x", "source": "x", "codes": [{"code": "1", "title": "x"}]}
    )
    return Catalog(
        items={i.id: i for i in ITEMS},
        lists={"x": codes},
        libraries={lib.id: lib for lib in LIBRARIES},
        departments={"x": Department("x", "x", "x", (), True)},
        divisions=load_divisions(),
    )


@pytest.fixture
def lake(tmp_path: Path, catalog: Catalog) -> Iterator[Lake]:
    with Lake(Home(tmp_path)) as opened:
        ensure_schema(opened, catalog)
        yield opened


def key(text: str) -> str:
    return str(uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()))


Record = Callable[..., None]
Run = Callable[..., IntegrateResult]


class Ledger:
    """Collects current records and writes them in one transaction: a commit costs more than the rows."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, list[Any]]] = []
        self.count = 0

    def add(
        self,
        item_id: str,
        subject: str | None,
        label: str,
        /,
        period: str = "2019-10",
        county: str | None = None,
        **fields: Any,
    ) -> None:
        self.count += 1
        batch, where = f"{item_id}/{period}/x", (county, "division") if county else ("130500", "city")
        columns = {
            "batch_id": batch,
            "row_number": self.count,
            "record_key": key(label),
            "subject_key": subject,
            **fields,
        }
        names, marks = ", ".join(f'"{c}"' for c in columns), ", ".join("?" * len(columns))
        self.rows.append((f"INSERT INTO rec.{item_id} ({names}) VALUES ({marks})", list(columns.values())))
        self.rows.append(
            (
                "INSERT INTO core.record (item_id, record_key, subject_key, county_code, county_rule, "
                "local_county_code, local_county_rule, first_period, last_period, "
                "versions, status, batch_id, row_number) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'active', ?, ?)",
                [item_id, key(label), subject, *where, *where, period, period, batch, self.count],
            )
        )

    def remove(self, item_id: str, label: str) -> None:
        """Take a record out again, with its row."""
        for table in ("core.record", f"rec.{item_id}"):
            mine = f"item_id = '{item_id}' AND " if table == "core.record" else ""
            self.rows.append((f"DELETE FROM {table} WHERE {mine}record_key = ?", [key(label)]))

    def set(self, item_id: str, label: str, **fields: Any) -> None:
        """Change fields of a record's row but not its version in the ledger, as a batch delivered anew may."""
        changes = ", ".join(f'"{name}" = ?' for name in fields)
        self.rows.append(
            (f"UPDATE rec.{item_id} SET {changes} WHERE record_key = ?", [*fields.values(), key(label)])
        )

    def flush(self, lake: Lake, message: str | None = None) -> None:
        with lake.transaction(message) as tx:
            for statement, values in self.rows:
                tx.execute(statement, values)
        self.rows.clear()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def record(ledger: Ledger) -> Record:
    """Add one current record: `record(item, subject, label of the record, period=, county=, **fields)`."""
    return ledger.add


@pytest.fixture
def run(lake: Lake, catalog: Catalog, ledger: Ledger) -> Run:
    """Write the records added so far and integrate: `run()`, or `run(catalog=..., portion=...)`."""

    def integrate_now(catalog: Catalog = catalog, **options: int) -> IntegrateResult:
        if ledger.rows:
            ledger.flush(lake)
        return integrate(lake, catalog, **options)

    return integrate_now
