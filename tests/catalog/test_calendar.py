"""The seven-working-day rule of 发改办财金〔2018〕424号 over holidays and make-up days."""

from datetime import date

import pytest

from catalog.calendar import is_working_day, working_days_after
from catalog.errors import UserError


@pytest.mark.parametrize(
    ("decided", "due"),
    [
        ("2019-09-25", "2019-10-10"),
        ("2019-09-27", "2019-10-12"),  # a Saturday, made up
        ("2019-10-11", "2019-10-21"),
        ("2019-12-25", "2020-01-06"),
        ("2020-01-17", "2020-02-04"),  # the holiday that was extended
    ],
)
def test_seven_working_days(decided, due):
    assert working_days_after(date.fromisoformat(decided), 7) == date.fromisoformat(due)


def test_the_day_of_decision_may_count_as_the_first():
    assert working_days_after(date(2019, 10, 21), 7, count_decision_day=True) == date(2019, 10, 29)
    assert working_days_after(date(2019, 10, 20), 7, count_decision_day=True) == date(2019, 10, 29)  # Sunday
    assert working_days_after(date(2019, 10, 21), 1, count_decision_day=True) == date(2019, 10, 21)


def test_holidays_and_make_up_days():
    assert not is_working_day(date(2019, 10, 1))
    assert is_working_day(date(2019, 10, 12))
    assert not is_working_day(date(2019, 10, 13))


@pytest.mark.parametrize("day", [date(2003, 12, 31), date(2027, 1, 1)])
def test_a_year_without_a_known_calendar_is_a_clear_error(day):
    with pytest.raises(UserError, match=r"工作日历没有.*处理办法"):
        is_working_day(day)


def test_running_over_the_end_of_the_calendar_is_the_same_error():
    with pytest.raises(UserError, match="2027"):
        working_days_after(date(2026, 12, 30), 7)


def test_no_days_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least 1"):
        working_days_after(date(2019, 10, 21), 0)
