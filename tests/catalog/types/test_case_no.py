"""Case numbers of courts."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("（2019）冀0502执123号", "（2019）冀0502执123号", None),
    ("(2019)冀0502执123号", "（2019）冀0502执123号", None),
    ("[2019]冀0502执123号", "（2019）冀0502执123号", None),
    ("（2019）冀0502执恢12号之一", "（2019）冀0502执恢12号之一", None),
    ("(２０１９)冀0502执123号", "（2019）冀0502执123号", None),
    ("2019冀0502执123号", None, "case_no_invalid"),
    ("（2019）冀", None, "case_no_invalid"),
    ("执123号", None, "case_no_invalid"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("case_no", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("case_no", "  ／".replace("／", "/")) == (None, None)
