"""The kill campaign: every step of a small backfill is killed at seeded moments and simply run again.

`python tests/faults/campaign.py --kills 200 --seed 1 --out var/faults/results.json` is what `make faults` runs; CI runs a
short part of it (test_kills.py). The driver opens no DuckDB: it forks a process per attempt, as Airflow's workers fork
their tasks, so that an attempt costs no imports. A killed child leaves exactly what SIGKILL leaves.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from conftest import ITEMS, PERIODS, cut_down, files_of

from catalog.loader import Catalog, load_catalog
from catalog.period import Period
from catalog.sample import generate
from quality.audit import files as audited_files
from transforms import steps
from warehouse import lake as lake_module
from warehouse.home import Home
from warehouse.lake import Lake, connect
from warehouse.publish import CURRENT

Call = Callable[[], Any]
COMMITTING = b"c"
"""What a child tells the moment before it commits, or swaps a finished file in."""
COMMITTED = b"d"
MOMENTS = ("anywhere", "commit", "after")
_WEIGHTS = (3, 5, 2)
# Steps that commit are killed more often than those that only write files.
_TIMES = {
    "extract": 1,
    "stage": 2,
    "judge": 1,
    "load": 4,
    "declare": 4,
    "integrate": 4,
    "assess": 4,
    "report": 2,
    "publish": 4,
}
_OPS = {
    "batch": "SELECT * EXCLUDE (loaded_at) FROM ops.batch",
    "quarantine": "FROM ops.quarantine",
    "issue": "FROM ops.issue",
    "ignored": "FROM ops.ignored",
    "expectation": "FROM ops.expectation",
    "outcome": "FROM ops.outcome",
    "declaration": "FROM ops.declaration",
    "identifier": "FROM vault.identifier",
    "vault_quarantine": "FROM vault.quarantine",
}
"""What is kept of the batches beside the state: all of it but the time of loading must be equal too."""
_TRIES = 8
_COMMIT_SECONDS = 0.08
"""Kills near a commit fall within this time after its beginning: longer than a commit takes here."""


@dataclass
class Kill:
    """One attempt that was to be killed: how, and what became of it."""

    step: str
    moment: str
    after: float
    """Seconds from the child's start, or from the moment it told, to the signal."""
    hit: bool
    """False if the child had ended before the signal came."""
    told: bool
    """Whether the child had begun to commit or to swap a file in."""


@dataclass
class Results:
    """What a campaign came to."""

    seed: int
    steps: int = 0
    """Steps of the backfill, each run at least once."""
    kills: int = 0
    kills_in_commit: int = 0
    """Kills after the step had begun to commit to the lake or to swap a finished file in."""
    late: int = 0
    """Signals that found the step already ended; it was run again all the same."""
    by_step: dict[str, int] = field(default_factory=dict)
    by_moment: dict[str, int] = field(default_factory=dict)
    tables: int = 0
    """Tables compared by hash, those of the published file among them."""
    differing: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    broken_reports: list[str] = field(default_factory=list)
    strangers_before_maintain: int = 0
    strangers_after_maintain: list[str] = field(default_factory=list)
    maintain: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, kill: Kill) -> None:
        if not kill.hit:
            self.late += 1
            return
        self.kills += 1
        self.kills_in_commit += kill.told
        self.by_step[kill.step] = self.by_step.get(kill.step, 0) + 1
        self.by_moment[kill.moment] = self.by_moment.get(kill.moment, 0) + 1

    @property
    def green(self) -> bool:
        return not (
            self.differing
            or self.violations
            or self.broken_reports
            or self.strangers_after_maintain
            or self.errors
        )


