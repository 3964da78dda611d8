"""Who owes what: the rule of an item (`provision`) expanded to departments and counties, period by period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from catalog.divisions import CITY
from catalog.loader import Catalog
from catalog.model import Item
from catalog.period import Period


@dataclass(frozen=True)
class Provider:
    """Who delivers: a department of the city (`county_code` 130500) or of a county or zone."""

    department: str
    county_code: str


def providers(item: Item, catalog: Catalog, period: Period) -> Iterator[Provider]:
    """All who owe the item, under the layout of counties at the period's end.

    A collective name (各行政机关) stands for each of its members in the city; in a county, whose platform gathers what
    its offices produce, it stays one provider.
    """
    role = item.provision.role
    if role in ("city_department", "city_and_county"):
        for department in catalog.departments[item.department].members or (item.department,):
            yield Provider(department, CITY)
    if role in ("county_bureau", "city_and_county"):
        for unit in catalog.divisions.units(period.last_day, statistical=True):
            yield Provider(item.department, unit.code)


def is_owed(item: Item, period: Period) -> bool:
    """Whether a collection period of the item ends in this month and the duty is in force."""
    ended = item.end is not None and item.end < str(period)
    return item.provision.since <= str(period) and not ended and period.month % item.period_months == 0


def due_date(item: Item, period: Period) -> date:
    """The day of the following month by which the delivery is owed."""
    following = period.shift(1)
    return date(following.year, following.month, item.due.day)
