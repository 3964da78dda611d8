"""Unified social credit code: vectors of domain notes 3.6, dirt of 9.2, and an independent check digit."""

import random

import pytest
import stdnum.cn.uscc

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("91130500MA0A1B2C2J", "91130500MA0A1B2C2J", None),
    ("92130528MA0C3D4EX6", "92130528MA0C3D4EX6", None),
    ("11130500000456788X", "11130500000456788X", None),
    ("121305004012345618", "121305004012345618", None),
    ("51130500501234569B", "51130500501234569B", None),
    ("52130500MJ0123456B", "52130500MJ0123456B", None),
    ("93130525MA0E5F6G74", "93130525MA0E5F6G74", None),
    ("54130528ME1122334G", "54130528ME1122334G", None),
    ("N2130528MF2233443J", "N2130528MF2233443J", None),
    ("31130500MD3344551T", "31130500MD3344551T", None),
    ("９１１３０５００ＭＡ０Ａ１Ｂ２Ｃ２Ｊ", "91130500MA0A1B2C2J", None),
    ("9113 0500 MA0A1B2C-2J", "91130500MA0A1B2C2J", None),
    ("\u200b91130500ma0a1b2c2j\t", "91130500MA0A1B2C2J", None),
    ("913102******82264P", "913102******82264P", None),
    ("00000000000000000X", None, None),
    ("111111111111111111", None, None),
    ("000000000000000000", None, None),
    ("91I30500MA0A1B2C2J", "91130500MA0A1B2C2J", None),
    ("92I30500MA0A1B2C2J", None, "uscc_charset"),
    ("91130500MA0A1B2C", "91130500MA0A1B2C", "uscc_length"),
    ("91130500MA0A1B2C2K", None, "uscc_check"),
    ("91130500MA0A1B2D2J", None, "uscc_check"),
    ("1.30528E+17", None, "code_digits_lost"),
    ("130528198506070129", None, "uscc_check"),
    ("测试", None, "uscc_length"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("uscc", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("uscc", "  ／".replace("／", "/")) == (None, None)


def _organisation(body):
    """The inner organisation code with its own check character (GB 11714-1997, 4.2)."""
    rest = sum(int(c, 36) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return body + "0X987654321"[rest]


def test_agrees_with_python_stdnum(connection):
    chance = random.Random(3)
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    bodies = ["91130500" + _organisation("".join(chance.choices(alphabet, k=8))) for _ in range(500)]
    # Its own check character right and every other one wrong.
    codes = [
        body + last
        for body in bodies
        for last in (stdnum.cn.uscc.calc_check_digit(body), chance.choice(alphabet))
    ]
    found = connection.execute(
        "SELECT xt_is_uscc(u) FROM (SELECT unnest(?::VARCHAR[]) AS u)", [codes]
    ).fetchall()
    assert [ok for (ok,) in found] == [
        stdnum.cn.uscc.calc_check_digit(code[:-1]) == code[-1] for code in codes
    ]


def test_both_check_characters_count(read):
    body = "91130500MA0A1B2C3"  # the inner organisation code is wrong, the outer check character right
    assert read("uscc", body + stdnum.cn.uscc.calc_check_digit(body))[1] == "uscc_check"


def test_names_its_repairs(repairs):
    assert repairs("uscc", "91130500ma0a1b2c2j") == ["code_cleaned"]
    assert repairs("uscc", "91130500MA0A1B2C2J") == []
