"""A small city: the whole machinery on a catalog cut down to a few items, so that a step costs little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.loader import ROOT, Catalog, load_catalog
from catalog.period import Period
from catalog.sample import generate
from quality.audit import files as audited_files
from transforms import steps
from warehouse.home import Home

ITEMS = ("public_institution_registration", "lawyers", "permanent_residents")
# The audit names these and what their libraries draw from them.
AUDITED = ("enterprise_registration", "cooperative_registration", "permanent_residents")
PERIODS = Period.parse_range("2019-10:2019-12")


def cut_down(catalog: Catalog, items: Sequence[str]) -> Catalog:
    """The catalog as if it had these items only, and those the audit names; libraries keep what they draw from them."""
    chosen = {name: catalog.items[name] for name in (*AUDITED, *items)}
    libraries = {}
    for library in catalog.libraries.values():
        attributes = tuple(
            attribute.model_copy(update={"sources": sources})
            for attribute in library.attributes
            if (sources := tuple(s for s in attribute.sources if s.partition(".")[0] in chosen))
        )
        members = tuple(m for m in library.members if m in chosen)
        if members:
            feeds = tuple(f for f in library.feeds if f in chosen)
            libraries[library.id] = library.model_copy(
                update={"attributes": attributes, "members": members, "feeds": feeds}
            )
    corrections = {name: c for name, c in catalog.corrections.items() if name in chosen}
    return replace(catalog, items=chosen, libraries=libraries, corrections=corrections)


def files_of(catalog: Catalog, folder: Path) -> Path:
    """A folder with the files of these items only: what the audit holds the lake's reference tables against."""
    for item_id in catalog.items:
        file = catalog.paths[item_id]
        link = folder / file.relative_to(ROOT)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    (folder / "reference").symlink_to(ROOT / "reference")
    return folder


@pytest.fixture(scope="session")
def small_catalog() -> Catalog:
    return cut_down(load_catalog(), ITEMS)


@pytest.fixture(scope="session")
def small_files(small_catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_of(small_catalog, tmp_path_factory.mktemp("catalog"))


@pytest.fixture
def catalog(small_catalog: Catalog, small_files: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The steps and the audit see the small catalog."""
    monkeypatch.setattr(steps, "load_catalog", lambda: small_catalog)
    monkeypatch.setattr(audited_files, "ROOT", small_files)
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    return small_catalog


@pytest.fixture
def home(tmp_path: Path, catalog: Catalog) -> Home:
    """A home whose inbox has one plain file of lawyers for 2019-12."""
    home = Home(tmp_path / "home")
    generate(
        catalog, home.inbox, items=["lawyers"], periods=[PERIODS[-1]], rows=30, seed=5, fault_share=0.1,
        set_aside_share=0, noise_share=0, kinds=("csv",),
    )  # fmt: skip
    return home
