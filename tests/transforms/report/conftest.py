"""A small city of real items, taken all the way to its bulletin; read only.

What a city of good providers would not show is put into its inbox: the month of a year ago, a delivery after its day,
numbers declared beyond what was sent, and faulty rows that are mended a month later.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog.loader import Catalog, load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.batch import StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake

ITEMS = ("enterprise_registration", "admin_permits", "admin_penalties", "lawyers")
PERIODS = Period.parse_range("2019-11:2019-12")
LAST_YEAR = Period(2018, 12)


@dataclass(frozen=True)
class Reported:
    """The home, and the paths of December's bulletin by what they are."""

    home: Home
    catalog: Catalog
    folder: Path
    paths: dict[str, Path]


def _a_year_ago(home: Home) -> None:
    """The lawyers of November 2019 were reported a year before, too."""
    (file,) = (home.inbox / "2019-11").glob("*_sfj_lawyers_*")
    folder = home.inbox / str(LAST_YEAR)
    folder.mkdir()
    (folder / f"130500_sfj_lawyers_20190104_01{file.suffix}").write_bytes(file.read_bytes())


def _declare(home: Home) -> None:
    """Monthly returns of December: more produced than sent; produced and nothing sent."""
    for name, rows in {
        "130502_xzspj": [("admin_permits", 100_000)],
        "130523_xzspj": [("admin_permits", 7)],
        "130500_jyj": [("teachers_in_service", 5)],
        # As many rows as were sent, though not all of them were right: nothing is concealed.
        "130500_sfj": [("lawyers", 60)],
    }.items():
        for old in (home.inbox / "2019-12").glob(f"{name}_return_*"):
            old.unlink()
        with (home.inbox / "2019-12" / f"{name}_return_20200105_01.csv").open(
            "w", encoding="utf-8", newline=""
        ) as file:
            csv.writer(file).writerows([("目录编号", "产生数"), *rows])


def _late(home: Home) -> None:
    """The lawyers of December come ten days after their day."""
    (file,) = (home.inbox / "2019-12").glob("*_sfj_lawyers_20200105_*")
    file.rename(file.with_name(file.name.replace("_20200105_", "_20200115_")))


def _unlink(home: Home) -> None:
    """Some permits name nobody by an identifier, as foreign firms' and old ones do; the generator's always do."""
    with Lake(home) as lake, lake.transaction("load") as tx:
        for rows in (
            "core.record SET subject_key = NULL WHERE item_id = 'admin_permits' AND",
            "rec.admin_permits SET subject_key = NULL WHERE",
        ):
            tx.execute(f"UPDATE {rows} row_number % 5 = 0")


def _mended(home: Home, catalog: Catalog) -> None:
    """November's enterprises that were faulty in a value nobody needs come again without it, in December."""
    item = catalog.item("enterprise_registration")
    optional = {field.name for field in item.fields if not field.required}
    with Lake(home) as lake:
        rows = lake.rows(
            "SELECT field, raw FROM ops.quarantine WHERE item_id = ? AND record_key IS NOT NULL AND level = 'quarantine'"
            " AND len(json_extract(faults, '$[*]')) = 1 ORDER BY row_number",
            [item.id],
        )
    found = [row for row in rows if row["field"] in optional]
    assert found
    heads = {field.name: {field.name, field.title, *field.headers} for field in item.fields}
    raws = [json.loads(row["raw"]) for row in found]
    for row, raw in zip(found, raws, strict=True):
        (column,) = heads[row["field"]] & set(raw)
        raw[column] = ""
    path = home.inbox / "2019-12" / "130500_scjg_enterprise_registration_20200104_02.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(raws[0]))
        writer.writeheader()
        writer.writerows(raws)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    home = Home(tmp_path_factory.mktemp("reported"))
    before = os.environ.get("XTCREDIT_IDENTITY_KEY")
    os.environ["XTCREDIT_IDENTITY_KEY"] = "5a" * 32
    catalog = load_catalog()
    generate(catalog, home.inbox, items=list(ITEMS), periods=PERIODS, rows=60, seed=11, fault_share=0.1)
    _a_year_ago(home)
    _declare(home)
    for period in (LAST_YEAR, *PERIODS):
        if period == PERIODS[-1]:
            _mended(home, catalog)
            _late(home)
        for item in ITEMS:
            for manifest in steps.extract(item, str(period), home):
                staged = StagedBatch.from_file(Path(steps.stage(manifest, home)))
                verdict = Verdict(batch=staged, status="loaded", findings=())
                steps.load(str(verdict.to_file(Path(staged.folder) / "verdict.json")), home)
        steps.declare(str(period), home)
        if period in PERIODS:
            steps.integrate_if_needed(home)
            _unlink(home)
            steps.assess(str(period), home)
    folder = home.root / "out"
    written = [Path(p) for p in steps.report("2019-12", home, out=folder)]
    yield Reported(home, catalog, folder, {p.name.partition("-")[0] + p.suffix: p for p in written})
    if before is None:
        del os.environ["XTCREDIT_IDENTITY_KEY"]
    else:
        os.environ["XTCREDIT_IDENTITY_KEY"] = before


@pytest.fixture
def city_lake(reported: Reported) -> Iterator[Lake]:
    with Lake(reported.home) as lake:
        yield lake


@pytest.fixture
def question(lake: Lake) -> Callable[..., None]:
    """Put rows of a batch aside as questioned."""

    def put(
        batch_id: str,
        item: str = "enterprise_registration",
        *,
        field: str = "name",
        value: str | None = None,
        period: str = "2019-12",
        rows: Sequence[int] = (5,),
    ) -> None:
        with lake.transaction() as tx:
            tx.executemany(
                "INSERT INTO ops.quarantine (batch_id, item_id, period, row_number, level, field, rule, value, message)"
                " VALUES (?, ?, ?, ?, 'quarantine', ?, 'x', ?, '说明')",
                [[batch_id, item, period, row, field, value] for row in rows],
            )

    return put
