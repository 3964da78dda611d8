"""Amounts in the field's unit, with units and separators of their own (domain notes 9.2 no. 23-24)."""

from decimal import Decimal

import pytest

from catalog.model import Field
from catalog.types import TYPES, Use

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("1.5", "1.500000", None),
    ("5,000(万元人民币)", "5000.000000", None),
    ("20万元人民币", "20.000000", None),
    ("38万人民币", "38.000000", None),
    ("2000元", "0.200000", None),
    ("2千元", "0.200000", None),
    ("1亿元", "10000.000000", None),
    ("１００", "100.000000", None),
    ("5，000", "5000.000000", None),
    ("100万美元", None, "amount_foreign"),
    ("0", "0.000000", None),
    ("1.23E3", "1230.000000", None),
    ("3000万元整", "3000.000000", None),
    ("48.7548241", "48.754824", None),
    ("伍万元", "5.000000", None),
    ("一百二", None, "amount_invalid"),
    ("约5万", None, "amount_invalid"),
    ("5千万元", "5000.000000", None),
    ("3百万", "300.000000", None),
    ("2仟元", "0.200000", None),
    ("3拾万元", "30.000000", None),
    ("500万人民币元", "500.000000", None),
    ("5角", "0.000050", None),
    ("3万余元", None, "amount_invalid"),
    ("500元以下", None, "amount_invalid"),
    ("50分", None, "amount_invalid"),
    ("2019年", None, "amount_invalid"),
    ("15人", None, "amount_invalid"),
    ("abc", None, "amount_invalid"),
    ("5万6千", "5.600000", None),
    ("5万6", None, "amount_invalid"),
    ("-1", None, "amount_too_small"),
    ("1000001", None, "amount_too_large"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("amount", text, unit="万元", max="1000000")
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("amount", "  ／".replace("／", "/"), unit="万元", max="1000000") == (None, None)


def test_a_bare_number_is_in_the_fields_unit(read):
    assert read("amount", "2000", unit="元") == ("2000.000000", None)
    assert read("amount", "0.2万元", unit="元") == ("2000.000000", None)


def test_names_its_repairs(repairs):
    assert repairs("amount", "2000元", unit="万元") == ["amount_unit"]
    assert repairs("amount", "5仟", unit="万元") == ["amount_unit"]
    assert repairs("amount", "2000", unit="万元") == []
    assert repairs("amount", "5,000", unit="万元") == []
    assert repairs("amount", "1,234,567.5万元", unit="万元") == ["amount_unit"]
    assert repairs("amount", "1,5", unit="万元") == ["amount_commas"]
    assert repairs("amount", "12,34", unit="万元") == ["amount_commas"]


@pytest.mark.parametrize("text", ["999999999999", "9046509496.27", "123456789012.34"])
def test_a_large_amount_has_no_figures_of_its_own(read, text):
    plain, fault = read("amount", text, unit="元")
    assert fault is None
    assert Decimal(plain) == Decimal(text)


def test_a_foreign_amount_is_taken_where_another_field_keeps_its_currency(connection):
    use = Use(Field(name="f", title="注册资本", type="amount", unit="万元"), shared=True)
    faults = TYPES["amount"].faults("t", "p", use)
    told = " OR ".join(f"({fault.when})" for fault in faults)
    row = connection.execute(
        f"SELECT p::VARCHAR, {told} FROM (SELECT *, {TYPES['amount'].plain('t', use)} AS p FROM (SELECT '1千万美元' AS t))"
    ).fetchone()
    assert row == ("1000.000000", False)
