"""A small city: three months of every item, generated for the end-to-end tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog.loader import Catalog, load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.batch import StagedBatch, Verdict
from warehouse.home import Home

PERIODS = Period.parse_range("2019-10:2019-12")


@dataclass(frozen=True)
class City:
    """A home whose inbox holds generated files, with their truth beside it."""

    home: Home
    catalog: Catalog
    items: tuple[str, ...]

    def truths(self) -> dict[str, dict[str, Any]]:
        """The generator's truth by batch."""
        documents = (
            json.loads(path.read_text("utf-8")) for path in (self.home.inbox / "truth").glob("*.json")
        )
        return {truth["batch_id"]: truth for truth in documents}

    def manifests(self) -> list[str]:
        """Everything in the inbox, landed, in order of item and delivery."""
        return [
            m
            for item in self.items
            for period in PERIODS
            for m in steps.extract(item, str(period), self.home)
        ]

    def verdict(self, manifest: str) -> str:
        """Stage and judge one landed file."""
        return steps.judge(steps.stage(manifest, self.home), self.home)

    def load(self, manifests: Sequence[str], *, gate: bool = True) -> None:
        """Take landed files all the way to the ledger, one after the other; without the `gate` nothing judges the batch as a set."""
        for manifest in manifests:
            steps.load(self.verdict(manifest) if gate else self._accepted(manifest), self.home)

    def _accepted(self, manifest: str) -> str:
        batch = StagedBatch.from_file(Path(steps.stage(manifest, self.home)))
        return str(
            Verdict(batch=batch, status="loaded", findings=()).to_file(Path(batch.folder) / "verdict.json")
        )


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def make_city(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes cities of the same people: one identity key, so that their contents can be compared."""
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    monkeypatch.setenv("XTCREDIT_OPT_IN", "all")

    def make(
        name: str,
        *,
        rows: int,
        seed: int,
        fault_share: float,
        items: Sequence[str] | None = None,
        periods: Sequence[Period] = PERIODS,
    ) -> City:
        home = Home(tmp_path / name)
        chosen = tuple(items or catalog.items)
        generate(
            catalog,
            home.inbox,
            items=list(chosen),
            periods=periods,
            rows=rows,
            seed=seed,
            fault_share=fault_share,
        )
        return City(home, catalog, chosen)

    return make
