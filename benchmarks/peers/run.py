"""Runs the peers on a benchmark's city, one after the other, each in a process of its own; prints JSON.

    python benchmarks/peers/run.py --files var/bench/city-1000000 [--rows 1000000] [--only pandas_gx dbt_duckdb]

For each: `seconds`, `peak_mib` (of its largest process), and the numbers it came to; `absent` where dbt is not installed
(`make peers` does). `--rows` takes the first months only of a larger one. Ends with 1 if one failed or the two came to different numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from city import city

from catalog.loader import load_catalog

HERE = Path(__file__).resolve().parent
DBT = HERE.parents[1] / ".venv-peers" / "bin"


def measured(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Seconds, peak memory in MiB, and what was printed; raises `SystemExit` with the end of it on failure."""
    began = time.perf_counter()
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            env=os.environ | {"DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "False", "PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {process.returncode}\n{text[-3000:]}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024, text


def pandas_gx(city: str, rows: list[str], folder: Path) -> dict[str, Any]:
    seconds, peak, said = measured(
        [sys.executable, str(HERE / "pandas_gx.py"), city, str(folder), *rows], folder
    )
    return {"seconds": round(seconds, 1), "peak_mib": round(peak), **json.loads(said.splitlines()[-1])}


def dbt_duckdb(city: str, rows: list[str], folder: Path) -> dict[str, Any]:
    if not (DBT / "dbt").exists():
        return {"absent": "make peers"}
    project = folder / "project"
    measured([sys.executable, str(HERE / "dbt_project.py"), city, str(project), *rows], folder)
    seconds, peak, _ = measured(
        [str(DBT / "dbt"), "build", "--project-dir", str(project), "--profiles-dir", str(project)], project
    )
    told = measured([str(DBT / "python"), str(HERE / "dbt_counts.py"), "peer.duckdb"], project)[2]
    return {"seconds": round(seconds, 1), "peak_mib": round(peak), **json.loads(told)}


PEERS = {"pandas_gx": pandas_gx, "dbt_duckdb": dbt_duckdb}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--files", type=Path, required=True, help="the folder of a city, made there with --rows if absent"
    )
    parser.add_argument("--rows", type=int)
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS))
    given = parser.parse_args()
    if given.rows and not (given.files / "city.json").exists():
        city(load_catalog(), given.files.resolve(), given.rows)
    rows = [] if given.rows is None else [str(given.rows)]
    found: dict[str, dict[str, Any]] = {}
    for name in given.only:
        with tempfile.TemporaryDirectory(prefix=f"xtcredit-{name}-", dir=given.files.resolve()) as folder:
            found[name] = PEERS[name](str(given.files.resolve()), rows, Path(folder))
    print(json.dumps(found, indent=1))
    numbers = {tuple(f[n] for n in ("rows", "valid", "records")) for f in found.values() if "absent" not in f}
    return 0 if len(numbers) <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
