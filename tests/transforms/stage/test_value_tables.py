"""A large file, read by tables of its distinct values, gives what a small one gives, row by row."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from transforms.stage import batch as stage_batch
from transforms.stage import value_tables
from warehouse.home import Home

FILES = ("staged", "vault_identifier", "quarantine", "issue", "ignored", "vault_quarantine")


@pytest.mark.parametrize(
    "item",
    ["enterprise_registration", "admin_penalties", "permanent_residents", "construction_professionals"],
)
def test_both_ways_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str) -> None:
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    home = Home(tmp_path)
    generate(
        load_catalog(), home.inbox, items=[item], periods=[Period.parse("2019-12")], rows=400, seed=3,
        fault_share=0.15, noise_share=0.2, kinds=("csv",),
    )  # fmt: skip
    for manifest in steps.extract(item, "2019-12", home):
        rows, tabled = {}, {}
        for large in (10**9, 0):
            monkeypatch.setattr(value_tables, "_LARGE", large)
            monkeypatch.setattr(value_tables, "_REPEATING", 2.0)  # whatever can have a table has one
            names = tabled.setdefault(large, [])

            def spy(*given, names=names) -> value_tables.ValueTables:
                made = value_tables.tabulate(*given)
                names.extend(made.names)
                return made

            with monkeypatch.context() as patch:
                patch.setattr(stage_batch, "tabulate", spy)
                folder = Path(steps.stage(manifest, home)).parent
            rows[large] = {
                name: duckdb.sql(f"SELECT * FROM '{folder / name}.parquet' ORDER BY ALL").fetchall()
                for name in FILES
            }
        assert len(tabled[0]) > len(tabled[10**9]) + 2
        assert rows[10**9]["quarantine"]
        assert rows[0] == rows[10**9]
