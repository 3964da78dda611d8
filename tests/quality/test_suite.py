from __future__ import annotations

import pytest

from catalog.errors import UserError
from catalog.loader import Catalog, load_catalog
from catalog.model import Check, Item
from quality.suite import History, expectations

NONE = History("2019-12")


def ids(item: Item, catalog: Catalog, fmt: str | None = None, history: History = NONE) -> set[str]:
    form = next((f for f in item.formats if f.id == fmt), None)
    return {e.id for e in expectations(item, form, catalog, history)}


def test_everything_follows_from_the_catalog(item: Item, catalog: Catalog) -> None:
    assert ids(item, catalog) == {
        "rows_min__fail",
        "rows_max__warn",
        "reject_rate_max__fail",
        "reject_rate__warn",
        "repeated_rows__warn",
        "required__number__fail",
        "number_hidden__number__fail",
        "required__name__fail",
        "code_in_set__kind__fail",
        "code_in_set__measures__fail",
        "date_range__day__fail",
        "date_range__since__fail",
        "number_range__fee__fail",
        "required__reason__fail",
        "fill_rate_min__phone__warn",
        "distinct_max_share__day__fail",
    }


def test_fields_a_format_lacks_are_not_asked_for(item: Item, catalog: Catalog) -> None:
    missing = ids(item, catalog) - ids(item, catalog, "old")
    assert missing == {"required__reason__fail", "number_range__fee__fail", "fill_rate_min__phone__warn"}


def test_volume_is_compared_with_the_median_of_the_months_asked_for(item: Item, catalog: Catalog) -> None:
    earlier = (("2019-08", 9e9), ("2019-09", 100.0), ("2019-10", 200.0), ("2019-11", 900.0))
    history = History("2019-12", earlier)
    assert history.usual(3) == 200
    found = [e for e in expectations(item, None, catalog, history) if e.check == "volume_change"]
    assert [(e.params["value"], e.params["min"], e.params["max"]) for e in found] == [
        ("valid / 200.0", 0.5, 1.5)
    ]


def test_a_later_period_is_no_history(item: Item, catalog: Catalog) -> None:
    assert History("2019-12", (("2019-12", 5.0), ("2020-01", 5.0))).usual(3) is None


def test_volume_must_not_decide_what_is_accepted(item: Item, catalog: Catalog) -> None:
    blocking = item.model_copy(
        update={"checks": (Check(level="fail", check="volume_change", months=3, tolerance=0.5),)}
    )
    with pytest.raises(UserError, match="level 改为 warn"):
        expectations(blocking, None, catalog, NONE)


def test_an_incomplete_check_is_an_error_of_the_catalog(item: Item, catalog: Catalog) -> None:
    incomplete = item.model_copy(
        update={"checks": (Check(level="warn", check="fill_rate_min", field="name"),)}
    )
    with pytest.raises(UserError, match="补全"):
        expectations(incomplete, None, catalog, NONE)


def test_ids_are_unique_for_every_item_and_format() -> None:
    catalog = load_catalog()
    history = History("2019-12", (("2019-11", 100.0),))
    for item in catalog.items.values():
        for fmt in (None, *item.formats):
            found = [e.id for e in expectations(item, fmt, catalog, history)]
            assert len(found) == len(set(found)), item.id
            assert all(e.message for e in expectations(item, fmt, catalog, history))
