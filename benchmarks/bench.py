"""`make bench`: a year of a city, landing files to counts, against what the hardware allows.

Everything is measured in one run on the same files: the bare `COPY (SELECT * FROM read_csv(..., all_varchar)) TO parquet`
of each delivery; the full load (extract, stage, judge with GX, load, integrate, assess) by as many processes as cores; a
day's delivery on top; one item-month again; disk; look-ups; publications and the analysts' questions; how the full load
grows with the rows; and the peers (benchmarks/peers), on as many rows as they take. Figures go to var/bench/results.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
from city import ITEMS, PERIODS, City, city, day
from publish import publications

from catalog.loader import load_catalog
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

CORES = len(os.sched_getaffinity(0))
LIMITS = {
    "full_load_ratio": 3.5,
    "peak_memory_mib": 6144,
    "daily_delta_share": 0.05,
    "disk_ratio": 1.5,
    "lookup_ms": 100,
    "county_counts_ms": 100,
    "slowest_question_seconds": 2.0,
}
GROWTH = (1_000_000, 3_000_000, 10_000_000)
PEER_ROWS = 1_000_000
AGAIN = ITEMS[6]


def main() -> None:
    """Measure and print one table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=30_000_000)
    options.add_argument("--out", type=Path, default=Path(os.environ.get("XTCREDIT_HOME", "var")) / "bench")
    options.add_argument("--only", action="store_true", help="this size alone: no growth, no peers")
    options.add_argument("--keep", action="store_true", help="leave the lake of the largest size to look at")
    given = options.parse_args()
    out: Path = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("XTCREDIT_THREADS", "1")
    smaller = [] if given.only else [rows for rows in GROWTH if rows < given.rows]
    seconds = {rows: measure(out, rows, whole=False)["full_load_seconds"] for rows in smaller}
    found = measure(out, given.rows, whole=True, keep=given.keep)
    seconds[given.rows] = found["full_load_seconds"]
    found["growth_seconds"] = seconds
    if not given.only:
        found["peers"] = peers(out, min(PEER_ROWS, given.rows), seconds[min(PEER_ROWS, given.rows)])
    (out / "results.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for name, value in found.items():
        limit = f"   limit {LIMITS[name]}" if name in LIMITS else ""
        print(f"{name:26} {value}{limit}")


def measure(out: Path, rows: int, *, whole: bool, keep: bool = False) -> dict[str, Any]:
    """The figures of one size; without `whole`, of the full load alone."""
    print(f"{rows:,} rows", flush=True)
    made = city(load_catalog(), out / f"city-{rows}", rows)
    home = Home(out / f"home-{rows}")
    shutil.rmtree(home.root, ignore_errors=True)
    home.private_dir(home.root)
    bare, bare_bytes = bare_copy(made, out)
    full, peak, parts = full_load(made, home)
    found: dict[str, Any] = {
        "rows": made.rows,
        "cores": CORES,
        "bare_copy_seconds": round(bare, 1),
        "full_load_seconds": round(full, 1),
        "full_load_ratio": round(full / bare, 2),
        "parts_seconds": parts,
        "peak_memory_mib": peak,
    }
    parts_of_whole: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: day_on_top(made, home, full),
        lambda: month_again(made, home),
        lambda: {"disk_ratio": round(lake_bytes(home) / bare_bytes, 2), "lake_bytes": lake_bytes(home)},
        lambda: look_ups(home),
        lambda: publications(home, lambda: delivered_again(made, home)),
        lambda: audited(home),
    )
    os.environ["XTCREDIT_THREADS"] = str(CORES)  # one process after the other from here on
    for part in parts_of_whole if whole else ():
        # A part that fails takes nothing with it that took half an hour to find out.
        print(json.dumps(found, ensure_ascii=False), flush=True)
        found |= part()
    os.environ["XTCREDIT_THREADS"] = "1"
    if not keep:
        shutil.rmtree(home.root)
    return found


def bare_copy(made: City, out: Path) -> tuple[float, int]:
    """Seconds and bytes of every delivery as Parquet, with DuckDB on all cores and nothing else done."""
    target = out / "bare.parquet"
    seconds, size = 0.0, 0
    with duckdb.connect() as connection:
        for path in made.paths():
            read = f"SELECT * FROM read_csv('{path}', all_varchar = true)"
            seconds += timed(
                lambda q=read: connection.execute(
                    f"COPY ({q}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
                )
            )[0]
            size += target.stat().st_size
    target.unlink()
    return seconds, size


