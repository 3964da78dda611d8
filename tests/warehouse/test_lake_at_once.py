"""A lake is opened by several processes at once, none in another's way for longer than a commit, and only where it was made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from catalog.errors import UserError
from warehouse.home import Home
from warehouse.lake import Lake

WRITER = """
import sys
from pathlib import Path
from warehouse.home import Home
from warehouse.lake import Lake
for _ in range(3):
    with Lake(Home(Path(sys.argv[1]))) as lake, lake.transaction("one row") as tx:
        tx.execute("CREATE SCHEMA IF NOT EXISTS ops")
        tx.execute("CREATE TABLE IF NOT EXISTS ops.t (a INTEGER)")
        tx.execute("INSERT INTO ops.t VALUES (1)")
"""


def test_a_reader_that_has_not_fetched_all_does_not_hold_up_a_commit(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with Lake(home) as writer:
        with writer.transaction() as tx:
            tx.execute("CREATE TABLE t AS SELECT range AS a FROM range(10000)")
        with Lake(home) as reader:
            cursor = reader.execute("SELECT a FROM t")
            assert cursor.fetchone() is not None
            with writer.transaction() as tx:
                tx.execute("INSERT INTO t VALUES (-1)")
            assert len(cursor.fetchall()) == 9_999
            assert reader.scalar("SELECT count(*) FROM t") == 10_001


def test_processes_that_make_a_lake_at_once_lose_nothing(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1].decode()[-300:] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    with Lake(Home(tmp_path)) as lake:
        assert lake.scalar("SELECT count(*) FROM ops.t") == 9


def test_a_home_that_was_moved_says_where_it_belongs(tmp_path: Path) -> None:
    home = Home(tmp_path / "before")
    home.private_dir(home.root)
    Lake(home).close()
    home.root.rename(tmp_path / "after")
    with pytest.raises(UserError, match=r"不在原处：目录库记的是 .*/before/lake/data/"):
        Lake(Home(tmp_path / "after"))
