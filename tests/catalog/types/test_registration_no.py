"""Business registration number (GS 15-2006)."""

import random

import pytest
from stdnum.iso7064 import mod_11_10

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("130500000012342", "130500000012342", None),
    ("130528600123453", "130528600123453", None),
    ("１３０５００００００１２３４２", "130500000012342", None),
    ("1305002001234", "1305002001234", None),
    ("000000000000000", None, None),
    ("1305000****2342", "1305000****2342", None),
    ("130500000012343", None, "registration_no_check"),
    ("13050000001234", None, "registration_no_format"),
    ("冀邢123", None, "registration_no_format"),
    ("1.305E+14", None, "code_digits_lost"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("registration_no", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("registration_no", "  ／".replace("／", "/")) == (None, None)


def test_agrees_with_python_stdnum(connection):
    chance = random.Random(5)
    numbers = ["".join(chance.choices("0123456789", k=15)) for _ in range(1000)]
    numbers += [body + mod_11_10.calc_check_digit(body) for body in (number[:14] for number in numbers)]
    found = connection.execute(
        "SELECT xt_is_reg(r) FROM (SELECT unnest(?::VARCHAR[]) AS r)", [numbers]
    ).fetchall()
    assert [ok for (ok,) in found] == [mod_11_10.is_valid(number) for number in numbers]
