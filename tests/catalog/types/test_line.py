"""One line: breaks inside the cell are removed."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("一\r\n二", "一二", None),
    ("一\t二", "一二", None),
    ("abc", "abc", None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("line", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("line", "  ／".replace("／", "/")) == (None, None)
