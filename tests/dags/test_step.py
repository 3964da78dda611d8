"""How a step's failure reaches the engineer: on one line or by retry, never with an ID number."""

from __future__ import annotations

import traceback

import pytest

from catalog.errors import PassingError, UserError

ID_NUMBER = "130503199001011239"


def raising(error):
    def function():
        raise error

    return function


def shown(caught) -> str:
    return "".join(traceback.format_exception(caught.value))


def test_the_result_is_passed_on(wiring):
    assert wiring.step(lambda a, b: a + b, 1, b=2) == 3


def test_a_users_mistake_fails_without_retry_on_one_line(wiring):
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"^a\.csv：列名不认识。处理办法：改列名。$") as caught:
        wiring.step(raising(UserError("列名不认识", where="a.csv", remedy="改列名")))
    assert "During handling" not in shown(caught)
    assert "catalog.errors" not in shown(caught)


def test_another_error_is_left_to_the_retries(wiring):
    with pytest.raises(OSError, match="disk full"):
        wiring.step(raising(OSError("disk full")))


@pytest.mark.parametrize("number", [ID_NUMBER, ID_NUMBER[:-1] + "X", "130503900101123"])
@pytest.mark.parametrize("kind", [ValueError, UserError])
def test_an_id_number_in_a_message_is_blacked_out(wiring, number, kind):
    with pytest.raises(Exception, match="〔身份证号〕") as caught:
        wiring.step(raising(kind(f"cannot convert '{number}'")))
    assert number not in shown(caught)


def test_an_id_number_in_the_cause_is_blacked_out(wiring):
    def function():
        try:
            raise ValueError(ID_NUMBER)
        except ValueError as error:
            raise OSError("bad") from error

    with pytest.raises(RuntimeError) as caught:
        wiring.step(function)
    assert ID_NUMBER not in shown(caught)


@pytest.mark.parametrize("text", ["91130500MA0A1B2C2J", "20200103-01-130500", "2019-12", "1305031990"])
def test_other_numbers_are_left_alone(wiring, text):
    assert wiring.redact(text) == text


def test_a_fault_of_the_machine_is_retried_on_one_line(wiring):
    from airflow.sdk.exceptions import AirflowFailException

    fault = PassingError("磁盘已满", remedy="腾出空间")
    with pytest.raises(RuntimeError, match=r"^磁盘已满。处理办法：腾出空间。$") as caught:
        wiring.step(raising(fault))
    assert not isinstance(caught.value, AirflowFailException)
    assert "catalog.errors" not in shown(caught)
