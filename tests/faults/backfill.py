"""A backfill through Airflow, several months of several items at once, against the same months one after the other.

    python tests/faults/backfill.py --items 10 --months 12              LocalExecutor, catalogs in SQLite
    python tests/faults/backfill.py --items 10 --months 12 --cluster    CeleryExecutor with two workers, Redis, PostgreSQL

Ends with 1 unless both states are equal by hash, no task failed or (the API server being there) was tried twice, no lock was in anybody's way, the
libraries followed the loads, every month has its bulletin, and a reader that polled all the while saw whole batches only.
`make backfill` and `make cluster` run the full form; test_backfill.py a short one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "channels"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ci"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import demo
from campaign import state, tell
from sqlalchemy import create_engine, text

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.home import LAKE_CATALOG, Home
from warehouse.lake import Lake

ITEMS = (
    "enterprise_registration",
    "permanent_residents",
    "lawyers",
    "admin_permits",
    "admin_penalties",
    "driving_licences",
    "nurse_registration",
    "individual_business_registration",
    "food_permits",
    "social_insurance_arrears",
)
FIRST = Period.parse("2019-01")
KEY = "5a" * 32
FOLLOWERS = ("libraries", "assess__monthly")
LOCKED = re.compile(r"is locked|仍未放开|conflict", re.IGNORECASE)
POLL_SECONDS = 1.0
CELERY, WORKERS = "CeleryExecutor", ("one", "two")
# A batch's volume is judged against the earlier periods that were in the lake at that time. It warns and refuses nothing,
# so no figure hangs on it; but what was observed differs with the order, and with it the batch's mark.
OF_ITS_TIME = {
    "ops.expectation": "FROM ops.expectation WHERE expectation NOT LIKE 'volume_change%'",
    "ops.batch": "SELECT * EXCLUDE (loaded_at, status) FROM ops.batch",
}


@dataclass
class Results:
    """What a backfill came to. Times in seconds on `cores` cores."""

    cores: int
    executor: str
    items: int
    months: int
    rows: int
    straight_seconds: float = 0.0
    backfill_seconds: float = 0.0
    assess_seconds: float = 0.0
    runs: dict[str, int] = field(default_factory=dict)
    tasks: int = 0
    workers: dict[str, int] = field(default_factory=dict)
    """Tasks that each Celery worker took."""
    tables: int = 0
    differing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    tried_again: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    """What Airflow and the tasks wrote of the attempts that did not succeed."""
    restarts: int = 0
    """Times that Airflow's API server died of a fault below Python and was started again."""
    lock_errors: list[str] = field(default_factory=list)
    libraries_runs: int = 0
    missing_bulletins: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    polls: int = 0
    snapshots_seen: int = 0
    """Different states among the polls."""
    torn: list[str] = field(default_factory=list)
    """Polls that saw half of something."""

    @property
    def green(self) -> bool:
        return not (
            self.differing
            or self.failed
            # A task that cannot ask the API server is tried again by the scheduler, as it must be.
            or (self.tried_again and not self.restarts)
            or self.lock_errors
            or self.missing_bulletins
            or self.violations
            or self.torn
        ) and bool(
            self.libraries_runs
            and self.snapshots_seen > 1
            and (self.executor != CELERY or set(self.workers) == set(WORKERS))
        )


