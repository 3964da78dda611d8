"""What publishing costs, and the analysts' ten questions, on a city of any size: `python benchmarks/publish.py --rows 30000000`.

The city is that of `make bench` (made once and kept under --out). Measured: the first publication, one without change,
one after an item-month was delivered again, a county's own; then every question of the file's README. Figures go to
<out>/publish-<rows>.json; exits with 1 if a question takes longer than two seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from analyst import best
from bench import CORES, PERIODS, _ingest, full_load, timed
from city import city

from catalog.loader import load_catalog
from transforms import steps
from warehouse.home import Home

LIMIT = 2.0
DAY = date(2020, 1, 25)
AGAIN = "admin_penalties"


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=30_000_000)
    options.add_argument("--out", type=Path, default=Path(os.environ.get("XTCREDIT_HOME", "var")) / "bench")
    given = options.parse_args()
    out: Path = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    made = city(load_catalog(), out / f"city-{given.rows}", given.rows)
    home = Home(out / f"publish-{given.rows}")
    shutil.rmtree(home.root, ignore_errors=True)
    home.private_dir(home.root)
    os.environ.setdefault("XTCREDIT_THREADS", "1")
    full_load(made, home)
    os.environ["XTCREDIT_THREADS"] = str(CORES)
    found: dict[str, Any] = {"rows": made.rows, "cores": CORES, "duckdb": duckdb.__version__}
    for name, county in (("first", None), ("unchanged", None), ("county", "130528")):
        found |= published(name, home, county)
    _ingest((str(home.root), AGAIN, str(PERIODS[-1]), made.files[AGAIN][str(PERIODS[0])]))
    steps.integrate(home)
    steps.assess(str(PERIODS[-1]), home)
    found |= published("after_a_month", home, None)
    path = home.publish / "public" / "current.duckdb"
    with duckdb.connect(str(path), read_only=True) as file:
        asked = file.execute('SELECT "问题", "SQL" FROM README ORDER BY "序号"::INTEGER').fetchall()
    seconds = {title: round(best(path, sql)[0], 3) for title, sql in asked}
    found["questions"] = seconds
    found["slowest_question_seconds"] = max(seconds.values())
    (out / f"publish-{given.rows}.json").write_text(
        json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    print(json.dumps(found, ensure_ascii=False, indent=1))
    shutil.rmtree(home.root)
    return int(max(seconds.values()) > LIMIT)


def published(name: str, home: Home, county: str | None) -> dict[str, Any]:
    """Seconds of one publication with its pages, tables written, bytes of the file."""
    seconds, done = timed(lambda: steps.publish(DAY, home, county=county))
    made = done.publication
    return {
        f"{name}_seconds": round(seconds, 1),
        f"{name}_tables_written": made.written,
        f"{name}_bytes": made.bytes,
        f"{name}_rows": made.rows,
    }


if __name__ == "__main__":
    sys.exit(main())
