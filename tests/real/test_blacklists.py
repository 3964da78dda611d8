"""The 2018 e-commerce blacklist as published, codes in the wrong columns and all; and a file of no item."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import openpyxl
import pytest
from stdnum.cn import uscc

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from transforms.extract.drop import land
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery
from warehouse.home import Home
from warehouse.lake import Lake

pytestmark = pytest.mark.real

DOMAINS = {
    "失信被执行人名单": "judgment_debtor",
    "工商吊销企业名单": "revoked",
    "海关失信认证企业名单": "customs",
}
PLACE = {18: "uscc", 9: "org_code", 15: "registration_no", 13: "registration_no"}
COLUMNS = {"工商注册号": "registration_no", "组织机构代码": "org_code", "统一信用代码": "uscc"}


@pytest.fixture(scope="module")
def source(real):
    return real / "blacklists" / "raw" / "91855.xlsx"


@pytest.fixture(scope="module")
def told(source):
    """Per row number: the cells as openpyxl reads them."""
    header, *rows = openpyxl.load_workbook(source).active.iter_rows(values_only=True)
    return {number: dict(zip(header, row, strict=True)) for number, row in enumerate(rows, 2)}


@pytest.fixture(scope="module")
def loaded(source, ingest, tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("blacklist"))
    result = ingest(source, "blacklist", home)
    with Lake(home) as lake:
        return (
            result,
            {row["row_number"]: row for row in lake.rows("SELECT * FROM rec.blacklist")},
            lake.rows("SELECT * FROM core.record"),
            lake.rows("SELECT row_number, field, before FROM ops.issue WHERE rule = 'code_moved'"),
        )


def test_all_five_hundred_are_in(loaded):
    result, rows, ledger, _ = loaded
    assert (result.read, result.new, result.quarantined, result.ignored) == (500, 500, 0, 0)
    assert len(rows) == len(ledger) == len({row["subject_key"] for row in ledger}) == 500
    assert {row["listed_on"] for row in rows.values()} == {None}


def test_a_code_is_what_its_form_says(loaded, told):
    _, rows, _, moved = loaded
    expected_moves = set()
    for number, cells in told.items():
        codes = {column: cells[title] for title, column in COLUMNS.items() if cells[title]}
        by_form = {PLACE[len(code)]: code for code in codes.values()}
        expected_moves |= {
            (number, column, code) for column, code in codes.items() if PLACE[len(code)] != column
        }
        row = rows[number]
        assert {name: row[name] for name in COLUMNS.values() if row[name]} == by_form
        key = f"uscc:{by_form['uscc']}" if "uscc" in by_form else f"org:{by_form['org_code']}"
        assert row["subject_key"] == key
        assert "uscc" not in by_form or uscc.is_valid(by_form["uscc"])
    assert len(expected_moves) == 86
    assert {(m["row_number"], m["field"], m["before"]) for m in moved} == expected_moves


def test_domains_and_place(loaded, told):
    rows = loaded[1]
    for number, cells in told.items():
        assert rows[number]["domains"] == ";".join(sorted(DOMAINS[d] for d in cells["失信领域"].split("、")))
    assert Counter((row["county_code"], row["county_rule"]) for row in rows.values()) == {
        ("130500", "city"): 500
    }


def test_drug_samples_belong_to_no_item_yet(real, tmp_path):
    file = real / "blacklists" / "raw" / "114802.xlsx"
    catalog = load_catalog()
    home = Home(tmp_path / "home")
    for item in catalog.items.values():
        delivery = Delivery.from_file(land(file, item, Period.parse("2019-12"), home))
        with pytest.raises(UserError) as refusal:
            stage_delivery(delivery, catalog, home, tmp_path / "staged")
        assert "114802.xlsx" in str(refusal.value), item.id
        assert "\n" not in str(refusal.value)


def test_the_command_line_takes_and_refuses(real, register, tmp_path):
    taken = _xtcredit(tmp_path, "enterprise_registration", register(1981, "csv"))
    assert (taken.returncode, taken.stderr) == (0, "")
    (row,) = json.loads(taken.stdout)
    assert (row["上报"], row["新增"], row["隔离"], row["其中搁置"]) == (63, 8, 55, 55)

    refused = _xtcredit(tmp_path, "blacklist", real / "blacklists" / "raw" / "114802.xlsx")
    assert refused.returncode == 1
    assert "114802.xlsx" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    with Lake(Home(tmp_path / "var")) as lake:
        assert lake.scalar("SELECT count(*) FROM ops.batch") == 1


def _xtcredit(folder: Path, item: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "import xtcredit; xtcredit.main()",
        "ingest",
        item,
        "--period",
        "2019-12",
    ]
    return subprocess.run(
        [*command, "--file", str(file), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XTCREDIT_HOME": str(folder / "var")},
    )
