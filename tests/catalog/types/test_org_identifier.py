"""Whatever code of an organisation stands in the column, told by form and check digits."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("91130500MA0A1B2C2J", "91130500MA0A1B2C2J", None),
    ("MA0A1B2C-2", "MA0A1B2C2", None),
    ("130500000012342", "130500000012342", None),
    ("1305002001234", "1305002001234", None),
    ("913102******82264P", "913102******82264P", None),
    ("91130500MA0A1B2C2K", None, "identifier_unknown"),
    ("130500000012343", None, "identifier_unknown"),
    ("某公司", None, "identifier_unknown"),
    ("1.30528E+17", None, "code_digits_lost"),
    # A placeholder passes for a code without check digit, or with the right one: all who have none would be one subject.
    ("9999999999999", None, None),
    ("0000000000000", None, None),
    ("000000000", None, None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("org_identifier", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("org_identifier", "  ／".replace("／", "/")) == (None, None)
