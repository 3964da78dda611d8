"""Document numbers; the year stands in 〔〕 whatever was typed (domain notes 9.2 no. 30)."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("邢市监罚字〔2019〕12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字[2019]12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字(2019)12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字【2019】12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字（2019）12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字［2019］12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字 [2019] 12 号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字﹝2019﹞12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字《2019》12号", "邢市监罚字〔2019〕12号", None),
    ("邢市监罚字〔2019〕\u00a012\u200b号", "邢市监罚字〔2019〕12号", None),
    ("海税简罚(2020)211号", "海税简罚〔2020〕211号", None),
    ("第三号", "第三号", None),
    ("1305281234567890", "1305281234567890", None),
    ("1.30528E+15", None, "code_digits_lost"),
    ("1E+17", None, "code_digits_lost"),
    ("[]号", None, "document_no_empty"),
    ("号", None, "document_no_empty"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("document_no", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("document_no", "  ／".replace("／", "/")) == (None, None)
