"""Hebei's register of 32 years through the three registration items, against Python's own reading of it."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import duckdb
import pytest
from stdnum.cn import uscc

from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

pytestmark = pytest.mark.real

OURS, CODE = "邢台", "统一社会信用代码"
ITEMS = ("enterprise_registration", "individual_business_registration", "cooperative_registration")
MISSING = {"N/A", "-", ""}
CURRENCY = {"美元": "USD", "港币": "HKD", "欧元": "EUR", "日元": "JPY", "英镑": "GBP", "加拿大元": "CAD"}
ENTERPRISE = "enterprise_registration"
COUNTIES = {
    "130502": "桥东", "130503": "桥西", "130521": "邢台县", "130522": "临城", "130523": "内丘", "130524": "柏乡",
    "130525": "隆尧", "130526": "任县", "130527": "南和", "130528": "宁晋", "130529": "巨鹿", "130530": "新河",
    "130531": "广宗", "130532": "平乡", "130533": "威县", "130534": "清河", "130535": "临西", "130571": "开发区",
    "130581": "南宫", "130582": "沙河",
}  # fmt: skip


@pytest.fixture(scope="module")
def wanted_of(published, kind):
    """The rows of an item's own kind in this city, by (year, row number)."""
    return lambda item: {
        (year, row["#"]): row for year, rows in published.items() for row in rows if kind(row, item)
    }


def capital(text):
    """(amount in 10,000, currency) of a register's capital, None where it is no amount."""
    found = re.fullmatch(r"([0-9][0-9,]*(?:\.[0-9]+)?)[(]?(万\D*?)[)]?", text)
    if not found:
        return None
    return Decimal(found[1].replace(",", "")), next((c for k, c in CURRENCY.items() if k in found[2]), "CNY")


def test_the_register_is_what_was_published(published):
    rows = [row for year in published.values() for row in year]
    ours = [row for row in rows if OURS in row["地区"]]
    assert (len(rows), len(ours)) == (100_387, 6_408)
    assert Counter(row[CODE][:2] for row in ours) == {"91": 5_640, "92": 475, "93": 293}
    assert all(uscc.is_valid(row[CODE]) for row in ours)


@pytest.mark.parametrize("item", ITEMS)
def test_every_row_is_accounted_for(item, published, full_run, wanted_of):
    """Over the three items each of our 6,408 rows is taken once; every other row is set aside in all."""
    run, wanted = full_run(item), wanted_of(item)
    per_year = Counter(year for year, _ in wanted)
    for year, rows in published.items():
        staged = run.results[year]
        assert (staged["read"], staged["valid"], staged["ignored"]) == (len(rows), per_year[year], 0)
        assert staged["quarantined"] == staged["set_aside"] == len(rows) - per_year[year]
        if loaded := staged.get("loaded"):
            assert (loaded["new"], loaded["updated"], loaded["duplicate"]) == (per_year[year], 0, 0)
            assert (loaded["read"], loaded["set_aside"]) == (staged["read"], staged["set_aside"])
    kept = run.rows(f'SELECT right(batch_id, 4)::INTEGER AS year, row_number, uscc FROM rec."{item}"')
    assert {(r["year"], r["row_number"]): r["uscc"] for r in kept} == {k: v[CODE] for k, v in wanted.items()}


@pytest.mark.parametrize("item", ITEMS)
def test_every_row_set_aside_has_its_reason(item, published, full_run, wanted_of):
    run, wanted = full_run(item), wanted_of(item)
    everything = {(year, row["#"]): row for year, rows in published.items() for row in rows}
    with duckdb.connect() as connection:
        aside = connection.execute(
            f"SELECT year, row_number, level, rule, message, raw FROM {run.quarantine}"
        ).fetchall()
    assert {(year, number) for year, number, *_ in aside} == set(everything) - set(wanted)
    for year, number, level, rule, message, raw in aside:
        row = everything[year, number]
        # One row names no city at all: the shifted one of 1994. Its code is that of another city's registrar.
        ours = OURS in row["地区"]
        # What is another item's and another city's may be told by either; what is ours only by its item.
        assert level == "set_aside"
        assert rule == "prefix" if ours else rule in ("prefix", "within_city"), row
        assert ("属于其他目录" in message) if rule == "prefix" else (message == "不是本市主体，已搁置")
        assert row[CODE] in raw
    stored = run.rows("SELECT count(*) AS n FROM ops.quarantine")[0]["n"]
    assert stored == sum(y["quarantined"] for y in run.results.values() if "loaded" in y)


