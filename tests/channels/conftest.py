"""Departments' systems for real: servers, one item that is fetched from them, and rows as a department has them."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.channel import Source
from catalog.loader import ROOT, Catalog, group_sources, load_catalog, read_model
from catalog.model import Item
from catalog.period import Period
from catalog.sample import generate
from transforms import preview, steps
from transforms.extract.connection import Patience
from warehouse.home import Home

from . import servers
from .servers import Server

HOTELS = """\
id: hotel_licence
code: XT907
title: 旅馆业特种行业许可信息
english: Hotel licences
department: gaj
library: industry_administration
category: "03"
subject: {kind: organization, name: name, uscc: uscc}
share: public
frequency: monthly
legal_basis:
  - {document: 旅馆业治安管理办法, clause: 第四条}
owner: {provider: 市公安局}
provision: {role: city_department, since: "2019-10", reason: 试验}
retention: 许可有效期内保留
key: [licence_no]
fields:
  - {include: organisation, with: {title: 旅馆, prefixes: ["91", "92"]}}
  - {name: licence_no, title: 许可证号, type: certificate_no, required: true, length: 30, headers: [证号]}
  - {name: rooms, title: 客房数, type: integer, unit: 间, min: "1", max: "900"}
  - {name: issued_on, title: 发证日期, type: date, min: "1987-11-10"}
rules:
  - {rule: not_after_period, field: issued_on}
county:
  - {by: registrar, field: uscc}
rows: {min: 1, max: 3000000}
"""
PERIOD = Period(2019, 12)
QUICK = Patience(attempts=4, first=0.1, longest=0.5)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def _settings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_THREADS", "1")
        patch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    with servers.mariadb() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def hotels(tmp_path_factory: pytest.TempPathFactory) -> Item:
    path = tmp_path_factory.mktemp("item") / "hotel_licence.yml"
    path.write_text(HOTELS, encoding="utf-8")
    item, findings = read_model(Item, path, group_sources(ROOT))
    assert item is not None, findings
    return item


@pytest.fixture(scope="session")
def rows(hotels: Item, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Rows of the item, faulty ones among them, as the department's clerks typed them; by field."""
    catalog = dataclasses.replace(load_catalog(), items={hotels.id: hotels})
    (made,) = generate(
        catalog, tmp_path_factory.mktemp("rows"), items=[hotels.id], periods=[PERIOD], rows=300, seed=4,
        fault_share=0.05, noise_share=0, kinds=("csv",),
    )  # fmt: skip
    raw = made.path.read_bytes()
    text = raw.decode("utf-8-sig") if raw.startswith(b"\xef\xbb\xbf") else raw.decode("gb18030")
    lines = list(
        csv.reader(text.splitlines(), delimiter="\t" if "\t" in text else ";" if ";" in text else ",")
    )
    by_heading = {h: f.name for f in hotels.fields for h in (f.title, f.name, *f.headers)}
    top = next(i for i, line in enumerate(lines) if sum(cell in by_heading for cell in line) >= 3)
    names = [by_heading.get(cell) for cell in lines[top]]
    found = [
        {name: value or None for name, value in zip(names, line, strict=True) if name}
        for line in lines[top + 1 :]
        if len(line) == len(names)
    ]
    return [row for row in found if sum(v is not None for v in row.values()) >= 4][:280]


Use = Callable[..., Item]


@pytest.fixture
def use(hotels: Item, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes the item one that is fetched from the sources given, wherever the catalog is loaded."""

    def use(*sources: Source, **changes: Any) -> Item:
        item = hotels.model_copy(update={"sources": sources, **changes})
        whole = load_catalog()
        catalog: Catalog = dataclasses.replace(whole, items={**whole.items, item.id: item})
        for module in (steps, preview):
            if hasattr(module, "load_catalog"):
                monkeypatch.setattr(module, "load_catalog", lambda: catalog)
        return item

    return use


def fill(uri: str, table: str, rows: Rows, types: dict[str, Any] | None = None) -> sa.Engine:
    """A table made of rows in a department's database; columns are upper-case, texts unless `types` says otherwise."""
    from transforms.extract.connection import Endpoint
    from transforms.extract.database import make_engine

    engine = make_engine(Endpoint.parse("test", uri), uri)
    kinds = {
        name: (types or {}).get(name, sa.Text()) for name in dict.fromkeys(n for row in rows for n in row)
    }
    made = sa.Table(table, sa.MetaData(), *(sa.Column(name, kind) for name, kind in kinds.items()))
    with engine.begin() as connection:
        made.drop(connection, checkfirst=True)
        made.create(connection)
        connection.execute(sa.insert(made), [{name: row.get(name) for name in kinds} for row in rows])
    return engine
