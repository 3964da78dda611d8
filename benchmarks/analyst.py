"""Times the ten questions of a published file's README: `python benchmarks/analyst.py FILE.duckdb [--limit 2.0]`.

Each is run three times on a fresh connection; the best counts. Exits with 1 if one takes longer than the limit (seconds).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import duckdb

RUNS = 3


def best(path: Path, sql: str) -> tuple[float, int]:
    """Seconds of the fastest run, rows of the answer."""
    fastest, rows = float("inf"), 0
    for _ in range(RUNS):
        with duckdb.connect(str(path), read_only=True) as connection:
            started = time.perf_counter()
            rows = len(connection.execute(sql).fetchall())
            fastest = min(fastest, time.perf_counter() - started)
    return fastest, rows


def questions(path: Path) -> list[tuple[str, str]]:
    """Title and SQL of the file's worked questions, in order."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute('SELECT "问题", "SQL" FROM README ORDER BY "序号"::INTEGER').fetchall()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--limit", type=float, default=2.0)
    given = arguments.parse_args()
    with duckdb.connect(str(given.file), read_only=True) as connection:
        (rows,) = connection.execute("SELECT sum(rows) FROM publication").fetchone() or (0,)
    print(
        f"{given.file.name}: {rows:,} rows, {given.file.stat().st_size:,} bytes, DuckDB {duckdb.__version__}"
    )
    slow = 0
    for title, sql in questions(given.file):
        seconds, answer = best(given.file, sql)
        slow += seconds > given.limit
        print(f"{seconds:7.3f} s  {answer:8,} rows  {title}{'  TOO SLOW' if seconds > given.limit else ''}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