@pytest.mark.parametrize("item", ITEMS)
def test_the_ledger_has_one_record_per_code(item, full_run, wanted_of):
    run, wanted = full_run(item), wanted_of(item)
    ledger = run.rows("SELECT subject_key, identity_rule, versions, first_period, status FROM core.record")
    assert sorted(r["subject_key"] for r in ledger) == sorted(f"uscc:{row[CODE]}" for row in wanted.values())
    assert {(r["identity_rule"], r["versions"], r["first_period"], r["status"]) for r in ledger} == {
        ("uscc", 1, "2019-12", "active")
    }


def test_names_addresses_and_missing_values(full_run, wanted_of):
    rows = full_run(ENTERPRISE).rows(
        "SELECT right(batch_id, 4)::INTEGER AS year, row_number, name, address, legal_representative,"
        " registered_capital, enterprise_type, established_on::VARCHAR AS established_on"
        f" FROM rec.{ENTERPRISE}"
    )
    wanted = wanted_of(ENTERPRISE)
    full_width = 0
    for row in rows:
        source = wanted[row["year"], row["row_number"]]
        assert row["name"] == source["企业名称"].strip().replace("(", "（").replace(")", "）")
        assert row["address"] == (None if source["注册地址"] in MISSING else source["注册地址"].strip())
        assert (row["legal_representative"] is None) == (source["法人代表"] in MISSING)
        assert (row["registered_capital"] is None) == (source["注册资金"] in MISSING)
        assert (row["enterprise_type"] is None) == (source["企业类型"] in MISSING)
        assert row["established_on"] == source["注册日期"]
        full_width += bool(re.search("[０-９]", row["address"] or ""))
    assert full_width > 0
    assert any(row["legal_representative"] is None for row in rows)


def test_every_shape_of_capital(published, full_run):
    """Parsed for all rows of the province, ours or not: value in 10,000 and currency."""
    run = full_run(ENTERPRISE)
    with duckdb.connect() as connection:
        parsed = connection.execute(
            f"SELECT year, row_number, registered_capital, capital_currency FROM {run.staged}"
        ).fetchall()
    assert len(parsed) == 100_387
    texts = {(year, row["#"]): row["注册资金"] for year, rows in published.items() for row in rows}
    shapes, currencies = set(), Counter()
    for year, number, amount, currency in parsed:
        text = texts[year, number]
        if text in MISSING:
            assert (amount, currency) == (None, None)
            continue
        shapes.add(re.sub("[0-9]+", "9", text))
        expectation = capital(text)
        assert (amount is None) == (expectation is None), text
        if expectation is not None:
            assert (amount, currency) == expectation, text
            currencies[currency] += 1
    assert len(shapes) == 37
    assert set(currencies) == {"CNY", *CURRENCY.values()}


def test_old_registrars_of_the_city_are_good(full_run, wanted_of):
    """130501 and 130506 are in no table of 2019: the city's own office, and 大曹庄 (counted with 宁晋)."""
    rows = full_run(ENTERPRISE).rows(
        f"SELECT substr(uscc, 3, 6) AS registrar, county_code, county_rule, address FROM rec.{ENTERPRISE}"
        " WHERE substr(uscc, 3, 6) IN ('130501', '130506')"
    )
    wanted = Counter(row[CODE][2:8] for row in wanted_of(ENTERPRISE).values())
    found = Counter(row["registrar"] for row in rows)
    assert found == {"130501": wanted["130501"], "130506": wanted["130506"]}
    assert min(found.values()) > 0
    for row in rows:
        if row["registrar"] == "130506":
            assert (row["county_code"], row["county_rule"]) == ("130528", "registrar")
        elif row["county_rule"] == "address":
            assert COUNTIES[row["county_code"]] in row["address"]
        else:
            assert (row["county_code"], row["county_rule"]) == ("130500", "city")


