"""Taxpayers' numbers: an organisation's stays readable, an individual business's hides its owner's ID number."""

import hashlib
import hmac

import pytest

from catalog.model import Field
from catalog.types import TYPES, Use

ORGANISATIONS = [
    "130503105020018",  # region and organisation code: the digits could be a birthday, the check digit says no
    "13050310502001X",
    "91130500MA0A1B2C2J",
    "130500000012345",
    "1305031050200",
]
PERSONS = [
    "13052119700101001701",
    "130521197001010017",
    "130521197001010018L1",  # a wrong check digit is still somebody's number
    "13050390010112301",
    "130503900101123",
    "13052119700101123X01",
]


def stored(connection, text):
    kind, use = TYPES["taxpayer_no"], Use(Field(name="f", title="税务登记号", type="taxpayer_no"))
    sql = f"SELECT p, {kind.stored('p', use)} FROM (SELECT {kind.plain('t', use)} AS p FROM (SELECT ?::VARCHAR AS t))"
    return connection.execute(sql, [text]).fetchone()


@pytest.mark.parametrize("number", ORGANISATIONS)
def test_an_organisations_number_is_kept(connection, number):
    assert stored(connection, number) == (number, number)


@pytest.mark.parametrize("number", PERSONS)
def test_a_persons_number_is_kept_as_a_keyed_hash(connection, number):
    expected = hmac.new(bytes(range(32)), number.encode(), hashlib.sha256).hexdigest()[:32]
    assert stored(connection, number) == (number, expected)


def test_full_width_digits_and_blanks_hide_nothing_from_it(connection):
    assert stored(connection, "１３０５２１ 19700101 001701") == stored(connection, PERSONS[0])


def test_an_empty_cell_and_a_masked_number_stay(connection):
    assert stored(connection, None) == (None, None)
    assert stored(connection, "130521********001701") == ("130521********001701",) * 2


@pytest.mark.parametrize("number", [*ORGANISATIONS, *PERSONS])
def test_the_expectation_knows_what_must_not_be_stored(connection, number):
    use = Use(Field(name="f", title="税务登记号", type="taxpayer_no"))
    (expected,) = TYPES["taxpayer_no"].expectations(use)
    sql = f"SELECT {expected.params['predicate']} FROM (SELECT ? AS f)"
    assert connection.execute(sql, [number]).fetchone() == (number in ORGANISATIONS,)
    assert connection.execute(sql, [stored(connection, number)[1]]).fetchone() == (True,)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("无证", "certificate_no_invalid"), ("1.30528E+17", "code_digits_lost"), ("130503105020018", None)],
)
def test_reads(read, text, fault):
    assert read("taxpayer_no", text)[1] == fault
