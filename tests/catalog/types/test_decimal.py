"""Decimal numbers."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("12.5", "12.500000", None),
    ("1,200.25", "1200.250000", None),
    ("１２．５", "12.500000", None),
    ("-1", "-1.000000", None),
    ("-1e-05", "-0.000010", None),
    ("十二", None, "decimal_invalid"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("decimal", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("decimal", "  ／".replace("／", "/")) == (None, None)


@pytest.mark.parametrize(
    ("text", "fault"), [("0.4", "number_too_small"), ("0.5", None), ("1.1", "number_too_large")]
)
def test_limits(read, text, fault):
    assert read("decimal", text, min="0.5", max="1")[1] == fault