def test_a_company_that_moved_is_no_error(full_run, wanted_of):
    """The registrar's county wins over the address; registrars of other cities leave it to the address."""
    rows = {
        (r["year"], r["row_number"]): r
        for r in full_run(ENTERPRISE).rows(
            "SELECT right(batch_id, 4)::INTEGER AS year, row_number, county_code, county_rule"
            f" FROM rec.{ENTERPRISE}"
        )
    }
    moved = foreign = 0
    for key, source in wanted_of(ENTERPRISE).items():
        code = source[CODE][2:8]
        named = {county for county, name in COUNTIES.items() if f"邢台市{name}" in source["注册地址"]}
        if code in COUNTIES:
            assert (rows[key]["county_code"], rows[key]["county_rule"]) == (code, "registrar")
            moved += bool(named and code not in named)
        elif not code.startswith("1305"):
            assert rows[key]["county_rule"] in ("address", "city")
            foreign += 1
    assert moved > 0
    assert foreign > 0


def test_the_shifted_row_of_1994(published, full_run):
    """A comma inside a name moved its cells one to the right, and still there are ten."""
    (shifted,) = [row for row in published[1994] if "Villanueva" in row["注册资金"]]
    (told,) = full_run(ENTERPRISE).rows(
        "SELECT level, rule, faults, raw FROM ops.quarantine"
        f" WHERE batch_id LIKE '%1994' AND row_number = {shifted['#']}"
    )
    assert told["level"] == "set_aside"
    assert "amount_invalid" in told["faults"]
    assert "Villanueva" in told["raw"]


def test_a_code_borne_by_two_companies(published, full_run, ingest, register, tmp_path):
    """A code of 廊坊 in two years with two names is set aside twice; ours would be one record, updated."""
    seen = Counter(row[CODE] for rows in published.values() for row in rows)
    twice = [code for code, n in seen.items() if n > 1]
    assert len(twice) == 1
    both = [(year, row) for year, rows in published.items() for row in rows if row[CODE] == twice[0]]
    told = full_run(ENTERPRISE).rows(
        "SELECT right(batch_id, 4)::INTEGER AS year, row_number, rule FROM ops.quarantine"
        f" WHERE raw LIKE '%{twice[0]}%'"
    )
    assert {(r["year"], r["row_number"]) for r in told} == {(year, row["#"]) for year, row in both}
    assert {r["rule"] for r in told} == {"within_city"}

    header = register(1980, "csv").read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    file = tmp_path / "两行.csv"
    lines = [",".join(f'"{(row | {"地区": OURS})[name]}"' for name in header) for _, row in both]
    file.write_text("\n".join([",".join(header), *lines]) + "\n", encoding="utf-8")
    home = Home(tmp_path / "home")
    result = ingest(file, ENTERPRISE, home)
    assert (result.new, result.updated, result.duplicate) == (1, 1, 0)
    with Lake(home) as lake:
        assert lake.rows("SELECT subject_key, versions, row_number FROM core.record") == [
            {"subject_key": f"uscc:{twice[0]}", "versions": 2, "row_number": 3}
        ]


def test_order_and_repetition_leave_the_same_state(register, ingest, tmp_path):
    years = (1981, 1984, 1985)

    def state(name, order):
        home = Home(tmp_path / name)
        for year in order:
            ingest(register(year, "csv"), ENTERPRISE, home)
        with Lake(home) as lake:
            return steps.state_hash(lake), lake.rows(
                "SELECT batch_id, rows_read, rows_new, rows_updated, rows_duplicate, rows_quarantined"
                " FROM ops.batch ORDER BY ALL"
            )

    once = state("once", years)
    assert len(once[1]) == len(years)
    assert state("again", (*reversed(years), years[0])) == once
