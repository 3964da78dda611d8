"""A short, seeded part of the kill campaign (`make faults` runs all of it)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).with_name("campaign.py")
KILLS = 12


@pytest.mark.slow
def test_killed_steps_run_again_leave_no_trace(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), "--kills", str(KILLS), "--seed", "5", "--items", "lawyers", "--rows", "20",
         "--months", "2", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert out.exists(), done.stderr[-3000:]
    results = json.loads(out.read_text("utf-8"))
    assert results["green"], results
    assert results["kills"] >= KILLS * 0.75, results
    assert results["kills_in_commit"] >= 3, results
    assert results["tables"] > 20, results
