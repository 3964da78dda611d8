"""A way back to any kept snapshot: the same contents, as a new snapshot, and forward again by loading."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.rollback import rollback

from .conftest import ITEMS, PERIODS, load

State = Callable[[Home], dict[str, str]]
EVERYTHING = ("rec", "core", "lib", "mart", "vault")


def hashes(home: Home, snapshot: int | None = None) -> dict[str, str]:
    with Lake(home, snapshot=snapshot) as lake:
        found = steps.state_hash(lake, EVERYTHING)
        found["ops.batch"] = str(lake.rows("FROM ops.batch ORDER BY batch_id"))
        found["ops.quarantine"] = str(lake.rows("FROM ops.quarantine ORDER BY ALL"))
        return found


def commits(home: Home) -> dict[str, int]:
    with Lake(home) as lake:
        return {
            str(r["commit_message"]): int(r["snapshot_id"])
            for r in lake.rows("FROM ducklake_snapshots('lake') ORDER BY snapshot_id")
        }


def test_back_to_a_load_and_forward_again(home: Home) -> None:
    """From the full state back to the first load: what came later is empty; loading it again makes the same state."""
    full, known = hashes(home), commits(home)
    first = min(snapshot for message, snapshot in known.items() if message.startswith("load "))
    then = hashes(home, first)
    result = steps.rollback(first, home)
    now = hashes(home)
    assert {t: h for t, h in now.items() if t in then} == then
    with Lake(home) as lake:
        later = [t for t in now if t not in then]
        assert all(lake.scalar(f"SELECT count(*) FROM {t}") == 0 for t in later if t.startswith("mart."))
        assert lake.snapshot_id() == result.snapshot == max(known.values()) + 1
        assert hashes(home, max(known.values())) == full  # history is as it was
    assert len(result.batches) == len({m for m in known if m.startswith("load ")}) - 1
    assert steps.verify(home) == []  # libraries are brought up to the ledger of then
    for item in ITEMS:
        for period in PERIODS:
            for manifest in steps.extract(item, str(period), home):
                load(manifest, home)
    steps.declare("2019-12", home)
    steps.integrate_if_needed(home)
    for period in PERIODS:
        steps.assess(str(period), home)
    again = hashes(home)
    assert {t: h for t, h in again.items() if t != "ops.batch"} == {
        t: h for t, h in full.items() if t != "ops.batch"
    }
    assert steps.verify(home) == []


def integration(known: dict[str, int]) -> int:
    """The snapshot of the integration among `known` commits."""
    return max(snapshot for message, snapshot in known.items() if message.startswith("integrate"))


def test_a_rollback_can_be_taken_back(home: Home) -> None:
    full, known = hashes(home), commits(home)
    steps.rollback(integration(known), home)
    assert hashes(home) != full
    steps.rollback(max(known.values()), home)
    assert hashes(home) == full
    assert steps.verify(home) == []


def test_libraries_are_integrated_again_after_a_rollback(home: Home) -> None:
    """Back to before the integration: the newest integration is newer than every load, and yet undone."""
    known = commits(home)
    last_load = max(snapshot for message, snapshot in known.items() if message.startswith("load "))
    expected = hashes(home)
    steps.rollback(last_load, home)
    assert steps.integrate_if_needed(home) != {}
    assert hashes(home)["lib.enterprise"] == expected["lib.enterprise"]


def test_an_older_assessment_brought_back_is_no_fault(home: Home) -> None:
    known = commits(home)
    snapshot = max(known.values())
    with Lake(home) as lake, lake.transaction("load x/2019-12/x") as tx:  # as a load that changes the ledger
        tx.execute(
            "DELETE FROM core.record WHERE item_id = 'permanent_residents' AND first_period = '2019-12'"
        )
    steps.assess("2019-12", home)
    steps.rollback(snapshot, home)
    assert steps.verify(home) == []


def test_the_log_of_refusals_and_landed_files_stay(home: Home) -> None:
    known = commits(home)
    landed = sorted(home.landing.rglob("*"))
    with Lake(home) as lake, lake.transaction("refused x") as tx:
        tx.execute(
            "INSERT INTO ops.outcome (batch_id, step, message, occurred_at) VALUES ('x', 'x', 'x', '2020-01-01')"
        )
    steps.rollback(integration(known), home)
    with Lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM ops.outcome") == 1
    assert sorted(home.landing.rglob("*")) == landed


def test_what_cannot_be_reached_is_refused_and_changes_nothing(home: Home) -> None:
    before = hashes(home)
    with pytest.raises(UserError, match="没有可回退到的快照 9999"):
        steps.rollback(9999, home)
    with Lake(home) as lake:
        target = lake.snapshot_id() - 1
        with lake.transaction("schema x") as tx:
            tx.execute('ALTER TABLE rec.enterprise_registration RENAME COLUMN "name" TO "called"')
            tx.execute("UPDATE rec.enterprise_registration SET called = called WHERE row_number < 5")
        with pytest.raises(UserError, match="目录此后改过"):
            rollback(lake, load_catalog(), target)
    assert hashes(home)["core.record"] == before["core.record"]


def test_there_is_no_way_back_to_seals_of_an_earlier_key(home: Home) -> None:
    target = integration(commits(home))
    steps.rotate_vault(home)
    before = hashes(home)
    with pytest.raises(UserError, match="换过号码库密钥"):
        steps.rollback(target, home)
    assert hashes(home) == before
    (rotated,) = (n for said, n in commits(home).items() if said.startswith("vault rotation "))
    steps.assess("2019-12", home)
    steps.rollback(rotated, home)
    assert steps.verify(home) == []


def test_a_column_added_since_is_empty_after_a_rollback(home: Home) -> None:
    with Lake(home) as lake:
        target = lake.snapshot_id()
        with lake.transaction("schema x") as tx:
            tx.execute('ALTER TABLE rec.enterprise_registration ADD COLUMN "more" VARCHAR')
            tx.execute("UPDATE rec.enterprise_registration SET more = 'x'")
        rollback(lake, load_catalog(), target)
        assert lake.scalar("SELECT count(*) FROM rec.enterprise_registration WHERE more IS NULL") > 0
        assert lake.scalar("SELECT count(more) FROM rec.enterprise_registration") == 0


def test_snapshots_are_listed(home: Home) -> None:
    columns, rows = steps.snapshots(home)
    assert columns == ["快照", "时间", "说明"]
    assert rows[0][0] == max(commits(home).values())
    assert rows[0][2] == "assess 2019-12"