class Child:
    """One step in a process of its own, which tells when it begins and ends a commit."""

    def __init__(self, call: Call) -> None:
        self.told, told = os.pipe()
        self.result, result = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.told)
            os.close(self.result)
            code = 1
            try:
                _tell_commits(told)
                answer = json.dumps({"value": call()}, default=str)
                code = 0
            except BaseException:
                answer = json.dumps({"error": traceback.format_exc()})
            with os.fdopen(result, "w") as pipe:
                pipe.write(answer)
            os._exit(code)
        os.close(told)
        os.close(result)

    def wait_for(self, mark: bytes) -> bool:
        """Until the child tells `mark`; False if it ended without."""
        while byte := os.read(self.told, 1):
            if byte == mark:
                return True
        return False

    def ended_within(self, seconds: float) -> bool:
        """Wait so long for the child's end."""
        ready, _, _ = select.select([self.result], [], [], seconds)
        return bool(ready)

    def kill(self) -> tuple[bool, bool]:
        """SIGKILL; whether it came in time, and whether the child had begun to commit by then."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        told = COMMITTING in os.read(self.told, 1 << 16)
        os.close(self.told)
        os.close(self.result)
        return os.WIFSIGNALED(status), told

    def value(self) -> Any:
        """What the step returned; raises `RuntimeError` with the child's traceback."""
        with os.fdopen(self.result) as pipe:
            answer = json.loads(pipe.read() or '{"error": "no answer"}')
        os.waitpid(self.pid, 0)
        os.close(self.told)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]


def _tell_commits(pipe: int) -> None:
    class Telling:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def execute(self, sql: str, *arguments: Any) -> Any:
            if sql != "COMMIT":
                return self._connection.execute(sql, *arguments)
            os.write(pipe, COMMITTING)
            done = self._connection.execute(sql, *arguments)
            os.write(pipe, COMMITTED)
            return done

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    opened, swapped = Lake.__init__, Path.replace

    def open_telling(self: Lake, *arguments: Any, **options: Any) -> None:
        opened(self, *arguments, **options)
        self.connection = Telling(self.connection)  # type: ignore[assignment]

    def replace_telling(self: Path, target: Any) -> Path:
        os.write(pipe, COMMITTING)
        done = swapped(self, target)
        os.write(pipe, COMMITTED)
        return done

    lake_module.Lake.__init__ = open_telling  # type: ignore[method-assign]
    Path.replace = replace_telling  # type: ignore[method-assign, assignment]


class Backfill:
    """The steps of a backfill in order, each run by `run`, which may kill and repeat it."""

    def __init__(self, home: Home, items: Sequence[str], run: Callable[[str, Call], Any]) -> None:
        self.home = home
        self.items = items
        self.run = run

    def all(self) -> None:
        for place in sorted(self.home.inbox.glob("20*")):
            self.month(place.name)

    def month(self, month: str) -> None:
        home = self.home
        manifests: list[str] = []
        for item in self.items:
            manifests += self.run("extract", lambda item=item: steps.extract(item, month, home))
        for manifest in manifests:
            staged = self.run("stage", lambda manifest=manifest: steps.stage(manifest, home))
            verdict = self.run("judge", lambda staged=staged: steps.judge(staged, home))
            self.run("load", lambda verdict=verdict: steps.load(verdict, home))
        self.run("declare", lambda: steps.declare(month, home))
        self.run("integrate", lambda: steps.integrate_if_needed(home))
        self.run("assess", lambda: steps.assess(month, home))
        self.run("report", lambda: steps.report(month, home))
        # The day on which the month's run fires.
        day = Period.parse(month).shift(1).first_day.replace(day=25)
        self.run("publish", lambda: steps.publish(day, home))


def fill_inbox(home: Home, catalog: Catalog, items: Sequence[str], months: int, rows: int, seed: int) -> None:
    """Generated deliveries, and a monthly return for each month (零报告 among them)."""
    generate(
        catalog,
        home.inbox,
        items=list(items),
        periods=PERIODS[:months],
        rows=rows,
        seed=seed,
        fault_share=0.05,
    )
    for place in PERIODS[:months]:
        folder = home.inbox / str(place)
        for path in folder.glob("*_return_*"):
            path.unlink()
        due = place.shift(1)
        lines = "".join(f"{catalog.items[item].code},{number}\n" for number, item in enumerate(items))
        name = f"130500_sfj_return_{due.year:04d}{due.month:02d}05_01.csv"
        (folder / name).write_text(f"目录编号,产生数\n{lines}", "utf-8")


