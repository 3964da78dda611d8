"""What one item-month of 1,000 rows costs, extract to load, Airflow's own time aside: CPU seconds per step.

Each step runs in a process forked from one that has run Airflow's local settings, as Airflow's executor forks its tasks
from a worker that has (design, section 7). `python benchmarks/item_month.py [--items N]`
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

PERIOD = "2019-12"
STEPS = ("extract", "stage", "judge", "load")
LIMIT = 2.0


def main() -> None:
    """Measure and print; exit code 1 if the median item-month costs more than two CPU seconds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int, default=12, help="how many items, spread over the catalog")
    options.add_argument("--rows", type=int, default=1000)
    given = options.parse_args()
    os.environ.setdefault("XTCREDIT_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as airflow_home:
        preload(Path(airflow_home))
        items, _ = forked(lambda: prepared(Path(folder), given.items, given.rows))
        costs: dict[str, list[float]] = {step: [] for step in STEPS}
        for item in items:
            spent = dict.fromkeys(STEPS, 0.0)
            manifests, spent["extract"] = forked(lambda i=item: run(folder, "extract", i, PERIOD))
            for manifest in manifests:
                staged, cost = forked(lambda m=manifest: run(folder, "stage", m))
                spent["stage"] += cost
                verdict, cost = forked(lambda s=staged: run(folder, "judge", s[0]))
                spent["judge"] += cost
                _, cost = forked(lambda v=verdict: run(folder, "load", v[0]))
                spent["load"] += cost
            for step in STEPS:
                costs[step].append(spent[step] / max(1, len(manifests)))
    totals = [sum(step[i] for step in costs.values()) for i in range(len(items))]
    print(f"{len(items)} items, {given.rows} rows each, CPU seconds per delivered file (median, worst)")
    for step in STEPS:
        print(f"  {step:8} {statistics.median(costs[step]):6.2f} {max(costs[step]):6.2f}")
    print(f"  {'all':8} {statistics.median(totals):6.2f} {max(totals):6.2f}   limit {LIMIT}")
    sys.exit(statistics.median(totals) > LIMIT)


def preload(folder: Path) -> None:
    """Run what the scheduler runs before its workers fork a task; Airflow's own files go to `folder`."""
    os.environ["AIRFLOW_HOME"] = str(folder)
    sys.argv[1:] = ["scheduler"]
    runpy.run_path(str(Path(__file__).parents[1] / "dags" / "settings" / "airflow_local_settings.py"))


def prepared(folder: Path, wanted: int, rows: int) -> list[str]:
    """A home with one month of generated deliveries and an empty lake; the items delivered."""
    from catalog.loader import load_catalog
    from catalog.period import Period
    from catalog.sample import generate
    from transforms import steps
    from warehouse.home import Home

    catalog = load_catalog()
    every = sorted(catalog.collected())
    items = every[:: max(1, len(every) // wanted)][:wanted]
    home = Home(folder)
    generate(
        catalog, home.inbox, items=items, periods=[Period.parse(PERIOD)], rows=rows, seed=7, kinds=("csv",)
    )
    lake, _ = steps.open_lake(home)
    with lake:
        return items


def run(folder: str, step: str, *given: str) -> list[str]:
    """One step as a task runs it."""
    from transforms import steps
    from warehouse.home import Home

    answer = getattr(steps, step)(*given, Home(Path(folder)))
    return answer if isinstance(answer, list) else [str(answer)]


def forked(work: Callable[[], list[str]]) -> tuple[list[str], float]:
    """What `work` answers in a process of its own, and that process's CPU seconds."""
    read, write = os.pipe()
    before = os.times()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read)
            with os.fdopen(write, "w", encoding="utf-8") as pipe:
                pipe.write("\0".join(work()))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    after = os.times()
    if status:
        raise SystemExit("a step failed, see above")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return [part for part in answer.split("\0") if part], spent


if __name__ == "__main__":
    main()
