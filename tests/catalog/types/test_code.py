"""Codes by any spelling of their list."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("1", "1", None),
    ("男", "1", None),
    ("女性", "2", None),
    ("F", "2", None),
    ("２", "2", None),
    ("9", "9", None),
    ("3", None, "code_unknown"),
    ("男女", None, "code_unknown"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("code", text, list="sex")
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("code", "  ／".replace("／", "/"), list="sex") == (None, None)


def test_free_text_behind_the_lists_other_prefix(read):
    assert read("code", "其他-试点许可", list="permit_kind") == ("其他-试点许可", None)
    assert read("code", "普通", list="permit_kind") == ("ordinary", None)
    assert read("code", "试点许可", list="permit_kind")[1] == "code_unknown"
