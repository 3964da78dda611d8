"""Small counts of persons: gone, and not to be told from what is published beside them."""

from __future__ import annotations

from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.assess.tables import MARTS
from transforms.publish.suppress import SMALL, suppress

PERIOD, CITY = "2019-12", "130500"
ITEMS = {"i0": "d0", "i1": "d0", "i2": "d1", "i3": "d2", "i4": "d3"}
PERSONS = ("i0", "i2")
COUNTIES = (CITY, "130502", "130528")
COLUMNS = {m.name: m for m in MARTS}


class Memory:
    """As much of a lake as suppression needs: the marts, filled from what each item's providers sent."""

    def __init__(self, sent: dict[tuple[str, str], tuple[int, int]]) -> None:
        self.connection = duckdb.connect()
        self.execute("ATTACH ':memory:' AS lake; USE lake; CREATE SCHEMA mart")
        for mart in MARTS:
            shape = ", ".join(f'"{name}" {kind}' for name, kind, _ in mart.columns)
            self.execute(f"CREATE TABLE {mart.qualified} ({shape})")
        for (item, county), (good, bad) in sent.items():
            place = {"period": PERIOD, "item_id": item, "county_code": county, "department": ITEMS[item]}
            counted = {"submitted": good + bad, "accepted": good}
            self.add("provider_item", **place, **counted, questioned=bad)
            self.add("obligation", **place, **counted)
            self.add("county_item", period=PERIOD, item_id=item, county_code=county, collected=good)
        sums = "sum(submitted)::BIGINT AS submitted, sum(accepted)::BIGINT AS accepted, sum(questioned)::BIGINT AS questioned, sum(accepted)::BIGINT AS collected, sum(accepted) / nullif(sum(submitted), 0) AS valid_rate"
        self.execute(f"INSERT INTO mart.item_progress BY NAME SELECT period, item_id, any_value(department) AS department, {sums} FROM mart.provider_item GROUP BY ALL")  # fmt: skip
        self.execute(f"INSERT INTO mart.department_progress BY NAME SELECT period, department, {sums} FROM mart.provider_item GROUP BY ALL")  # fmt: skip
        of_city = f"FROM mart.provider_item WHERE county_code = '{CITY}' GROUP BY ALL"
        self.execute(f"INSERT INTO mart.volume BY NAME SELECT period, 'department' AS kind, department AS unit, 'month' AS span, period AS first_period, period AS last_period, sum(submitted)::BIGINT AS submitted, sum(questioned)::BIGINT AS questioned {of_city}")  # fmt: skip
        self.execute(f"INSERT INTO mart.score_part BY NAME SELECT period, 'department' AS kind, department AS unit, 'valid' AS measure, sum(accepted)::BIGINT AS numerator, sum(submitted)::BIGINT AS denominator, sum(accepted) / nullif(sum(submitted), 0) AS rate {of_city}")  # fmt: skip
        self.execute("INSERT INTO mart.department_score BY NAME SELECT period, department, valid_rate FROM mart.department_progress")  # fmt: skip

    def add(self, mart: str, **values: object) -> None:
        self.execute(
            f"INSERT INTO mart.{mart} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            list(values.values()),
        )

    def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        return self.connection.execute(sql, parameters)

    def scalar(self, sql: str) -> Any:
        return self.execute(sql).fetchone()[0]

    def published(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of a mart as published."""
        if not hasattr(self, "made"):
            self.made = suppress(self, COLUMNS, PERSONS)
        return self.execute(f"SELECT {', '.join(columns)} FROM {self.made[name]}").fetchall()


CELLS = st.fixed_dictionaries(
    {(i, c): st.tuples(st.integers(0, 30), st.integers(0, 9)) for i in ITEMS for c in COUNTIES}
)


@settings(max_examples=40, deadline=None)
@given(CELLS)
def test_no_sum_tells_a_missing_cell(sent):
    lake = Memory(sent)
    cells = {(i, c): n for i, c, n in lake.published("provider_item", "item_id", "county_code", "submitted")}
    items = dict(lake.published("item_progress", "item_id", "submitted"))
    departments = dict(lake.published("department_progress", "department", "submitted"))
    in_city = dict(lake.published("volume", "unit", "submitted"))
    for place, (good, bad) in sent.items():
        if place[0] in PERSONS and any(0 < n < SMALL for n in (good, bad, good + bad)):
            assert cells[place] is None
        assert cells[place] in (good + bad, None)
    # Independently: what adds up has none or several unknowns, unless all its other parts are nothing and the sum unknown.
    sums: list[tuple[int | None, list[int | None]]] = []
    sums += [(items[i], [cells[i, c] for c in COUNTIES]) for i in ITEMS]
    sums += [(sum(sum(sent[i, c]) for i in ITEMS), [cells[i, c] for i in ITEMS]) for c in COUNTIES]
    for d in set(ITEMS.values()):
        own = [i for i in ITEMS if ITEMS[i] == d]
        sums.append((departments[d], [cells[i, c] for i in own for c in COUNTIES]))
        sums.append((in_city[d], [cells[i, CITY] for i in own]))
    total = sum(map(sum, sent.values()))
    sums += [(total, list(items.values())), (total, list(departments.values()))]
    for whole, parts in sums:
        unknown = [whole, *parts].count(None)
        shown = sum(n or 0 for n in parts)
        assert unknown != 1 or (whole is not None and whole == shown) or not shown


def test_neither_rate_nor_duty_nor_the_departments_own_sum_tells_a_missing_cell():
    """The only item of d1 is about persons, and two of its rows were questioned."""
    sent = {(i, c): (40, 0) for i in ITEMS for c in COUNTIES}
    lake = Memory(sent | {("i2", c): (0, 0) for c in COUNTIES[1:]} | {("i2", CITY): (298, 2)})
    found = {i: rest for i, *rest in lake.published("item_progress", "item_id", "submitted", "questioned", "valid_rate")}  # fmt: skip
    assert found["i2"] == [None, None, None]
    assert ("i2", CITY, None, None) in lake.published(
        "obligation", "item_id", "county_code", "submitted", "accepted"
    )
    assert ("d1", None, None) in lake.published("department_progress", "department", "submitted", "valid_rate")  # fmt: skip
    assert ("d1", None, None) in lake.published("volume", "unit", "submitted", "questioned")
    assert ("d1", None, None, None) in lake.published("score_part", "unit", "numerator", "denominator", "rate")  # fmt: skip
    assert ("d1", None) in lake.published("department_score", "department", "valid_rate")
    # The city's sum would tell the one department that is missing.
    assert sum(n is None for _, n in lake.published("department_progress", "department", "submitted")) > 1
    assert sum(n is None for _, n in lake.published("item_progress", "item_id", "submitted")) > 1
