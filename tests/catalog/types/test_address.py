"""Addresses are lines."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("邢台市\n桥东区", "邢台市桥东区", None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("address", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("address", "  ／".replace("／", "/")) == (None, None)
