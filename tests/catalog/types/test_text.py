"""Running text stays as it is."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("一\n二", "一\n二", None),
    ("  x ", "x", None),
    ("<br>", "<br>", None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("text", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("text", "  ／".replace("／", "/")) == (None, None)
