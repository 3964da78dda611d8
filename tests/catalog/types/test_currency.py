"""The currency named in an amount's text."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("100", "CNY", None),
    ("100万元", "CNY", None),
    ("100万人民币", "CNY", None),
    ("100万美元", "USD", None),
    ("100万元美元", "USD", None),
    ("50万港币", "HKD", None),
    ("50万欧元", "EUR", None),
    ("20万加拿大元", "CAD", None),
    ("8400万元", "CNY", None),
    ("1240万元", "CNY", None),
    ("840", "USD", None),
]


def test_a_bare_amount_names_no_currency(read):
    assert read("currency", "840", list="currency", same_column_as="capital") == ("CNY", None)
    assert read("currency", "840万美元", list="currency", same_column_as="capital") == ("USD", None)


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("currency", text, list="currency")
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("currency", "  ／".replace("／", "/"), list="currency") == (None, None)
