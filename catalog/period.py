"""The period: a calendar month, the unit in which departments owe data and counties are assessed."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date

from catalog.errors import UserError

_PERIOD = re.compile(r"((?:19|20)[0-9]{2})-([0-9]{2})")


@dataclass(frozen=True, order=True)
class Period:
    """A calendar month such as `2019-12`; quarterly and yearly items use the last month of theirs."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `YYYY-MM` of the years 1900-2099; raises `UserError` for anything else."""
        match = _PERIOD.fullmatch(text.strip())
        if not match or not 1 <= int(match[2]) <= 12:
            raise UserError(f"期次“{text}”不是有效的年月", remedy="写成 YYYY-MM，例如 2019-12")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def parse_range(cls, text: str) -> list[Period]:
        """Read `2019-10:2019-12` (both ends included) or a single period, in order."""
        first, _, last = text.partition(":")
        start, end = cls.parse(first), cls.parse(last or first)
        if end < start:
            raise UserError(f"期次范围“{text}”的终点早于起点", remedy="写成 起:止，例如 2019-10:2019-12")
        periods = [start]
        while periods[-1] < end:
            periods.append(periods[-1].shift(1))
        return periods

    @classmethod
    def before(cls, day: date) -> Period:
        """The last whole month before `day`'s month: what a run that fires on `day` collects."""
        return cls(day.year, day.month).shift(-1)

    def shift(self, months: int) -> Period:
        """The period `months` later (earlier if negative)."""
        index = self.year * 12 + self.month - 1 + months
        return Period(index // 12, index % 12 + 1)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
