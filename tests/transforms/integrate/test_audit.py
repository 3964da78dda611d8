"""The audit of the libraries, on the real catalog: silent on a sound lake, and every clause can speak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.loader import load_catalog
from quality.audit import prepare
from transforms.integrate import integrate
from transforms.integrate.plan import resolve
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

from .conftest import Ledger

AUDIT = Path(__file__).parents[3] / "quality" / "audit"
CLAUSES = sorted(path.stem for path in AUDIT.glob("lib_*.sql"))
A, A_REG = "uscc:91130500MA0A1B2C2J", "reg:130500000012342"
P = "person:" + "a" * 32


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    catalog, ledger = load_catalog(), Ledger()
    ledger.add(
        "enterprise_registration",
        A,
        "a",
        uscc=A[5:],
        registration_no=A_REG[4:],
        name="甲公司",
        status="active",
    )
    ledger.add("admin_permits", A, "p", uscc=A[5:], counterparty="甲公司（旧）")
    ledger.add("judgment_debtor_organizations", A_REG, "d", identifier=A_REG[4:], name="甲")
    ledger.add("judgment_debtor_organizations", None, "m", identifier="91130500MA****2C2J", name="甲")
    ledger.add(
        "permanent_residents",
        P,
        "r",
        county="130528",
        name="王一",
        household_division="130528",
        birth_date="1980-01-01",
    )
    ledger.add("driving_licences", P, "l", name="王一", classes="C1")
    with Lake(Home(tmp_path_factory.mktemp("audit"))) as lake:
        ensure_schema(lake, catalog)
        ledger.flush(lake)
        integrate(lake, catalog)
        yield lake


def violations(lake: Lake, clause: str) -> int:
    prepare(lake.connection)
    return len(lake.execute((AUDIT / f"{clause}.sql").read_text(encoding="utf-8")).fetchall())


def test_every_library_of_the_catalog_can_be_built() -> None:
    catalog = load_catalog()
    assert len(catalog.libraries) >= 10
    for library in catalog.libraries.values():
        resolve(catalog, library)


@pytest.mark.parametrize("clause", CLAUSES)
def test_silent_on_a_sound_lake(sound: Lake, clause: str) -> None:
    assert violations(sound, clause) == 0


TAMPERING = {
    "lib_membership": [
        "DELETE FROM lib.group_driver",
        "INSERT INTO lib.enterprise (subject_key) VALUES ('uscc:x')",
    ],
    "lib_footprint": [
        "UPDATE lib.enterprise SET records = records + 1",
        "UPDATE core.record SET last_period = '2030-01'",
    ],
    "lib_identity": [
        f"UPDATE core.identity SET subject_key = 'uscc:x' WHERE identifier = '{A_REG}'",
        "UPDATE core.identity SET claimants = 2",
        "DELETE FROM core.identity",
    ],
    "lib_link": [
        "DELETE FROM core.link",
        "UPDATE core.link SET subject_key = 'uscc:x'",
        "UPDATE core.record SET identity_rule = 'masked'",
    ],
    "lib_household": [
        "UPDATE core.record SET county_code = '130529' WHERE county_rule = 'household'",
        "UPDATE core.record SET county_code = '130529' WHERE county_rule = 'division'",
    ],
    "lib_conflict": ["DELETE FROM lib.conflict", "UPDATE lib.conflict SET other_value = kept_value"],
    "lib_clear_number": ["UPDATE lib.group_driver SET file_no = '130528198506070129'"],
    "lib_enterprise_values": [
        "UPDATE lib.enterprise SET name = '乙'",
        "UPDATE lib.enterprise SET status = 'x'",
    ],
    "lib_key": [
        "UPDATE lib.enterprise SET subject_key = 'uscc:x'",
        "UPDATE lib.group_driver SET subject_key = NULL",
    ],
    "lib_county": ["UPDATE lib.enterprise SET county_code = '999999'"],
    "lib_subject_kind": [f"UPDATE lib.enterprise SET subject_key = '{P}'"],
    "lib_sources": [
        """UPDATE lib.enterprise SET sources = '{"name":"lawyers"}'""",
        """UPDATE lib.enterprise SET sources = '{"nothing":"enterprise_registration"}'""",
    ],
    "lib_definition": [
        "UPDATE lib.member SET item_id = 'nothing'",
        "UPDATE lib.attribute SET field = 'nothing'",
        "INSERT INTO lib.member FROM lib.member LIMIT 1",
    ],
    "lib_periods": [
        "UPDATE lib.enterprise SET first_period = '2030-01'",
        "UPDATE lib.enterprise SET records = 0",
    ],
    "lib_identity_key": [
        "INSERT INTO core.identity FROM core.identity LIMIT 1",
        "INSERT INTO core.link FROM core.link LIMIT 1",
    ],
    "lib_link_rule": ["UPDATE core.link SET rule = 'unclaimed'", "UPDATE core.link SET rule = 'guess'"],
    "lib_natural_person_values": ["UPDATE lib.natural_person SET household_division = '130529'"],
}


def test_every_clause_is_tampered_with() -> None:
    assert sorted(TAMPERING) == CLAUSES


@pytest.mark.parametrize(
    ("clause", "statement"), [(c, s) for c, statements in TAMPERING.items() for s in statements]
)
def test_speaks_when_tampered_with(sound: Lake, clause: str, statement: str) -> None:
    sound.execute("BEGIN TRANSACTION")
    try:
        sound.execute(statement)
        assert violations(sound, clause) > 0
    finally:
        sound.execute("ROLLBACK")
