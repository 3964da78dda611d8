"""The replay test: order, repetition and a kill in the middle of a commit change nothing; the audit sees tampering."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

ITEMS = (
    "enterprise_registration", "permanent_residents", "teachers_in_service", "admin_penalties", "judgment_debtor_organizations",
)  # fmt: skip

# Loads one verdict and tells on standard output the moment before its COMMIT.
CHILD = """
import sys
from pathlib import Path
from warehouse import lake
from warehouse.home import Home
from transforms import steps

class Telling:
    def __init__(self, connection):
        self.connection = connection
    def execute(self, sql, *arguments):
        if sql == "COMMIT":
            print("committing", flush=True)
        return self.connection.execute(sql, *arguments)
    def __getattr__(self, name):
        return getattr(self.connection, name)

opened = lake.Lake.__init__
def open_telling(self, *arguments, **options):
    opened(self, *arguments, **options)
    self.connection = Telling(self.connection)
lake.Lake.__init__ = open_telling
steps.load(sys.argv[1], Home(Path(sys.argv[2])))
"""


def fingerprint(home: Home) -> dict[str, str]:
    """Libraries and marts brought up to the ledger, then everything that is state."""
    for period in ("2019-10", "2019-11", "2019-12"):
        steps.integrate_if_needed(home)
        steps.assess(period, home)
    with Lake(home) as lake:
        return steps.state_hash(lake)


def killed_load(verdict: str, home: Home, delay: float) -> bool:
    """Load in a process of its own and kill it `delay` seconds after it began to commit; whether it was killed in time."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, verdict, str(home.root)],
        stdout=subprocess.PIPE,
        env=os.environ,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "committing\n"
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    return child.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_order_repetition_and_kills_change_nothing(make_city: Any) -> None:
    straight = make_city("straight", rows=200, seed=3, fault_share=0.05, items=ITEMS)
    straight.load(straight.manifests())
    expected = fingerprint(straight.home)
    assert {"core.record", "lib.enterprise", "mart.county_progress", "rec.admin_penalties"} <= expected.keys()

    shaken = make_city("shaken", rows=200, seed=3, fault_share=0.05, items=ITEMS)
    chance = random.Random(11)
    manifests = shaken.manifests()
    again = chance.sample(manifests, 3)
    killed = 0
    for manifest in chance.sample(manifests, len(manifests)):
        verdict = shaken.verdict(manifest)
        if killed < 3:
            killed += killed_load(verdict, shaken.home, chance.uniform(0, 0.03))
        steps.load(verdict, shaken.home)
    shaken.load(again)
    assert killed == 3
    assert fingerprint(shaken.home) == expected
    assert steps.verify(shaken.home) == []


@pytest.mark.slow
def test_the_audit_turns_red_when_the_ledger_is_tampered_with(make_city: Any) -> None:
    city = make_city("city", rows=60, seed=4, fault_share=0.05, items=("enterprise_registration",))
    city.load(city.manifests())
    steps.assess("2019-12", city.home)
    assert steps.verify(city.home) == []
    one = "(SELECT min(record_key) FROM core.record)"
    for tampering in (
        f"UPDATE core.record SET county_code = '130534' WHERE record_key = {one} AND county_code <> '130534'",
        f"UPDATE core.record SET subject_key = 'uscc:91130500MA0A1B2C2J' WHERE record_key = {one}",
        f"UPDATE core.record SET versions = versions + 1 WHERE record_key = {one}",
        f"DELETE FROM core.record WHERE record_key = {one}",
        "UPDATE ops.batch SET rows_new = rows_new - 1, rows_accepted = rows_accepted - 1, rows_read = rows_read - 1",
    ):
        with Lake(city.home) as lake:
            before = lake.snapshot_id()
            with lake.transaction() as tx:
                tx.execute(tampering)
            assert lake.snapshot_id() > before
        assert steps.verify(city.home), tampering
