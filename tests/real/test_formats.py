"""The register's CSV, JSON and XLS of a year give the same ledger."""

from __future__ import annotations

import hashlib

import pytest

from warehouse.home import Home
from warehouse.lake import Lake

pytestmark = pytest.mark.real

ITEM = "enterprise_registration"
CONTRACT = (
    "item_id, record_key, subject_key, county_code, county_rule, first_period, last_period, versions,"
    " content_hash, status"
)


@pytest.mark.parametrize("year", [1980, 1994, 1995])
def test_csv_json_and_xls_of_a_year_are_one_ledger(year, register, ingest, tmp_path):
    found = {}
    for kind in ("csv", "json", "xls"):
        home = Home(tmp_path / kind)
        result = ingest(register(year, kind), ITEM, home)
        counts = (result.read, result.new, result.quarantined, result.set_aside)
        with Lake(home) as lake:
            # The row number is the place in the file, and JSON has no header row.
            rec = lake.rows(f"SELECT * EXCLUDE (row_number) FROM rec.{ITEM} ORDER BY record_key")
            core = lake.rows(f"SELECT {CONTRACT} FROM core.record ORDER BY record_key")
        assert len(core) == result.new > 0
        found[kind] = (counts, _hash(rec), _hash(core))
    assert found["csv"] == found["json"] == found["xls"]


def _hash(rows):
    return hashlib.sha256(repr(rows).encode()).hexdigest()
