"""Small counts of persons: gone, and not to be told from the sums that are published beside them."""

from __future__ import annotations

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.publish.suppress import SMALL, suppress
from warehouse.schema import Columns

MART = Columns(
    "main", "cells", "x",
    (("period", "VARCHAR", ""), ("item_id", "VARCHAR", ""), ("county_code", "VARCHAR", ""), ("collected", "BIGINT", ""), ("linked", "BIGINT", "")),
)  # fmt: skip


class Memory:
    """As much of a lake as suppression needs."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()

    def execute(self, sql, parameters=None):
        return self.connection.execute(sql, parameters)

    def scalar(self, sql):
        return self.connection.execute(sql).fetchone()[0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=3, max_size=5))
def test_no_sum_tells_a_missing_cell(grid):
    lake = Memory()
    lake.execute(
        'CREATE TABLE main."cells" (period VARCHAR, item_id VARCHAR, county_code VARCHAR, collected BIGINT, linked BIGINT)'
    )
    for i, row in enumerate(grid):
        for c, n in enumerate(row):
            lake.execute("INSERT INTO cells VALUES ('2019-12', ?, ?, ?, ?)", [f"i{i}", f"c{c}", n, n // 2])
    persons = ("i0", "i2")
    shown = {
        (item, county): n
        for item, county, n in lake.execute(
            f"SELECT item_id, county_code, collected FROM {suppress(lake, MART, ['collected', 'linked'], persons)}"
        ).fetchall()
    }
    for i, row in enumerate(grid):
        for c, n in enumerate(row):
            value = shown[f"i{i}", f"c{c}"]
            if f"i{i}" in persons and (0 < n < SMALL or 0 < n // 2 < SMALL):
                assert value is None
            assert value in (n, None)
    # Independently: a sum with exactly one unknown part gives that part away, unless all other parts are nothing.
    lines = [[(i, c) for c in range(4)] for i in range(len(grid))] + [
        [(i, c) for i in range(len(grid))] for c in range(4)
    ]
    for line in lines:
        missing = [(i, c) for i, c in line if shown[f"i{i}", f"c{c}"] is None]
        others = [grid[i][c] for i, c in line if (i, c) not in missing]
        assert len(missing) != 1 or not any(others)
