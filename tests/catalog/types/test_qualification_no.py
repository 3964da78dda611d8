"""Certificates' numbers: one that holds its owner's ID number is kept as a keyed hash, others stay readable."""

import hashlib
import hmac

import pytest

from catalog.model import Field
from catalog.types import TYPES, Use

PLAIN = ["A20081305211234", "20081305210012345", "110130500001234", "199913110130521709901001"]
HOLDING = [
    "200813110130521197001010017",
    "200813110130521197001010018",
    "20081311013052119700101123X",
    "199913110130521700101001",  # as given while ID numbers had 15 digits
]
USE = Use(Field(name="f", title="资格证书编码", type="qualification_no"))


def stored(connection, text):
    kind = TYPES["qualification_no"]
    sql = f"SELECT {kind.stored('p', USE)} FROM (SELECT {kind.plain('t', USE)} AS p FROM (SELECT ?::VARCHAR AS t))"
    return connection.execute(sql, [text]).fetchone()[0]


@pytest.mark.parametrize("number", PLAIN)
def test_a_number_of_its_own_is_kept(connection, number):
    assert stored(connection, number) == number


@pytest.mark.parametrize("number", HOLDING)
def test_a_number_around_an_id_number_is_kept_as_a_keyed_hash(connection, number):
    assert (
        stored(connection, number)
        == hmac.new(bytes(range(32)), number.encode(), hashlib.sha256).hexdigest()[:32]
    )
    assert stored(connection, f"{number[:9]} {number[9:]}") == stored(connection, number)


@pytest.mark.parametrize("number", [*PLAIN, *HOLDING])
def test_the_expectation_knows_what_must_not_be_stored(connection, number):
    (expected,) = TYPES["qualification_no"].expectations(USE)
    sql = f"SELECT {expected.params['predicate']} FROM (SELECT ? AS f)"
    assert connection.execute(sql, [number]).fetchone() == (number in PLAIN,)


def test_a_hash_that_happens_to_look_like_a_number_is_none(connection):
    """One in a million does: among the 2.5 million of a year's drivers it stopped a batch."""
    (expected,) = TYPES["qualification_no"].expectations(USE)
    sql = f"SELECT {expected.params['predicate']} FROM (SELECT ? AS f)"
    assert connection.execute(sql, ["ab130502198001011234abcdefabcdef"]).fetchone() == (True,)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("无证", "certificate_no_invalid"), ("2.00813E+26", "code_digits_lost"), (HOLDING[0], None)],
)
def test_reads(read, text, fault):
    assert read("qualification_no", text)[1] == fault
