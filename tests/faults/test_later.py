"""A month assessed while later months are already in the lake, as a backfill does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.loader import Catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

ITEMS = ("public_institution_registration", "lawyers", "permanent_residents")
FIRST, SECOND = Period.parse_range("2019-10:2019-11")


@pytest.fixture
def home(tmp_path: Path, catalog: Catalog) -> Home:
    """Two months of which the second changes much of the first."""
    home = Home(tmp_path / "home")
    generate(
        catalog, home.inbox, items=list(ITEMS), periods=[FIRST, SECOND], rows=40, seed=3,
        fault_share=0.1, update_share=0.5,
    )  # fmt: skip
    return home


def load(month: Period, home: Home) -> None:
    for item in ITEMS:
        for manifest in steps.extract(item, str(month), home):
            steps.load(steps.judge(steps.stage(manifest, home), home), home)
    steps.integrate_if_needed(home)


def said_of_what_came(home: Home) -> dict[str, list[dict[str, object]]]:
    """What the first month's assessment says, without where records are counted and whom they are linked to."""
    statements = {
        "provider_item": "FROM mart.provider_item WHERE period = $period",
        "obligation": "FROM mart.obligation WHERE period = $period",
        "department_score": "FROM mart.department_score WHERE period = $period",
        "score_part": "FROM mart.score_part WHERE period = $period AND measure <> 'completion'",
        "city_progress": "SELECT * EXCLUDE (linked) FROM mart.city_progress WHERE period = $period",
        "volume": "SELECT * EXCLUDE (collected) FROM mart.volume WHERE period = $period",
    }
    with Lake(home) as lake:
        return {
            name: lake.rows(f"SELECT * FROM ({statement}) ORDER BY ALL", {"period": str(FIRST)})
            for name, statement in statements.items()
        }


def test_what_was_sent_is_judged_by_its_month_alone(home: Home) -> None:
    load(FIRST, home)
    steps.assess(str(FIRST), home)
    then = said_of_what_came(home)
    load(SECOND, home)
    with Lake(home) as lake:
        renewed = lake.scalar("SELECT count(*) FROM core.record WHERE first_period < last_period")
    assert renewed > 10
    steps.assess(str(FIRST), home)
    assert said_of_what_came(home) == then
    assert any(row["records"] for row in then["provider_item"])


def test_a_month_that_was_assessed_early_leaves_no_trace(home: Home, tmp_path: Path) -> None:
    at_once = Home(tmp_path / "at once")
    at_once.root.mkdir()
    at_once.inbox.symlink_to(home.inbox)
    for month in (FIRST, SECOND):
        load(month, home)
        steps.assess(str(month), home)
        load(month, at_once)
    for month in (FIRST, SECOND):
        for place in (home, at_once):
            steps.assess(str(month), place)
    with Lake(home) as by_month, Lake(at_once) as all_first:
        assert steps.state_hash(by_month) == steps.state_hash(all_first)
