"""Integration of a ledger that can be read off: who is who, whose word counts, what is left apart."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from catalog.errors import UserError
from catalog.loader import Catalog
from transforms.integrate.plan import resolve
from warehouse.datafiles import NewFiles
from warehouse.lake import Lake

from .conftest import Ledger, Record, Run, key, library

A, A_ORG, A_REG = "uscc:91130500MA0A1B2C2J", "org:MA0A1B2C2", "reg:130500000012342"
B = "uscc:93130525MA0E5F6G74"
P, Q, R = ("person:" + letter * 32 for letter in "abc")


def one(lake: Lake, table: str, subject: str) -> dict[str, object]:
    (row,) = lake.rows(f"SELECT * FROM {table} WHERE subject_key = ?", [subject])
    return row


def contents(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    tables = [
        "core.identity",
        "core.link",
        "core.record",
        "lib.conflict",
        "lib.member",
        "lib.attribute",
        "lib.enterprise",
        "lib.natural_person",
        "lib.group_driver",
    ]
    return {table: lake.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in tables}


def test_debtor_with_less_than_a_uscc_links_to_the_registered_enterprise(
    lake: Lake, run: Run, record: Record
) -> None:
    record("firms", A, "a", uscc=A[5:], reg=A_REG[4:], name="甲公司", county="130502")
    record("debtors", A_ORG, "d1", code=A_ORG[4:], period="2019-12")
    record("debtors", A_REG, "d2", code=A_REG[4:], period="2019-09")
    record("debtors", "org:600037341", "d3", code="600037341")
    record("debtors", None, "d4", code="MA0A1B***")
    result = run()
    found = one(lake, "lib.enterprise", A)
    assert (found["records"], found["items"]) == (3, ["debtors", "firms"])
    assert (found["first_period"], found["last_period"]) == ("2019-09", "2019-12")
    links = {str(r["record_key"]): (r["subject_key"], r["rule"]) for r in lake.rows("FROM core.link")}
    assert links == {
        key("d1"): (A, "org_code"),
        key("d2"): (A, "registration_no"),
        key("d3"): (None, "unclaimed"),
    }
    assert (result.linked, result.unlinked, result.subjects["enterprise"]) == (2, 1, 1)


def test_number_claimed_by_two_subjects_links_nobody(lake: Lake, run: Run, record: Record) -> None:
    record("firms", A, "a", uscc=A[5:], reg=A_REG[4:], name="甲公司")
    record("firms", B, "b", uscc=B[5:], reg=A_REG[4:], name="乙公司")
    record("debtors", A_REG, "d", code=A_REG[4:])
    assert run().ambiguous == 1
    assert lake.rows("SELECT subject_key, claimants FROM core.identity WHERE identifier = ?", [A_REG]) == [
        {"subject_key": None, "claimants": 2}
    ]
    assert lake.rows("SELECT subject_key, rule FROM core.link") == [
        {"subject_key": None, "rule": "ambiguous"}
    ]
    assert one(lake, "lib.enterprise", A)["records"] == 1


def test_number_beside_a_uscc_in_a_permit_is_no_claim(lake: Lake, run: Run, record: Record) -> None:
    record("permits", A, "x", uscc=A[5:], reg=A_REG[4:])
    record("debtors", A_REG, "d", code=A_REG[4:])
    run()
    assert lake.rows("SELECT rule FROM core.link") == [{"rule": "unclaimed"}]


def test_names_never_link(lake: Lake, run: Run, record: Record) -> None:
    record("firms", A, "a", uscc=A[5:], name="甲公司")
    record("debtors", None, "d", code="91130500MA****2C2J", name="甲公司")
    run()
    assert one(lake, "lib.enterprise", A)["records"] == 1


def test_most_trusted_source_survives_and_the_other_word_is_shown(
    lake: Lake, run: Run, record: Record
) -> None:
    record("firms", A, "a", uscc=A[5:], name="甲公司", capital=10)
    record("permits", A, "p1", uscc=A[5:], name="甲公司（旧）", period="2019-11")
    record("permits", A, "p2", uscc=A[5:], name="甲公司（新）", period="2019-12")
    record("coops", B, "b", uscc=B[5:], county="130525")
    record("permits", B, "p3", uscc=B[5:], name="乙社")
    run()
    assert lake.rows("FROM lib.conflict") == [
        {
            "library": "enterprise",
            "subject_key": A,
            "attribute": "name",
            "kept_value": "甲公司",
            "kept_source": "firms",
            "other_value": "甲公司（新）",
            "other_source": "permits",
        }
    ]
    kept, filled = one(lake, "lib.enterprise", A), one(lake, "lib.enterprise", B)
    assert (kept["name"], kept["conflict_count"]) == ("甲公司", 1)
    assert json.loads(str(kept["sources"])) == {"name": "firms", "capital": "firms"}
    assert (filled["name"], filled["conflict_count"], filled["county_code"]) == ("乙社", 0, "130525")
    assert json.loads(str(filled["sources"])) == {"name": "permits"}


def test_within_an_item_the_latest_record_counts_whole(lake: Lake, run: Run, record: Record) -> None:
    record("teachers", P, "t1", name="王一", period="2019-10")
    record("teachers", P, "t2", name="王二", period="2019-11")
    record("teachers", R, "t3", name="张一", period="2019-10")
    record("teachers", R, "t4", name=None, period="2019-12")
    for n in range(4):
        record("teachers", Q, f"u{n}", name=f"李{n}", period="2019-12")
    run()
    assert one(lake, "lib.natural_person", P)["name"] == "王二"
    assert (
        one(lake, "lib.natural_person", R)["name"] is None
    )  # what an older record said is not put beside it
    assert one(lake, "lib.natural_person", Q)["name"] == f"李{max(range(4), key=lambda n: key(f'u{n}'))}"


def test_only_members_make_subjects(run: Run, record: Record) -> None:
    record("permits", A, "x", uscc=A[5:], name="甲")
    record("teachers", P, "t", name="王")
    result = run()
    assert result.subjects == {"enterprise": 0, "group_driver": 0, "natural_person": 1}


def test_household_places_persons_that_nothing_else_places(lake: Lake, run: Run, record: Record) -> None:
    record("residents", P, "r", name="王", division="130528", county="130528")
    record("drivers", P, "d", name="王")
    record("permits", P, "x")
    record("teachers", P, "t", name="王")  # its item does not allow it
    record("drivers", Q, "d2", name="李")
    assert run().household == 2
    by = {(str(r["record_key"])): (r["county_code"], r["county_rule"]) for r in lake.rows("FROM core.record")}
    assert by[key("d")] == by[key("x")] == ("130528", "household")
    assert by[key("t")] == by[key("d2")] == ("130500", "city")
    assert by[key("r")] == ("130528", "division")
    assert one(lake, "lib.group_driver", P)["county_code"] == "130528"
    with lake.transaction() as tx:
        tx.execute(
            "UPDATE core.record SET local_county_code = '130529', county_code = '130529' "
            "WHERE county_rule = 'division'"
        )
    run()
    assert (
        lake.scalar("SELECT county_code FROM core.record WHERE item_id = 'drivers' AND subject_key = ?", [P])
        == "130529"
    )
    with lake.transaction() as tx:
        tx.execute("DELETE FROM core.record WHERE item_id = 'residents'")
    assert run().household == 0
    assert lake.scalar("SELECT count(*) FROM core.record WHERE county_code <> local_county_code") == 0


def test_county_of_a_subject_is_its_most_trusted_members(lake: Lake, run: Run, record: Record) -> None:
    record("firms", A, "a", uscc=A[5:], county="130502")
    record("coops", A, "b", uscc=A[5:], county="130525", period="2019-12")
    record("firms", B, "c", uscc=B[5:])
    record("coops", B, "d", uscc=B[5:], county="130525")
    record("permits", B, "e", uscc=B[5:], county="130528")
    run()
    assert one(lake, "lib.enterprise", A)["county_code"] == "130502"
    assert one(lake, "lib.enterprise", B)["county_code"] == "130525"


def test_a_library_holds_its_kind_of_subject_only(
    lake: Lake, catalog: Catalog, run: Run, record: Record
) -> None:
    record("permits", A, "a", uscc=A[5:], name="甲公司")
    record("permits", P, "b", name="王")
    permitted = library("permitted", "industry", "organisation", ["permits"], name=["permits.name"])
    assert run(catalog=replace(catalog, libraries={"permitted": permitted})).subjects == {"permitted": 1}
    assert one(lake, "lib.permitted", A)["name"] == "甲公司"


def test_repeating_and_portions_change_nothing(lake: Lake, run: Run, record: Record) -> None:
    record("firms", A, "a", uscc=A[5:], reg=A_REG[4:], name="甲公司")
    record("permits", A, "p", uscc=A[5:], name="甲")
    record("firms", B, "b", uscc=B[5:], name="乙公司")
    record("debtors", A_ORG, "d", code=A_ORG[4:])
    for n in range(20):
        record("drivers", f"person:{n:032x}", f"d{n}", name=f"王{n}", **{"class": "C1"})
    run()
    first = contents(lake)
    assert len(first["lib.natural_person"]) == 20
    run()
    assert contents(lake) == first
    assert run(portion=7, rebuild=True).rebuilt
    assert contents(lake) == first
    assert not list((lake.home.root / "tmp").glob("integrate-*"))


def test_library_changes_follow_the_catalog(lake: Lake, catalog: Catalog, run: Run, record: Record) -> None:
    record("drivers", P, "d", name="王", **{"class": "C1"})
    run()
    changed = library("group_driver", "group", "person", ["drivers"], licence=["drivers.class"])
    run(catalog=replace(catalog, libraries={"group_driver": changed}))
    assert one(lake, "lib.group_driver", P)["licence"] == "C1"
    assert lake.rows("SELECT DISTINCT library FROM lib.subject") == [{"library": "group_driver"}]
    tables = lake.rows(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = 'lib'"
    )
    assert {r["table_name"] for r in tables} == {"group_driver", "conflict", "member", "attribute"}


def test_columns_carry_chinese_comments(lake: Lake, run: Run) -> None:
    run()
    bare = "FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name IN ('lib', 'core')"
    assert (
        lake.rows(f"SELECT table_name, column_name {bare} AND comment IS NULL AND table_name <> 'subject'")
        == []
    )


@pytest.mark.parametrize(
    ("attributes", "members", "said"),
    [
        ({"name": ["drivers.nothing"]}, ["drivers"], "不存在"),
        ({"name": ["drivers.name"]}, ["nothing"], "不存在"),
        ({"number": ["drivers.id"]}, ["drivers"], "证件号码"),
        ({"sources": ["drivers.name"]}, ["drivers"], "系统列名"),
        ({"name": ["drivers.name", "drivers.class"]}, ["drivers"], "两次"),
        ({"name": ["drivers.name", "firms.capital"]}, ["drivers"], "类型不一致"),
    ],
)
def test_a_library_that_cannot_be_built_is_refused(
    catalog: Catalog, attributes: dict[str, list[str]], members: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        resolve(catalog, library("group_driver", "group", "person", members, **attributes))


@pytest.mark.parametrize("last", ["write", "add"])
def test_what_fails_leaves_the_lake_as_it_was_and_no_file(
    lake: Lake,
    ledger: Ledger,
    run: Run,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
    last: str,
) -> None:
    record("firms", A, "a", uscc=A[5:], name="甲")
    run()
    record("firms", B, "b", uscc=B[5:], name="乙")
    ledger.flush(lake)
    before, files = contents(lake), set(lake.home.lake_data.rglob("*.parquet"))
    step = getattr(NewFiles, last)

    def done_and_failed(self: NewFiles, *given: str) -> None:
        step(self, *given)
        if last == "add" or given[0] == "lib.enterprise":
            assert set(lake.home.lake_data.rglob("*.parquet")) > files
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(NewFiles, last, done_and_failed)
    with pytest.raises(OSError, match="No space"):
        run()
    assert contents(lake) == before
    assert set(lake.home.lake_data.rglob("*.parquet")) == files
    monkeypatch.setattr(NewFiles, last, step)
    assert run().subjects["enterprise"] == 2
