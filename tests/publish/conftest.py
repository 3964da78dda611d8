"""A small warehouse to publish from: never changed by a test that takes `built`; `home` is a copy to change."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.backup import backup, restore
from warehouse.batch import StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.vault import allow_unsealing

ITEMS = (
    "enterprise_registration",
    "permanent_residents",
    "admin_penalties",
    "admin_permits",
    "lawyers",
    "blacklist",
    "social_insurance_arrears",
)
KEY = "5a" * 32
AS_OF = date(2020, 1, 10)


def load(manifest: str, home: Home) -> None:
    """Stage and load one landed file; Great Expectations has its own tests and costs seconds to import."""
    batch = Path(steps.stage(manifest, home))
    verdict = Verdict(batch=StagedBatch.from_file(batch), status="loaded", findings=())
    steps.load(str(verdict.to_file(batch.parent / "verdict.json")), home)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", KEY)
        home = Home(tmp_path_factory.mktemp("published") / "home")
        periods = Period.parse_range("2019-11:2019-12")
        generate(
            load_catalog(), home.inbox, items=list(ITEMS), periods=periods, rows=40, seed=4, fault_share=0.1
        )
        for item in ITEMS:
            for period in periods:
                for manifest in steps.extract(item, str(period), home):
                    load(manifest, home)
        steps.integrate(home)
        for period in periods:
            steps.assess(str(period), home)
        steps.publish(AS_OF, home)
        yield home


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", KEY)


@pytest.fixture(scope="session")
def kept(built: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "backup"
    backup(built, folder)
    return folder


@pytest.fixture
def home(built: Home, kept: Path, tmp_path: Path) -> Home:
    copy = Home(tmp_path / "home")
    restore(kept, copy)
    shutil.copytree(built.publish, copy.publish, symlinks=True)
    return copy


@pytest.fixture
def file(built: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, opened as an analyst does: a plain DuckDB, read-only, without any extension."""
    with opened(built.publish / "public" / "current.duckdb") as connection:
        yield connection


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), read_only=True, config={"autoinstall_known_extensions": False})


@pytest.fixture
def open_file() -> Callable[[Path], duckdb.DuckDBPyConnection]:
    return opened


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[..., None]:
    """Deliver rows (field -> text) of an item by hand, for a period."""

    def delivered(
        home: Home, item_id: str, period: str, rows: list[dict[str, str]], name: str = "补报.csv"
    ) -> None:
        item = load_catalog().item(item_id)
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow([f.title for f in item.fields if f.only is None])
            writer.writerows([row.get(f.name, "") for f in item.fields if f.only is None] for row in rows)
        load(steps.hand_over(path, item_id, period, home, replace=True), home)

    return delivered


@pytest.fixture
def identifiers() -> Callable[[Home], dict[str, str]]:
    """Pseudonym -> personal number of everybody in a home's vault, opened with its key."""

    def opened_vault(home: Home) -> dict[str, str]:
        with Lake(home) as lake:
            allow_unsealing(lake)
            return dict(
                lake.execute(
                    "SELECT DISTINCT pseudonym, xt_unseal(number, pseudonym) FROM vault.identifier"
                ).fetchall()
            )

    return opened_vault