def full_load(made: City, home: Home) -> tuple[float, int, dict[str, float]]:
    """Seconds from landing to counts, the peak memory of any process in MiB, and where the time went."""
    steps.open_lake(home)[0].__enter__().__exit__(None, None, None)
    began = time.perf_counter()
    spent = dict.fromkeys(("extract", "stage", "judge", "load"), 0.0)
    jobs = [(item, str(period), made.files[item][str(period)]) for period in PERIODS for item in ITEMS]
    peak = 0
    # One process more than cores: while one waits for the writer's lock, the others work.
    with ProcessPoolExecutor(CORES + 1, mp_context=get_context("fork"), initializer=_warm) as pool:
        for costs, memory in pool.map(_ingest, [(str(home.root), *job) for job in jobs]):
            peak = max(peak, memory)
            for step, seconds in costs.items():
                spent[step] += seconds
    os.environ["XTCREDIT_THREADS"] = str(CORES)
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        for name in ("integrate", "assess"):
            seconds, memory = pool.submit(_then, str(home.root), name).result()
            spent[name], peak = seconds, max(peak, memory)
    os.environ["XTCREDIT_THREADS"] = "1"
    return time.perf_counter() - began, peak, {name: round(seconds, 1) for name, seconds in spent.items()}


def _warm() -> None:
    import great_expectations.expectations  # noqa: F401 - as the scheduler's workers do


def _ingest(job: tuple[str, str, str, str]) -> tuple[dict[str, float], int]:
    root, item, period, path = job
    home = Home(Path(root))
    costs: dict[str, float] = {}
    given: Any = None
    for step in ("extract", "stage", "judge", "load"):
        if step == "extract":
            costs[step], given = timed(lambda: steps.hand_over(Path(path), item, period, home))
        else:
            costs[step], given = timed(lambda s=step, g=given: getattr(steps, s)(g, home))
    return costs, _peak()


def _then(root: str, name: str) -> tuple[float, int]:
    home = Home(Path(root))
    seconds, _ = timed(
        lambda: steps.integrate(home) if name == "integrate" else steps.assess(str(PERIODS[-1]), home)
    )
    return seconds, _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def day_on_top(made: City, home: Home, full: float) -> dict[str, Any]:
    """A day's delivery of 100,000 rows (fewer beside a small city), landing to counts."""
    item, period, path = day(load_catalog(), made, min(100_000, made.rows // 300))

    def run() -> None:
        _ingest((str(home.root), item, period, str(path)))
        steps.integrate(home)
        steps.assess(period, home)

    seconds, _ = timed(run)
    return {"daily_delta_seconds": round(seconds, 1), "daily_delta_share": round(seconds / full, 3)}


def month_again(made: City, home: Home) -> dict[str, Any]:
    """One item-month staged, judged and loaded again among all the others."""
    item, period = ITEMS[0], str(PERIODS[5])
    seconds, _ = timed(lambda: _ingest((str(home.root), item, period, made.files[item][period])))
    return {
        "month_again_seconds": round(seconds, 1),
        "month_again_rows": made.rows // len(ITEMS) // len(PERIODS),
    }


def delivered_again(made: City, home: Home) -> None:
    """An item's last month comes once more, with what its first month held: everything that follows from it."""
    _ingest((str(home.root), AGAIN, str(PERIODS[-1]), made.files[AGAIN][str(PERIODS[0])]))
    steps.integrate(home)
    steps.assess(str(PERIODS[-1]), home)


def peers(out: Path, rows: int, ours: float) -> dict[str, Any]:
    """What each peer took for the same rows, and how many times our full load that is."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("peers") / "run.py"),
        "--files",
        str(out / f"city-{rows}"),
    ]
    done = subprocess.run([*command, "--rows", str(rows)], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    for peer in found.values():
        if "seconds" in peer:
            peer["times_ours"] = round(peer["seconds"] / ours, 2)
    return {"rows": rows, "ours_seconds": ours, **found}


def look_ups(home: Home) -> dict[str, Any]:
    """County counts and one enterprise by its code, warm: the median of seven, in milliseconds."""
    with Lake(home) as lake:
        code = lake.scalar("SELECT subject_key FROM lib.enterprise LIMIT 1")
        counts = median_ms(
            lambda: lake.execute("SELECT county_code, collected FROM mart.county_progress").fetchall()
        )
        point = median_ms(
            lambda: lake.execute("SELECT * FROM lib.enterprise WHERE subject_key = ?", [code]).fetchall()
        )
    return {"county_counts_ms": counts, "lookup_ms": point}


def median_ms(work: Callable[[], object]) -> float:
    return round(statistics.median([timed(work)[0] for _ in range(7)]) * 1000, 1)


def audited(home: Home) -> dict[str, Any]:
    """Seconds of the audit, and what it found, which must be nothing."""
    seconds, violations = timed(lambda: steps.verify(home))
    return {"verify_seconds": round(seconds, 1), "verify_violations": violations}


def lake_bytes(home: Home) -> int:
    return sum(path.stat().st_size for path in home.lake.rglob("*") if path.is_file())


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that `work` takes, and its answer."""
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
