"""A small city of real items, taken all the way to its bulletin; read only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog.loader import Catalog, load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.batch import StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake

ITEMS = ("enterprise_registration", "admin_permits", "admin_penalties", "lawyers")
PERIODS = Period.parse_range("2019-11:2019-12")


@dataclass(frozen=True)
class Reported:
    """The home, and the paths of December's bulletin by what they are."""

    home: Home
    catalog: Catalog
    folder: Path
    paths: dict[str, Path]


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    home = Home(tmp_path_factory.mktemp("reported"))
    before = os.environ.get("XTCREDIT_IDENTITY_KEY")
    os.environ["XTCREDIT_IDENTITY_KEY"] = "5a" * 32
    catalog = load_catalog()
    generate(catalog, home.inbox, items=list(ITEMS), periods=PERIODS, rows=60, seed=11, fault_share=0.1)
    for period in PERIODS:
        for item in ITEMS:
            for manifest in steps.extract(item, str(period), home):
                staged = StagedBatch.from_file(Path(steps.stage(manifest, home)))
                verdict = Verdict(batch=staged, status="loaded", findings=())
                steps.load(str(verdict.to_file(Path(staged.folder) / "verdict.json")), home)
        steps.declare(str(period), home)
        steps.integrate_if_needed(home)
        steps.assess(str(period), home)
    folder = home.root / "out"
    written = [Path(p) for p in steps.report("2019-12", home, out=folder)]
    yield Reported(home, catalog, folder, {p.name.partition("-")[0] + p.suffix: p for p in written})
    if before is None:
        del os.environ["XTCREDIT_IDENTITY_KEY"]
    else:
        os.environ["XTCREDIT_IDENTITY_KEY"] = before


@pytest.fixture
def city_lake(reported: Reported) -> Iterator[Lake]:
    with Lake(reported.home) as lake:
        yield lake
