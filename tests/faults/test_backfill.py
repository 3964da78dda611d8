"""A short backfill on the whole machinery past one machine: Celery, Redis, PostgreSQL (`make backfill`, `make cluster` do more)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "channels"))
from servers import missing

SCRIPT = Path(__file__).with_name("backfill.py")


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("XTCREDIT_BACKFILL") != "1",
    reason="it needs the machine to itself, Airflow being slow to start beside other tests: XTCREDIT_BACKFILL=1 runs it",
)
def test_months_at_once_on_two_workers_equal_month_by_month_on_one_machine(tmp_path: Path) -> None:
    if importlib.util.find_spec("airflow.providers.celery") is None:
        missing("The optional group `cluster`")
    out = tmp_path / "results.json"
    # Airflow under test has a home of its own; what other tests have set for theirs is no business of it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "XTCREDIT_HOME"))}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--cluster", "--items", "2", "--months", "2", "--rows", "20", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )  # fmt: skip
    assert out.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    results = json.loads(out.read_text("utf-8"))
    assert results["green"], results
    assert results["runs"]["ingest backfill success"] == 4, results
    assert results["workers"].keys() == {"one", "two"}, results
    assert results["tables"] > 60, results
    assert results["polls"] > 5, results
