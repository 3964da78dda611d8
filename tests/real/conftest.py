"""The published real data beside the checkout; never copied into the project.

Where it is absent these tests skip and say so; with XTCREDIT_REQUIRE_REAL=1 its absence is a failure.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from catalog.loader import load_catalog
from catalog.period import Period
from transforms import steps
from transforms.extract.drop import land
from transforms.stage import batch as stage_batch
from transforms.stage.remarks import look_again
from transforms.stage.value_tables import ValueTables
from warehouse.batch import StagedBatch
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.load import LoadResult

PERIOD = "2019-12"
ROOT = Path(__file__).resolve().parents[2]
YEARS = range(1980, 2012)
PREFIX = {
    "enterprise_registration": "91",
    "individual_business_registration": "92",
    "cooperative_registration": "93",
}

Ingest = Callable[[Path, str, Home], LoadResult]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The workers are the parallelism here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_THREADS", "1")
        yield


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data."""
    folder = Path(os.environ.get("XTCREDIT_REAL_DATA") or ROOT.parent / "shared" / "data" / "real")
    if not folder.is_dir():
        if os.environ.get("XTCREDIT_REQUIRE_REAL") == "1":
            pytest.fail("the real data is required here (XTCREDIT_REQUIRE_REAL=1) but absent")
        pytest.skip("the published real data is not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def register(real: Path) -> Callable[[int, str], Path]:
    """The register's file of a year as csv, json or xls."""
    return lambda year, kind: real / "enterprise_register" / "raw" / kind / f"河北_{year}.{kind}"


@pytest.fixture(scope="session")
def published(register: Callable[[int, str], Path]) -> dict[int, Rows]:
    """The register as Python's csv module reads it: year -> rows, each with its number `#` in the file."""
    found = {}
    for year in YEARS:
        with register(year, "csv").open(encoding="utf-8-sig", newline="") as file:
            found[year] = [row | {"#": number} for number, row in enumerate(csv.DictReader(file), 2)]
    return found


@pytest.fixture(scope="session")
def ingest() -> Ingest:
    """Takes one file through all steps."""

    def run(file: Path, item: str, home: Home) -> LoadResult:
        return steps.load_result(steps.judge(_stage(file, item, home), home), home)

    return run


@dataclass(frozen=True)
class FullRun:
    """All 32 years of the register through one item, in a lake of its own.

    Years without a row of the item's kind (but 1994) end with staging: forty empty loads prove nothing more.
    """

    item: str
    folder: Path
    results: dict[int, dict[str, Any]]

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def staged(self) -> str:
        """SQL: every row of every year as staging read it, set aside ones too; `year`, `row_number` and the fields."""
        return self._kept("staged")

    @property
    def quarantine(self) -> str:
        """SQL: what staging quarantined or set aside; `year`, `row_number`, level, rule, message, raw."""
        return self._kept("quarantine")

    def _kept(self, name: str) -> str:
        year = r"regexp_extract(filename, '([0-9]{4})[.]parquet$', 1)::INTEGER AS year"
        return f"(SELECT {year}, * FROM read_parquet('{self.folder}/{name}-*.parquet', filename = true))"

    def rows(self, sql: str) -> Rows:
        with Lake(self.home) as lake:
            return lake.rows(sql)


@pytest.fixture(scope="session")
def full_run(
    register: Callable[[int, str], Path],
    published: dict[int, Rows],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], FullRun]:
    """The full run of an item: made once, by all workers that ask for it together."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def one(item: str, year: int, folder: Path) -> dict[str, Any]:
        home = Home(folder / "home")

        def spy(connection: duckdb.DuckDBPyConnection, tables: ValueTables) -> None:
            connection.execute(
                f"COPY (SELECT COLUMNS(name -> name[:2] <> 'p_') FROM xt_staged) TO '{folder}/staged-{year}.parquet' (FORMAT parquet)"
            )
            look_again(connection, tables)

        with pytest.MonkeyPatch.context() as patch:
            # The lake of the run is shared: its key is its own, whatever the tests of this worker have set for theirs.
            patch.delenv("XTCREDIT_IDENTITY_KEY", raising=False)
            patch.setattr(stage_batch, "look_again", spy)
            batch = _stage(register(year, "csv"), item, home)
            shutil.copyfile(batch.with_name("quarantine.parquet"), folder / f"quarantine-{year}.parquet")
            counts = dict(StagedBatch.from_file(batch).counts)
            if year == 1994 or any(is_kind(row, item) for row in published[year]):
                counts["loaded"] = vars(steps.load_result(steps.judge(str(batch), home), home))
        return counts

    def run(item: str) -> FullRun:
        folder = shared / f"full-{item}"
        folder.mkdir(exist_ok=True)
        # First take what no other worker is at, then wait for what others have begun.
        for wait in (fcntl.LOCK_NB, 0):
            for year in YEARS:
                with _locked(folder / f"{year}.lock", fcntl.LOCK_EX | wait) as got:
                    done = folder / f"{year}.json"
                    if got and not done.exists():
                        done.write_text(json.dumps(one(item, year, folder)), encoding="utf-8")
        results = {year: json.loads((folder / f"{year}.json").read_text(encoding="utf-8")) for year in YEARS}
        return FullRun(item, folder, results)

    return run


@pytest.fixture(scope="session")
def kind() -> Callable[[dict[str, Any], str], bool]:
    """Whether a row of the register is this city's and of the item's kind."""
    return is_kind


def is_kind(row: dict[str, Any], item: str) -> bool:
    return "邢台" in row["地区"] and row["统一社会信用代码"].startswith(PREFIX[item])


def _stage(file: Path, item: str, home: Home) -> Path:
    manifest = land(file, load_catalog().item(item), Period.parse(PERIOD), home)
    return Path(steps.stage(str(manifest), home))


@contextmanager
def _locked(path: Path, how: int) -> Iterator[bool]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, how)
        except BlockingIOError:
            yield False
        else:
            yield True