def straight_run(home: Home, items: Sequence[str]) -> list[tuple[str, float]]:
    """An undisturbed run: its steps in order and their seconds."""
    plan: list[tuple[str, float]] = []

    def run(step: str, call: Call) -> Any:
        started = time.monotonic()
        value = Child(call).value()
        plan.append((step, time.monotonic() - started))
        return value

    Backfill(home, items, run).all()
    return plan


def shaken_run(
    home: Home, items: Sequence[str], kills: int, seed: int, plan: Sequence[tuple[str, float]]
) -> list[Kill]:
    """The same with `kills` kills, spread over the steps by weight; each killed step is run again until it ends."""
    chance = random.Random(seed)
    planned = Counter(chance.choices(range(len(plan)), [_TIMES[step] for step, _ in plan], k=kills))
    found: list[Kill] = []
    position = 0

    def run(step: str, call: Call) -> Any:
        nonlocal position
        expected, seconds = plan[position]
        assert step == expected
        for _ in range(planned[position]):
            for number in range(_TRIES):
                found.append(attempt(step, call, chance, seconds, missed=number))
                if found[-1].hit:
                    break
        position += 1
        return Child(call).value()

    Backfill(home, items, run).all()
    return found


def attempt(step: str, call: Call, chance: random.Random, seconds: float, *, missed: int = 0) -> Kill:
    """Start a step and kill it at a moment of chance; the earlier, the oftener it was missed."""
    moment = chance.choices(MOMENTS, _WEIGHTS)[0] if missed < 3 else "anywhere"
    seconds /= 2 ** max(0, missed - 2)
    after = chance.uniform(0, seconds) if moment == "anywhere" else chance.random() ** 2 * _COMMIT_SECONDS
    marks = chance.choice((1, 1, 1, 2))
    child = Child(call)
    if moment != "anywhere":
        mark = COMMITTING if moment == "commit" else COMMITTED
        all(child.wait_for(mark) for _ in range(marks))
    child.ended_within(after)
    hit, told = child.kill()
    return Kill(step, moment, round(after, 4), hit, told or (hit and moment != "anywhere"))


def known_files(home: Home) -> set[str]:
    """Names of the data files that the lake's catalog knows, whatever snapshot they belong to."""
    with sqlite3.connect(home.lake / "catalog.sqlite") as connection:
        return {
            path.rpartition("/")[2]
            for table in (
                "ducklake_data_file",
                "ducklake_delete_file",
                "ducklake_files_scheduled_for_deletion",
            )
            for (path,) in connection.execute(f"SELECT path FROM {table}")
        }


def strangers(home: Home) -> list[str]:
    """Files that belong to nothing: data files no snapshot knows, half-written ones, scratch."""
    known = known_files(home)
    found = [path for path in (home.lake / "data").rglob("*") if path.is_file() and path.name not in known]
    found += [
        path
        for path in home.root.rglob("*")
        if (path.is_file() or path.is_symlink())
        and (path.name.startswith(".") or path.suffix == ".part")
        and path.suffix != ".lock"
        and path.name != ".lock"
    ]
    found += [path for path in (home.root / "tmp").rglob("*") if path.is_file()]
    found += home.staged.rglob("*.parquet")
    return sorted({str(path.relative_to(home.root)) for path in found})


def grow_old(home: Home) -> None:
    """Let a fortnight pass for every file, so that upkeep takes none for one under way."""
    then = time.time() - 15 * 86_400
    for path in sorted(home.root.rglob("*"), reverse=True):
        if home.inbox not in path.parents and path != home.inbox:
            with suppress(FileNotFoundError):  # SQLite's own files go with the last connection
                os.utime(path, (then, then), follow_symlinks=False)


def state(home: Home) -> dict[str, str]:
    with Lake(home) as lake:
        found = steps.state_hash(lake, ("rec", "core", "lib", "mart")) | {
            f"ops.{table}": str(
                lake.scalar(
                    f"SELECT md5(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)) FROM ({rows}) t"
                )
            )
            for table, rows in _OPS.items()
        }
    return found | published(home)


