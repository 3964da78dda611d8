"""Upkeep removes what has had its day, and only that."""

from __future__ import annotations

import os
import time

from transforms import steps
from warehouse.home import Home

DAY = 86400


def test_events_of_lineage_go_after_four_hundred_days(tmp_path, monkeypatch):
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    home = Home(tmp_path / "home")
    assert steps.maintain(home)["lineage"] == 0  # nor need there be any
    folder = home.private_dir(home.lineage)
    for name, days in (("last-year.json", 399), ("long-ago.json", 401), ("today.json", 0)):
        (folder / name).write_text("{}", "ascii")
        os.utime(folder / name, (time.time() - days * DAY,) * 2)
    assert steps.maintain(home)["lineage"] == 1
    assert {path.name for path in folder.iterdir()} == {"last-year.json", "today.json"}
    assert steps.maintain(home)["lineage"] == 0
