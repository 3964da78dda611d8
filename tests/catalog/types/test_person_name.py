"""Names of persons; the dot of minority names is one."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("张三丰", "张三丰", None),
    ("王 明", "王明", None),
    ("王\u3000明", "王明", None),
    ("阿•买提", "阿·买提", None),
    ("阿．买提", "阿·买提", None),
    ("阿・买提", "阿·买提", None),
    ("阿‧买提", "阿·买提", None),
    ("阿∙买提", "阿·买提", None),
    ("John Smith", "John Smith", None),
    ("王", None, "name_invalid"),
    ("王5", None, "name_invalid"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("person_name", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("person_name", "  ／".replace("／", "/")) == (None, None)


def test_the_mask_keeps_the_family_name(connection):
    from catalog.types import TYPES

    assert connection.execute(
        f"SELECT {TYPES['person_name'].mask('n')} FROM (SELECT '张三丰' AS n)"
    ).fetchone() == ("张**",)
