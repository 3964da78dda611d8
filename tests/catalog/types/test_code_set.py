"""Several codes in one cell (domain notes 9.2 no. 28)."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("罚款", "fine", None),
    ("罚款、警告", "fine;warning", None),
    ("警告;罚款", "fine;warning", None),
    ("罚款，罚款", "fine", None),
    ("罚款\n警告", "fine;warning", None),
    ("罚款\r\n警告", "fine;warning", None),
    ("罚款/警告", "fine;warning", None),
    ("没收违法所得、没收非法财物", "confiscation", None),
    ("罚款、没收违法所得、没收非法财物", "confiscation;fine", None),
    ("其他-责令改正", "其他-责令改正", None),
    ("罚款、其他-责令改正", "fine;其他-责令改正", None),
    ("责令改正", "其他-责令改正", None),
    ("罚款、责令改正", "fine;其他-责令改正", None),
    ("、", None, "code_unknown"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("code_set", text, list="penalty_kind")
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("code_set", "  ／".replace("／", "/"), list="penalty_kind") == (None, None)


def test_classes_written_without_separator(read):
    assert read("code_set", "A2D", list="licence_class") == ("A2;D", None)
    assert read("code_set", "C1E", list="licence_class") == ("C1;E", None)
    assert read("code_set", "A2X", list="licence_class")[1] == "code_unknown"


def test_the_order_of_values_is_no_content(read):
    assert read("code_set", "警告、罚款", list="penalty_kind") == read(
        "code_set", "罚款、警告", list="penalty_kind"
    )
