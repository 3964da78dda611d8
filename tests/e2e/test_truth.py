"""The truth test: what the generator says must come out does come out, per batch and per rule."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.loader import Catalog
from transforms.stage import value_tables
from warehouse.lake import Lake

from .conftest import PERIODS

PARTS = 6  # shares of the catalog, so that two cores end at the same time
WHOLE, TABULATED = 1, 2019
COUNTS = (
    "rows_read", "rows_accepted", "rows_new", "rows_updated", "rows_duplicate", "rows_quarantined", "rows_set_aside", "rows_ignored",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("seed", [1, 7, 2019])
def test_counts_equal_the_generators_truth(
    make_city: Any, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, seed: int, part: int
) -> None:
    # One seed goes the whole way: two months, and the gate, which changes no count. The others vary the last month's rows,
    # one of them read by tables of values, as large files are.
    whole = seed == WHOLE
    if seed == TABULATED:
        monkeypatch.setattr(value_tables, "_LARGE", 0)
    city = make_city(
        "city", rows=250, seed=seed, fault_share=0.08, items=sorted(catalog.items)[part::PARTS],
        periods=PERIODS[-2:] if whole else PERIODS[-1:],
    )  # fmt: skip
    expected = city.truths()
    assert sum(truth["rows_quarantined"] for truth in expected.values()) > 100
    assert sum(truth["rows_updated"] for truth in expected.values()) > 20
    city.load(city.manifests(), gate=whole)
    with Lake(city.home) as lake:
        found = {
            row["batch_id"]: row for row in lake.rows(f"SELECT batch_id, {', '.join(COUNTS)} FROM ops.batch")
        }
        rules: dict[str, dict[str, int]] = {batch: {} for batch in found}
        for row in lake.rows(
            "SELECT batch_id, rule || '/' || field AS rule, count(*) AS n FROM ops.quarantine GROUP BY ALL"
        ):
            rules[row["batch_id"]][row["rule"]] = row["n"]
    assert found.keys() == expected.keys()
    differences = {
        batch: {name: (truth[name], found[batch][name]) for name in COUNTS if truth[name] != found[batch][name]}
        | {rule: (truth["by_rule"].get(rule, 0), rules[batch].get(rule, 0)) for rule in truth["by_rule"] | rules[batch]
           if truth["by_rule"].get(rule, 0) != rules[batch].get(rule, 0)}
        for batch, truth in expected.items()
    }  # fmt: skip
    assert {batch: difference for batch, difference in differences.items() if difference} == {}
