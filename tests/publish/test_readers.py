"""The published file read by what analysts have, DuckDB 2.0 among it, while loads and publications go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa

from warehouse.home import Home

CHECKOUT = Path(__file__).resolve().parents[2]
TOOLS = CHECKOUT / ".venv-analyst/bin"
FLAG = "XTCREDIT_REQUIRE_ANALYST"
COUNT = "SELECT count(*) FROM rec.enterprise_registration"

READ = """
import sys, json, duckdb
with duckdb.connect(sys.argv[1], read_only=True, config={"autoinstall_known_extensions": False}) as file:
    asked = file.execute('SELECT "SQL" FROM README ORDER BY "序号"::INTEGER').fetchall()
    print(json.dumps([duckdb.__version__] + [file.execute(sql).fetchall() for (sql,) in asked], default=str))
"""

BUSY = """
import sys
from datetime import date, timedelta
from pathlib import Path
from transforms import steps
from warehouse.home import Home
home, stop, versions = Home(Path(sys.argv[1])), Path(sys.argv[2]), 0
print("ready", flush=True)
while not stop.exists():
    steps.replay("lawyers", "2019-12", home)
    versions += steps.publish(date(2020, 1, 11) + timedelta(20 * versions), home).publication.written > 0
print(versions, flush=True)
"""


HOLD = """
import sys, duckdb
file = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
sys.stdin.readline()
print(len(file.execute("FROM rec.enterprise_registration").fetchall()), flush=True)
"""


def with_duckdb(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as file:
        return len(file.execute("FROM rec.enterprise_registration").fetchall())


def with_sqlalchemy(path: Path) -> int:
    engine = sa.create_engine(f"duckdb:///{path}", connect_args={"read_only": True})
    with engine.connect() as connection:
        found = len(connection.execute(sa.text("SELECT * FROM rec.enterprise_registration")).all())
    engine.dispose()
    return found


def with_pandas(path: Path) -> int:
    engine = sa.create_engine(f"duckdb:///{path}", connect_args={"read_only": True})
    found = len(pd.read_sql("SELECT * FROM rec.enterprise_registration", engine))
    engine.dispose()
    return found


def with_polars(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as file:
        return pl.read_database("SELECT * FROM rec.enterprise_registration", file).height


def with_shell(path: Path) -> int:
    return int(said(TOOLS / "duckdb", "-readonly", "-csv", "-noheader", path, COUNT))


def with_harlequin(path: Path) -> int:
    return int(said(TOOLS / "hsql", "--read-only", "--tuples-only", "--no-align", "--command", COUNT, path))


def with_the_next_duckdb(path: Path) -> int:
    code = f"import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).execute('{COUNT}').fetchone()[0])"
    return int(said(TOOLS / "python", "-c", code, path))


OURS = (with_duckdb, with_sqlalchemy, with_pandas, with_polars)
THEIRS = (with_shell, with_harlequin, with_the_next_duckdb)


def said(*command: str | Path) -> str:
    """What a program prints that has nothing of the house on its path: an analyst's own installation."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def tools() -> Path:
    if not TOOLS.exists():
        if os.environ.get(FLAG) == "1":
            pytest.fail(f"{TOOLS.parent.name} is required ({FLAG}=1) but is not there: run .ci/services")
        pytest.skip(f"{TOOLS.parent.name} is not there: .ci/services makes it")
    return TOOLS


def with_interpreter(python: str | Path, path: Path) -> list:
    return json.loads(said(Path(python), "-c", READ, path))


def test_the_next_duckdb_answers_every_question_alike(built, tools):
    path = built.publish / "public" / "current.duckdb"
    version, *answers = with_interpreter(tools / "python", path)
    ours, *expected = with_interpreter(sys.executable, path)
    assert version.startswith("2.0")
    assert ours.startswith("1.5")
    assert len(answers) == 10
    assert answers == expected
    assert any(map(len, answers))


def python(code: str, *words: object, home: Path) -> subprocess.Popen[str]:
    """A process of its own: within one, DuckDB shares what it has open between all who open it."""
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "XTCREDIT_HOME": str(home)}
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_readers_are_served_while_loads_and_publications_go_on(home, tmp_path):
    served(OURS, home, tmp_path)


def test_so_are_the_shell_a_tool_of_analysts_and_the_next_duckdb(home, tmp_path, tools):
    served(THEIRS, home, tmp_path)


def served(readers: tuple[Callable[[Path], int], ...], home: Home, tmp_path: Path) -> None:
    """Every reader finds every row, again and again, until a new version has come while it was at it."""
    path, stop = home.publish / "public" / "current.duckdb", tmp_path / "stop"
    rows = with_duckdb(path)
    with python(HOLD, path, home=home.root) as held, python(BUSY, home.root, stop, home=home.root) as busy:
        assert held.stdout.readline() == "open\n"
        assert busy.stdout.readline() == "ready\n"
        seen, reads = set(), 0
        try:
            while len(seen) < 2 and busy.poll() is None:
                seen.add(path.resolve().name)
                for read in readers:
                    assert read(path) == rows > 0
                    reads += 1
        finally:
            stop.touch()
        assert busy.wait(120) == 0
        assert int(busy.stdout.readline()) >= 1
        assert len(seen) == 2
        assert reads >= 2 * len(readers)
        # A file that was opened stays what it was, whatever was published since.
        held.stdin.write("\n")
        held.stdin.flush()
        assert int(held.stdout.readline()) == rows
