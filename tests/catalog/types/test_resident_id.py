"""Resident identity number (GB 11643-1999): old regions are valid; the clear number is not stored."""

import hashlib
import hmac
import random

import pytest
from stdnum.iso7064 import mod_11_2

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("130521197001010017", "130521197001010017", None),
    ("132228197501010013", "132228197501010013", None),
    ("130528198506070129", "130528198506070129", None),
    ("130521700101001", "130521197001010017", None),
    ("13052119700101001７", "130521197001010017", None),
    (" 130521 19700101 0017", "130521197001010017", None),
    ("130528********0129", "130528********0129", None),
    ("330222************", "330222************", None),
    ("000000000000000000", None, None),
    ("111111111111111111", None, None),
    ("130521197001010018", None, "resident_id_check"),
    ("130521199002300017", None, "resident_id_birth"),
    ("13052119700101001", None, "resident_id_format"),
    ("E12345678", None, "resident_id_format"),
    ("1.30528E+17", None, "code_digits_lost"),
    ("030521197001010017", None, "resident_id_format"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("resident_id", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("resident_id", "  ／".replace("／", "/")) == (None, None)


@pytest.mark.parametrize("last", ["x", "Ｘ", "ｘ", "×", "X"])
def test_a_last_x_in_any_shape(read, last):
    body = next(b for n in range(100) if mod_11_2.calc_check_digit(b := f"13052119700101{n:03d}") == "X")
    assert read("resident_id", body + last) == (body + "X", None)


def test_agrees_with_python_stdnum(connection):
    chance = random.Random(6)
    bodies = [
        f"1305{chance.randrange(100):02d}19{chance.randrange(100):02d}0915{chance.randrange(1000):03d}"
        for _ in range(500)
    ]
    found = connection.execute(
        "SELECT xt_id_check(s) FROM (SELECT unnest(?::VARCHAR[]) AS s)", [bodies]
    ).fetchall()
    assert [c for (c,) in found] == [mod_11_2.calc_check_digit(body) for body in bodies]


def test_the_record_keeps_a_keyed_hash(connection):
    from catalog.model import Field
    from catalog.types import TYPES, Use

    number, masked = "130521197001010017", "130528********0129"
    stored = TYPES["resident_id"].stored("p", Use(Field(name="f", title="号码", type="resident_id")))
    found = connection.execute(
        f"SELECT {stored} FROM (SELECT unnest(?::VARCHAR[]) AS p)", [[number, masked, None]]
    ).fetchall()
    expected = hmac.new(bytes(range(32)), number.encode(), hashlib.sha256).hexdigest()[:32]
    assert found == [(expected,), (masked,), (None,)]


def test_names_its_repairs(repairs):
    assert repairs("resident_id", "130521700101001") == ["resident_id_upgraded"]
    assert repairs("resident_id", "130521 197001010017") == ["code_cleaned"]
    assert repairs("resident_id", "130521197001010017") == []
