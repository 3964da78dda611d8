"""Organisation code (GB 11714-1997)."""

import random

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("MA0A1B2C2", "MA0A1B2C2", None),
    ("MA0A1B2C-2", "MA0A1B2C2", None),
    ("ma0a1b2c－2", "MA0A1B2C2", None),
    ("00045678-8", "000456788", None),
    ("40123456-1", "401234561", None),
    ("000000000", None, None),
    ("00000000-0", None, None),
    ("7421****3", "7421****3", None),
    ("MA0A1B2C3", None, "org_code_check"),
    ("MA0A1B2C", None, "org_code_format"),
    ("91130500MA0A1B2C2J", None, "org_code_format"),
    ("无代码", None, "org_code_format"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("org_code", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("org_code", "  ／".replace("／", "/")) == (None, None)


def _check_character(body):
    """GB 11714-1997, 4.2, from the text of the standard."""
    values = [int(c, 36) for c in body]
    rest = 11 - sum(v * w for v, w in zip(values, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def test_agrees_with_the_standard(connection):
    chance = random.Random(4)
    bodies = ["".join(chance.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=8)) for _ in range(500)]
    codes = [body + last for body in bodies for last in "0123456789XY"]
    found = connection.execute(
        "SELECT o FROM (SELECT unnest(?::VARCHAR[]) AS o) WHERE xt_is_org(o)", [codes]
    ).fetchall()
    assert [code for (code,) in found] == [body + _check_character(body) for body in bodies]
