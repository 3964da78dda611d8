"""Chinese working days: weekends, holidays and make-up days (调休) by each year's State Council notice."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar

from catalog.errors import UserError

FIRST_YEAR, LAST_YEAR = 2004, 2026


def is_working_day(day: date) -> bool:
    """Whether offices work on the day; raises `UserError` outside 2004-2026, where no notice is known."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UserError(
            f"工作日历没有{day.year}年的放假安排（现有{FIRST_YEAR}—{LAST_YEAR}年）",
            where=day.isoformat(),
            remedy="升级 chinesecalendar 后修改 catalog/calendar.py 的年份范围，或改正日期",
        )
    return bool(chinese_calendar.is_workday(day))


def working_days_after(day: date, n: int, *, count_decision_day: bool = False) -> date:
    """The n-th working day after `day`, such as the last day on which a decision may be reported.

    The day itself is not counted (民法典 第201条); some platforms count it as day 1 if it is a working day:
    `count_decision_day`.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    left = n - 1 if count_decision_day and is_working_day(day) else n
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return day


def reporting_deadline(day: date, n: int, *, count_decision_day: bool = False) -> date | None:
    """As `working_days_after`, for any day that data may hold.

    Of a day before the calendar's first year it gives the latest day it can have been: what is reported later is late for
    certain. None where the calendar does not reach yet and nothing can be said.
    """
    if day.year > LAST_YEAR:
        return None
    try:
        return working_days_after(max(day, date(FIRST_YEAR, 1, 1)), n, count_decision_day=count_decision_day)
    except UserError:
        return None
