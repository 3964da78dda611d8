"""Libraries brought up by the changed subjects alone equal libraries built anew, whatever was loaded in which order."""

from __future__ import annotations

import random

import pytest

from catalog.loader import Catalog
from transforms.integrate import integrate
from warehouse.lake import Lake

from .conftest import Ledger
from .test_integrate import contents

FIRMS = [f"9113050{n}MA0A1B2C{n}J" for n in range(6)]
REGISTRATIONS = [f"13050000001234{n}" for n in range(4)]
PEOPLE = [f"person:{letter * 32}" for letter in "abcde"]
PERIODS = ["2019-09", "2019-10", "2019-11", "2019-12"]
COUNTIES = ["130502", "130503", "130525", "130581"]


class Town:
    """Loads of random records about a few subjects, so that identifiers are claimed, shared and given up."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger, self.chance = ledger, random.Random(seed)
        self.labels: dict[str, tuple[str, str]] = {}
        self.period = PERIODS[0]

    def load(self, lake: Lake, rows: int, period: str = PERIODS[0]) -> None:
        """Random records of a period, some gone, and some of the firms' rows delivered anew."""
        self.period = period
        acts = [self.register, self.debtor, self.resident, self.driver, self.leave, self.correct]
        for _ in range(rows):
            self.chance.choice(acts)()
        self.ledger.flush(lake, f"load firms/{period}/x")

    def add(self, item: str, subject: str | None, **fields: object) -> None:
        label = f"{item}{self.ledger.count}"
        self.labels[label] = item, self.period
        self.ledger.add(item, subject, label, period=self.period, **fields)

    def register(self) -> None:
        uscc, name = self.chance.choice(FIRMS), self.chance.choice("甲乙丙")
        fields = {"reg": self.chance.choice(REGISTRATIONS)} if self.chance.random() < 0.7 else {}
        item = self.chance.choice(["firms", "firms", "coops", "permits"])
        if item == "permits":
            fields["no"] = "1"
        if item == "coops":
            fields = {}
        county = {"county": self.chance.choice(COUNTIES)} if item != "permits" else {}
        self.add(item, f"uscc:{uscc}", uscc=uscc, name=name, **fields, **county)

    def debtor(self) -> None:
        code, kind = self.chance.choice(
            [(f[8:17], "org") for f in FIRMS] + [(r, "reg") for r in REGISTRATIONS] + [("MA0***", "")]
        )
        self.add("debtors", f"{kind}:{code}" if kind else None, code=code, case_no="1")

    def resident(self) -> None:
        county = self.chance.choice([None, *COUNTIES])
        name = self.chance.choice("赵钱孙")
        self.add("residents", self.chance.choice(PEOPLE), county=county, division=county, name=name)

    def driver(self) -> None:
        kind = self.chance.choice(["A1", "B2"])
        self.add("drivers", self.chance.choice(PEOPLE), name=self.chance.choice("赵钱孙"), **{"class": kind})

    def leave(self) -> None:
        if self.labels:
            label = self.chance.choice(sorted(self.labels))
            self.ledger.remove(self.labels.pop(label)[0], label)

    def correct(self) -> None:
        found = sorted(label for label, where in self.labels.items() if where == ("firms", self.period))
        if found:
            reg = self.chance.choice(REGISTRATIONS)
            self.ledger.set("firms", self.chance.choice(found), reg=reg)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bringing_up_equals_building_anew(
    lake: Lake, catalog: Catalog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("transforms.integrate.changed.MANY", 1.0)
    town = Town(ledger, seed)
    for period in PERIODS:
        town.load(lake, 10, period)
    assert integrate(lake, catalog).rebuilt
    for _ in range(4):
        for period in town.chance.sample(PERIODS, 2):
            town.load(lake, 4, period)
        result = integrate(lake, catalog, portion=12)
        assert not result.rebuilt
        brought_up = contents(lake)
        anew = integrate(lake, catalog, rebuild=True)
        assert anew.rebuilt
        assert brought_up == contents(lake)
        assert result.subjects == anew.subjects


def test_a_record_that_left_takes_its_subject_and_its_claim_along(
    lake: Lake, catalog: Catalog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.integrate.changed.MANY", 1.0)
    first, second = FIRMS[:2]
    ledger.add("firms", f"uscc:{first}", "a", uscc=first, reg=REGISTRATIONS[0], name="甲")
    ledger.add("firms", f"uscc:{second}", "b", uscc=second, reg=REGISTRATIONS[0], name="乙")
    ledger.add("debtors", f"reg:{REGISTRATIONS[0]}", "d", code=REGISTRATIONS[0], case_no="1")
    ledger.flush(lake, "load firms/2019-10/x")
    assert integrate(lake, catalog).ambiguous == 1
    ledger.remove("firms", "b")
    ledger.flush(lake, "load firms/2019-11/x")
    result = integrate(lake, catalog)
    assert (result.rebuilt, result.ambiguous, result.linked) == (False, 0, 1)
    assert lake.rows("SELECT subject_key, records FROM lib.enterprise") == [
        {"subject_key": f"uscc:{first}", "records": 2}
    ]
    ledger.remove("debtors", "d")
    ledger.flush(lake, "load debtors/2019-11/x")
    assert not integrate(lake, catalog).rebuilt
    assert lake.rows("SELECT subject_key, records FROM lib.enterprise") == [
        {"subject_key": f"uscc:{first}", "records": 1}
    ]


def test_the_last_record_of_a_register_takes_its_claim_along(
    lake: Lake, catalog: Catalog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.integrate.changed.MANY", 1.0)
    ledger.add("firms", f"uscc:{FIRMS[0]}", "a", uscc=FIRMS[0], reg=REGISTRATIONS[0], name="甲")
    ledger.add("debtors", f"reg:{REGISTRATIONS[0]}", "d", code=REGISTRATIONS[0], case_no="1")
    ledger.flush(lake, "load firms/2019-10/x")
    assert integrate(lake, catalog).linked == 1
    ledger.remove("firms", "a")
    ledger.flush(lake, "load firms/2019-10/x")
    result = integrate(lake, catalog)
    assert (result.rebuilt, result.identifiers, result.linked, result.unlinked) == (False, 0, 0, 1)


@pytest.mark.parametrize("said", ["rollback 3", "schema 4", "vault rotation", None])
def test_after_anything_but_loads_all_is_built_anew(
    lake: Lake, catalog: Catalog, ledger: Ledger, said: str | None
) -> None:
    town = Town(ledger, 7)
    town.load(lake, 20)
    integrate(lake, catalog)
    town.load(lake, 1)
    town.register()
    ledger.flush(lake, said)
    assert integrate(lake, catalog).rebuilt


def test_other_rules_build_all_anew(
    lake: Lake, catalog: Catalog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    Town(ledger, 7).load(lake, 20)
    integrate(lake, catalog)
    assert not integrate(lake, catalog).rebuilt
    monkeypatch.setattr(
        "transforms.integrate.build.commit_message", lambda catalog: "integrate by other rules"
    )
    assert integrate(lake, catalog).rebuilt


def test_a_large_change_builds_all_anew(lake: Lake, catalog: Catalog, ledger: Ledger) -> None:
    town = Town(ledger, 7)
    town.load(lake, 20)
    integrate(lake, catalog)
    town.load(lake, 40)
    assert integrate(lake, catalog).rebuilt
