"""Years."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("2019", "2019", None),
    ("2019年", "2019", None),
    ("2019年度", "2019", None),
    ("２０１９", "2019", None),
    ("19", None, "year_invalid"),
    ("2190", None, "year_invalid"),
    ("201909", None, "year_invalid"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("year", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("year", "  ／".replace("／", "/")) == (None, None)
