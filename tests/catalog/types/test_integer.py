"""Whole numbers."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("12", "12", None),
    ("1,200", "1200", None),
    ("１２", "12", None),
    ("12.0", "12", None),
    ("-3", "-3", None),
    ("12.5", None, "integer_invalid"),
    ("十二", None, "integer_invalid"),
    ("12人", None, "integer_invalid"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("integer", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("integer", "  ／".replace("／", "/")) == (None, None)


@pytest.mark.parametrize(
    ("text", "fault"), [("0", "number_too_small"), ("1", None), ("9", None), ("10", "number_too_large")]
)
def test_limits(read, text, fault):
    assert read("integer", text, min="1", max="9")[1] == fault
