"""A small home that is sound in every part: what is broken in it afterwards is what a test broke."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.backup import backup, restore
from warehouse.batch import Finding, StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake

ITEMS = ("enterprise_registration", "permanent_residents", "admin_penalties")
PERIODS = Period.parse_range("2019-11:2019-12")
KEY = "5a" * 32


def judged(batch: StagedBatch) -> Verdict:
    """What the gate would say; Great Expectations itself has its own tests and costs seconds to import."""
    counts = batch.counts
    rate = counts.faulty / max(1, counts.read - counts.ignored - counts.set_aside)
    item = load_catalog().item(batch.delivery.item_id)
    asked = [("rows_min", "fail"), ("rows_max", "warn"), ("reject_rate", "warn"), ("reject_rate_max", "fail")]
    findings = [
        Finding(check=c, field=None, level=level, success=True, observed=f"{rate:.2%}", message="x")
        for c, level in asked
    ]
    findings += [
        Finding(check="required", field=f.name, level="fail", success=True, observed="x", message="x")
        for f in item.fields
        if f.required is True
        and not item.lacks(f.name, next((m for m in item.formats if m.id == batch.format), None))
    ]
    return Verdict(batch=batch, status="loaded", findings=tuple(findings))


def staged(manifest: str, home: Home) -> str:
    """The verdict on one landed file."""
    batch = Path(steps.stage(manifest, home))
    return str(judged(StagedBatch.from_file(batch)).to_file(batch.parent / "verdict.json"))


def load(manifest: str, home: Home) -> None:
    steps.load(staged(manifest, home), home)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The home itself: never changed by a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", KEY)
        home = Home(tmp_path_factory.mktemp("sound") / "home")
        generate(
            load_catalog(), home.inbox, items=list(ITEMS), periods=PERIODS, rows=40, seed=9, fault_share=0.2
        )
        for item in ITEMS:
            for period in PERIODS:
                for manifest in steps.extract(item, str(period), home):
                    load(manifest, home)
        for made in (home.inbox / "2019-12").glob("*_return_*"):
            made.unlink()
        returned = home.inbox / "2019-12" / "130500_scjg_return_20200105_01.csv"
        returned.write_text("目录编号,产生数\nXT001,40\n", encoding="utf-8")
        steps.declare("2019-12", home)
        steps.integrate(home)
        for period in PERIODS:
            steps.assess(str(period), home)
        yield home


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", KEY)


@pytest.fixture(scope="session")
def kept(built: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the sound home."""
    folder = tmp_path_factory.mktemp("kept") / "backup"
    backup(built, folder)
    return folder


@pytest.fixture
def home(built: Home, kept: Path, tmp_path: Path) -> Home:
    """A copy of the sound home that a test may break."""
    copy = Home(tmp_path / "home")
    restore(kept, copy)
    shutil.copytree(built.inbox, copy.inbox)
    return copy


@pytest.fixture
def state() -> Callable[[Home], dict[str, str]]:
    def found(home: Home) -> dict[str, str]:
        with Lake(home) as lake:
            return steps.state_hash(lake)

    return found
