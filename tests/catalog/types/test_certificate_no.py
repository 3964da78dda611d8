"""Licence and certificate numbers."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("jz-2019 01", "JZ-201901", None),
    ("ＡＢ１２", "AB12", None),
    ("JY\u00a01305\u200b28", "JY130528", None),
    ('="0012"', "0012", None),  # kept from being read as a number, in files for a spreadsheet
    ("'0012", "0012", None),
    ("`0012", "0012", None),
    ("无证", None, "certificate_no_invalid"),
    ("1.30528E+17", None, "code_digits_lost"),
    ("1E12", "1E12", None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("certificate_no", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("certificate_no", "  ／".replace("／", "/")) == (None, None)


def test_what_was_changed_is_told(repairs):
    assert repairs("certificate_no", "jy1") == ["code_cleaned"]
    assert repairs("certificate_no", "JY1") == []