class House(demo.Airflow):
    """The demo's Airflow, in which DAGs wake each other by assets until `quiet`."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        super().__init__(home)
        self.env |= environment

    def scheduler(self, *, quiet: bool) -> None:
        """(Re)start it. While not quiet, loads wake the libraries; quiet, no run is made but those asked for."""
        if "scheduler" in self.parts:
            self._end("scheduler")
        self.env["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] = str(not quiet)
        self.start("scheduler", "--skip-serve-logs")

    def _end(self, part: str) -> None:
        """Let it end what it has under way. Python loses a signal whose handler is called while garbage is collected."""
        for _ in range(5):
            self.parts[part].terminate()
            with suppress(subprocess.TimeoutExpired):
                self.parts[part].wait(60)
                del self.parts[part]
                return
        demo.fail(f"Airflow 的 {part} 不结束", str(self.home / f"{part}.log"))

    def ended(self, label: str, dags: Sequence[str], kind: str, expected: int) -> None:
        """Wait until so many runs of a kind have ended, and every other run of these DAGs too."""

        def done() -> tuple[bool, str]:
            self._check_alive()
            runs = [r for r in self._pages("dags/~/dagRuns", "dag_runs") if r["dag_id"] in dags]
            over = sum(r["state"] in demo.DONE for r in runs if r["run_type"] == kind)
            open_ = sum(r["state"] not in demo.DONE for r in runs)
            return over >= expected and not open_, f"{over}/{expected}，{open_} 次未完"

        demo.wait(label, done, seconds=3000)

    def runs(self) -> Counter[str]:
        return Counter(
            f"{'ingest' if r['dag_id'].startswith('ingest__') else r['dag_id']} {r['run_type']} {r['state']}"
            for r in self._pages("dags/~/dagRuns", "dag_runs")
        )

    def tasks(self) -> list[dict[str, Any]]:
        return list(self._pages("dags/~/dagRuns/~/taskInstances", "task_instances"))


class Reader(threading.Thread):
    """Polls the lake while it is written, each time in one read."""

    def __init__(self, home: Home, items: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.home, self.items = home, items
        self.stopping = threading.Event()
        self.polls: list[dict[str, Any]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with Lake(self.home) as lake:
                while not self.stopping.wait(POLL_SECONDS):
                    if sums := self._poll(lake):
                        self.polls.append(sums)
        except BaseException as error:  # told by the driver: a thread has nobody to tell
            self.error = error

    def _poll(self, lake: Lake) -> dict[str, Any] | None:
        tables = {f"{r[0]}.{r[1]}" for r in lake.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()}  # fmt: skip
        items = [item for item in self.items if f"rec.{item}" in tables]
        if not items:
            return None
        rec = " UNION ALL ".join(
            f"SELECT '{item}' AS item_id, batch_id, record_key FROM rec.\"{item}\"" for item in items
        )
        # Marts are made by the first assessment, after the loads.
        city, counties = (
            f"(SELECT coalesce(sum(collected), 0) FROM {mart})" if mart in tables else "0"
            for mart in ("mart.city_progress", "mart.county_progress")
        )
        (sums,) = lake.rows(
            f"""
            WITH rec AS ({rec})
            SELECT
                (SELECT coalesce(sum(rows_accepted + rows_duplicate), 0) FROM ops.batch) AS batch_rows,
                (SELECT count(*) FROM rec) AS rec_rows,
                (SELECT coalesce(sum(rows_new), 0) FROM ops.batch) AS new_rows,
                (SELECT count(*) FROM core.record) AS ledger_rows,
                (SELECT count(DISTINCT (item_id, record_key)) FROM rec) AS records,
                (SELECT coalesce(sum(rows_updated), 0) FROM ops.batch) AS updates,
                (SELECT coalesce(sum(versions - 1), 0) FROM core.record) AS later_versions,
                (SELECT coalesce(sum(rows_quarantined), 0) FROM ops.batch) AS questioned,
                (SELECT count(*) FROM ops.quarantine) AS quarantined,
                (SELECT count(*) FROM rec ANTI JOIN ops.batch USING (batch_id)) AS strays,
                {city} AS city,
                {counties} AS counties"""
        )
        return sums

    def end(self) -> None:
        self.stopping.set()
        self.join(120)
        if self.error:
            raise self.error

    def torn(self) -> list[str]:
        """Polls that do not add up."""
        return [
            str(p)
            for p in self.polls
            if not (
                p["batch_rows"] == p["rec_rows"]
                and p["new_rows"] == p["ledger_rows"] == p["records"]
                and p["updates"] == p["later_versions"]
                and p["questioned"] == p["quarantined"]
                and p["strays"] == 0
                and p["counties"] <= p["city"]
            )
        ]


def straight(home: Home, items: Sequence[str], months: Sequence[Period]) -> None:
    """The same, month by month and one step after the other.

    Each month is assessed as it comes, and all again once everything is in: where a record counts is what is known of it
    by then. So the first assessments must leave no trace.
    """
    for month in months:
        for item in items:
            for manifest in steps.extract(item, str(month), home):
                steps.load(steps.judge(steps.stage(manifest, home), home), home)
        steps.declare(str(month), home)
        steps.integrate_if_needed(home)
        steps.assess(str(month), home)
    for month in months:
        steps.assess(str(month), home)
        steps.report(str(month), home)
        steps.publish(month.shift(1).first_day.replace(day=25), home)


def in_process(what: str, home: Home, items: Sequence[str], months: int) -> Any:
    """What `--child` says, from a process of its own: this one shall import little and open no second lake."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", what, "--items", str(len(items)), "--months", str(months)],
        env=os.environ | {"XTCREDIT_HOME": str(home.root), LAKE_CATALOG: home.catalog or ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Private PostgreSQL and Redis from what is installed; Airflow's and the lake's settings for them."""
    import psycopg
    import servers

    with servers.postgres() as database, servers.redis() as broker:
        with psycopg.connect(database.uri, autocommit=True) as connection:
            for name in ("airflow", "lake"):
                connection.execute(f"CREATE DATABASE {name}")
        base = database.uri.rpartition("/")[0].removeprefix("postgres://")
        metadata = f"postgresql+psycopg://{base}/airflow"
        yield {
            "AIRFLOW__CORE__EXECUTOR": CELERY,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata,
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{metadata}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            # Its results name the worker.
            "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": '{"result_extended": true}',
            LAKE_CATALOG: f"postgresql://{base}/lake",
        }


def backfill(
    folder: Path, items: Sequence[str], months: int, rows: int, at_once: int, environment: dict[str, str]
) -> Results:
    """The whole comparison in `folder`."""
    os.environ |= {"XTCREDIT_IDENTITY_KEY": KEY, "XTCREDIT_THREADS": "1"}
    cores = len(os.sched_getaffinity(0))
    executor = environment.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    results = Results(cores, executor, len(items), months, rows)
    catalog = load_catalog()
    last = FIRST.shift(months - 1)
    periods = Period.parse_range(f"{FIRST}:{last}")
    alone, shared = Home(folder / "alone"), Home(folder / "shared", environment.get(LAKE_CATALOG))
    generate(catalog, alone.inbox, items=list(items), periods=periods, rows=rows, seed=1, fault_share=0.05)
    shutil.copytree(alone.inbox, shared.inbox)  # with the times of the files: they count as received then

    began = time.monotonic()
    expected = in_process("straight", alone, items, months)
    results.straight_seconds = round(time.monotonic() - began, 1)
    print(f"  逐月：{results.straight_seconds:.0f} 秒", flush=True)

    os.environ["XTCREDIT_HOME"] = str(shared.root)
    ingest = [f"ingest__{item}" for item in items]
    airflow = House(folder / "airflow", environment)
    reader = Reader(shared, items)
    try:
        airflow.prepare({*ingest, *FOLLOWERS})
        for name in WORKERS if environment else ():
            airflow.start(
                "celery",
                "worker",
                "--skip-serve-logs",
                "--celery-hostname",
                name,
                "--pid",
                str(folder / name),
                name=f"worker-{name}",
            )
        # Before the scheduler starts: on SQLite a backfill cannot be created while it writes.
        for dag, item in zip(ingest, items, strict=True):
            airflow.backfill(dag, FIRST, last, catalog.item(item).period_months, at_once)
        airflow.let_go([*ingest, "libraries"])
        reader.start()
        began = time.monotonic()
        airflow.scheduler(quiet=False)
        due = sum(p.month % catalog.item(i).period_months == 0 for i in items for p in periods)
        airflow.ended("归集", [*ingest, "libraries"], "backfill", due)
        airflow.ended("并库", ["libraries"], "asset_triggered", 1)
        results.backfill_seconds = round(time.monotonic() - began, 1)
        began = time.monotonic()
        airflow.scheduler(quiet=True)
        airflow.backfill("assess__monthly", FIRST, last, months=1, at_once=1)
        airflow.let_go(["assess__monthly"])
        airflow.ended("考核", ["assess__monthly"], "backfill", months)
        results.assess_seconds = round(time.monotonic() - began, 1)
        reader.end()
        runs, tasks, results.restarts = airflow.runs(), airflow.tasks(), airflow.restarts
        if environment:
            results.workers = tasks_by_worker(environment["AIRFLOW__CELERY__RESULT_BACKEND"])
    finally:
        reader.stopping.set()
        airflow.stop()
    found = in_process("state", shared, items, months)
    results.runs = dict(sorted(runs.items()))
    results.libraries_runs = runs["libraries asset_triggered success"]
    results.tasks = len(tasks)
    results.failed = [_name(t) for t in tasks if t["state"] not in ("success", "skipped")]
    results.tried_again = [_name(t) for t in tasks if t["try_number"] > 1]
    logs = folder / "airflow" / "logs"
    results.why = [
        line for t in tasks if t["try_number"] > 1 or t["state"] == "failed" for line in last_words(logs, t)
    ]
    results.lock_errors = lock_errors(logs)
    results.tables = len(expected)
    results.differing = sorted(n for n in expected | found if expected.get(n) != found.get(n))
    results.missing_bulletins = [
        str(p) for p in periods if not list((shared.reports / str(p)).glob("*.docx"))
    ]
    results.violations = in_process("verify", shared, items, months)
    results.polls, results.torn = len(reader.polls), reader.torn()
    results.snapshots_seen = len({tuple(p.values()) for p in reader.polls})
    return results


def _name(task: dict[str, Any]) -> str:
    return f"{task['dag_id']} {task['dag_run_id']} {task['task_id']}[{task['map_index']}] {task['state']} {task['try_number']}"


def tasks_by_worker(result_backend: str) -> dict[str, int]:
    """How many tasks each Celery worker took."""
    engine = create_engine(result_backend.removeprefix("db+"))
    with engine.connect() as connection:
        took = connection.execute(text("SELECT worker, count(*) FROM celery_taskmeta GROUP BY 1 ORDER BY 1"))
        return {str(worker).rpartition("@")[2]: tasks for worker, tasks in took}


def last_words(logs: Path, task: dict[str, Any]) -> list[str]:
    """The end of the logs of a task's attempts but the last, or of all if that failed."""
    attempts = range(1, task["try_number"] + (task["state"] == "failed"))
    here = f"dag_id={task['dag_id']}/run_id={task['dag_run_id']}/task_id={task['task_id']}"
    paths = [path for n in attempts for path in logs.glob(f"{here}/**/attempt={n}.log")]
    told = [line for path in paths for line in path.read_text("utf-8", errors="replace").splitlines()[-5:]]
    return told or [f"no log of {_name(task)}"]


def lock_errors(logs: Path) -> list[str]:
    """Lines of task logs that tell of a lock."""
    return [
        f"{path.relative_to(logs)}: {line[:300]}"
        for path in sorted(logs.rglob("attempt=*.log"))
        for line in path.read_text("utf-8", errors="replace").splitlines()
        if LOCKED.search(line)
    ]


def child(what: str, items: Sequence[str], months: int) -> Any:
    home = Home.from_environment()
    if what == "straight":
        straight(home, items, Period.parse_range(f"{FIRST}:{FIRST.shift(months - 1)}"))
    if what == "verify":
        return steps.verify(home)
    found = state(home)
    with Lake(home) as lake:
        for table, rows in OF_ITS_TIME.items():
            found[table] = str(
                lake.scalar(
                    f"SELECT md5(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)) FROM ({rows}) t"
                )
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--rows", type=int, default=60, help="rows of a file")
    parser.add_argument("--at-once", type=int, default=4, help="runs of a DAG at once")
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--out", type=Path, help="write the results as JSON here")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    items = ITEMS[: given.items]
    if given.child:
        print(json.dumps(child(given.child, items, given.months), default=str))
        return 0
    demo.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the servers outlive it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xtcredit-backfill-")))
        environment = stack.enter_context(cluster()) if given.cluster else {}
        try:
            results = backfill(folder, items, given.months, given.rows, given.at_once, environment)
        except UserError as error:
            for log in sorted((folder / "airflow").glob("*.log")):
                print(
                    f"== {log.name}", *log.read_text("utf-8", errors="replace").splitlines()[-15:], sep="\n"
                )
            print(f"补跑未完成。{error}", file=sys.stderr)
            return 1
    return tell(results, given.out)


if __name__ == "__main__":
    sys.exit(main())
