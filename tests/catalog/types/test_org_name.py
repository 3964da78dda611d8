"""Names of organisations; brackets are unified."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("邢台(集团)公司", "邢台（集团）公司", None),
    ("邢台（集团）公司", "邢台（集团）公司", None),
    ("邢台\n公司", "邢台公司", None),
    ("厂", None, "name_invalid"),
    ("123456", None, "name_invalid"),
    ("3M公司", "3M公司", None),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("org_name", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("org_name", "  ／".replace("／", "/")) == (None, None)
