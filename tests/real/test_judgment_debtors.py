"""Nine organisations of the public query, July 2019: masked and hyphenated codes, two forms of date."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from warehouse.home import Home
from warehouse.lake import Lake

pytestmark = pytest.mark.real

ITEM = "judgment_debtor_organizations"


@pytest.fixture(scope="module")
def source(real):
    return real / "judgment_debtors" / "org_records_9.json"


@pytest.fixture(scope="module")
def told(source):
    return json.loads(source.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def loaded(source, ingest, tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("debtors"))
    result = ingest(source, ITEM, home)
    with Lake(home) as lake:
        return (
            result,
            lake.rows(f"SELECT * FROM rec.{ITEM} ORDER BY row_number"),
            lake.rows("SELECT * FROM core.record"),
        )


def test_nine_records_go_in_as_they_are(loaded, told):
    result, rows, ledger = loaded
    assert (result.read, result.new, result.quarantined, result.ignored) == (9, 9, 0, 0)
    assert len({(row["caseCode"], row["iname"]) for row in told}) == len(rows) == 9
    assert len({row["record_key"] for row in ledger}) == 9


def test_a_masked_code_is_linked_to_nobody_and_says_so(loaded, told):
    for row, source in zip(loaded[1], told, strict=True):
        code = source["cardNum"]
        if "*" in code:
            assert (row["subject_key"], row["identity_rule"], row["identifier"]) == (None, "masked", code)
        else:
            assert (row["subject_key"], row["identity_rule"]) == (f"org:{code.replace('-', '')}", "org_code")
    assert sum("*" in source["cardNum"] for source in told) == 6


def test_dates_texts_and_codes_are_kept(loaded, told):
    for row, source in zip(loaded[1], told, strict=True):
        assert row["filed_on"] == datetime.strptime(source["regDate"], "%Y%m%d").date()  # noqa: DTZ007
        assert row["published_on"] == datetime.strptime(source["publishDate"], "%Y年%m月%d日").date()  # noqa: DTZ007
        assert row["name"] == source["iname"].replace("(", "（").replace(")", "）")
        assert row["duty"] == source["duty"]
        assert row["case_no"] == source["caseCode"].replace("(", "（").replace(")", "）")
        assert (row["performed_part"], row["unperformed_part"]) == (None, None)  # 暂无
        assert (row["county_code"], row["county_rule"]) == ("130500", "city")
    assert sum("已删除" in row["duty"] for row in loaded[1]) == sum("已删除" in s["duty"] for s in told) > 0
    assert {row["performance"] for row in loaded[1]} == {"none"}
