"""Codes of 6, 9 or 12 digits, and names with their misspellings (domain notes 9.2 no. 49-50)."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("130528", "130528", None),
    ("130528000000", "130528", None),
    ("130528104000", "130528104", None),
    ("130528104201", "130528104201", None),
    ("１３０５２８", "130528", None),
    ("宁晋县", "130528", None),
    ("桥东区", "130502", None),
    ("任\u3000县", "130526", None),
    ("内邱县", "130523", None),
    ("火星县", None, "division_unknown"),
    ("13052", None, "division_unknown"),
    ("河北省邢台市", "130500", None),
    ("河北省宁晋县", "130528", None),
    ("000000", None, None),  # a placeholder, which a required field does not take
    ("999999", None, None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("division", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("division", "  ／".replace("／", "/")) == (None, None)