def published(home: Home) -> dict[str, str]:
    """A hash per table of the file in force.

    Numbers of snapshots and of versions are no state (a killed commit may have been made, and be made again): left out
    is what names them, the file's own list of tables and the line on its origin.
    """
    with connect() as reader:
        reader.execute(f"ATTACH '{home.publish / 'public' / CURRENT}' AS pub (READ_ONLY)")
        tables = reader.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'pub' ORDER BY ALL"
        ).fetchall()
        found = {}
        for schema, table in tables:
            rows = {
                "main.publication": 'SELECT table_name, "rows" FROM pub.main.publication',
                "main.about": "SELECT * FROM pub.main.about WHERE \"项\" NOT LIKE '%快照%'",
            }.get(f"{schema}.{table}", f'FROM pub."{schema}"."{table}"')
            row = reader.execute(
                f"SELECT bit_xor(md5_number(t::VARCHAR))::VARCHAR || count(*) FROM ({rows}) t"
            ).fetchone()
            found[f"published {schema}.{table}"] = str(row)
        return found


def broken_reports(straight: Home, shaken: Home) -> list[str]:
    """Reports that one run has and the other has not, and workbooks that do not open."""
    names = [{path.name for path in home.reports.rglob("*") if path.is_file()} for home in (straight, shaken)]
    found = sorted(names[0] ^ names[1])
    for path in shaken.reports.rglob("*.xlsx"):
        with zipfile.ZipFile(path) as book:
            found += [path.name] if book.testzip() else []
    return found


def campaign(
    folder: Path, *, kills: int, seed: int, items: Sequence[str] = ITEMS, months: int = 3, rows: int = 60
) -> Results:
    """Run the backfill twice in `folder`, once undisturbed and once shaken, and compare."""
    for module in ("great_expectations", "great_expectations.expectations", "duckdb_sqlalchemy"):
        importlib.import_module(module)
    started = time.monotonic()
    results = Results(seed)
    catalog = cut_down(load_catalog(), items)
    steps.load_catalog = lambda: catalog  # type: ignore[assignment, misc]
    audited_files.ROOT = files_of(catalog, folder / "catalog")
    os.environ["XTCREDIT_IDENTITY_KEY"] = "5a" * 32
    straight, shaken = Home(folder / "straight"), Home(folder / "shaken")
    fill_inbox(straight, catalog, items, months, rows, seed)
    shutil.copytree(straight.inbox, shaken.inbox)  # with the times of the files: they count as received then
    plan = straight_run(straight, items)
    results.steps = len(plan)
    try:
        done = shaken_run(shaken, items, kills, seed, plan)
    except RuntimeError as error:
        results.errors.append(str(error))
        return results
    for kill in done:
        results.count(kill)
    expected, found = Child(lambda: state(straight)).value(), Child(lambda: state(shaken)).value()
    results.differing = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    results.tables = len(expected)
    results.violations = Child(lambda: steps.verify(shaken)).value()
    results.broken_reports = broken_reports(straight, shaken)
    results.strangers_before_maintain = len(strangers(shaken))
    grow_old(shaken)
    results.maintain = Child(lambda: steps.maintain(shaken)).value()
    results.strangers_after_maintain = strangers(shaken)
    after = Child(lambda: state(shaken)).value()
    results.differing += sorted(name for name in expected if expected[name] != after.get(name))
    results.seconds = round(time.monotonic() - started, 1)
    return results


def tell(results: Any, out: Path | None) -> int:
    """Print the results of a trial, keep them in the file `out`; the exit code."""
    text = json.dumps(asdict(results) | {"green": results.green}, ensure_ascii=False, indent=1)
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", "utf-8")
    return 0 if results.green else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--months", type=int, default=3)
    parser.add_argument("--items", nargs="+", default=list(ITEMS))
    parser.add_argument("--out", type=Path, help="write the results as JSON here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xtcredit-faults-") as folder:
        results = campaign(
            Path(folder),
            kills=given.kills,
            seed=given.seed,
            items=given.items,
            months=given.months,
            rows=given.rows,
        )
    return tell(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
