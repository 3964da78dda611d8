"""Rows of PostgreSQL into landing Parquet, against the server's own COPY to a file; time and peak memory.

    python benchmarks/pull.py [--rows 2000000]

Starts a server of its own (tests/channels/servers.py). Ends with 1 if a pull is slower than half of COPY's speed or needs
more than 500 MiB.
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

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "channels")]

COLUMNS = ["uscc", "name", "licence_no", "rooms", "issued_on", "address", "leader", "scope"]
TABLE = """
CREATE UNLOGGED TABLE hotel AS SELECT
    '9113050' || lpad((i::bigint * 7919 % 99999999999)::text, 11, '0') AS uscc,
    '邢台市第' || i || '旅馆有限责任公司' AS name, 'LG' || lpad(i::text, 12, '0') AS licence_no, i % 900 AS rooms,
    date '2000-01-01' + (i % 7000)::int AS issued_on, '河北省邢台市桥东区某某街道' || i % 1000 || '号' AS address,
    CASE WHEN i % 10 > 0 THEN '负责人' || i % 5000 END AS leader, repeat('住宿；餐饮；', (i % 5)::int) AS scope
FROM generate_series(1, {rows}) AS i"""
_PULL = """
import resource, sys, time
from pathlib import Path
from catalog.channel import DatabaseSource
from catalog.loader import load_catalog
from catalog.period import Period
from transforms.extract.database import pull
from warehouse.home import Home

class Fields:
    id, period_months, formats, department = "hotel_licence", 1, (), "gaj"
    due = type("Due", (), {"day": 5})()
    def field(self, name):
        return type("F", (), {"name": name, "title": name, "headers": ()})()

source = DatabaseSource(id="front", kind="database", connection="bench", table="hotel", columns={c: c for c in sys.argv[3].split(",")})
began = time.perf_counter()
manifest = pull(source, Fields(), Period(2019, 12), Home(Path(sys.argv[2])), sys.argv[1])
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, manifest)
"""


def main() -> int:
    """Measure and tell; the exit code."""
    import pyarrow.parquet as pq
    import servers

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows = parser.parse_args().rows
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        uri = server.uri.replace("postgres://", "postgresql+psycopg://")
        engine = sa.create_engine(uri, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text(TABLE.format(rows=rows)))
        with engine.connect() as connection:
            connection.execute(
                sa.text("SELECT count(*), sum(length(name)) FROM hotel")
            ).all()  # warms the cache
        plain = Path(folder) / "copy.csv"
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            with plain.open("wb") as file:
                subprocess.run(["psql", uri.replace("+psycopg", ""), "-qc", "COPY hotel TO STDOUT (FORMAT csv)"], stdout=file, check=True)  # fmt: skip
            seconds.append(time.perf_counter() - began)
        copied = min(seconds)
        done = subprocess.run(
            [sys.executable, "-c", _PULL, server.uri, folder, ",".join(COLUMNS)],
            capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 1
        took, peak, manifest = done.stdout.split(maxsplit=2)
        landed = json.loads(Path(manifest.strip()).read_text())
        landed_rows = pq.ParquetFile(landed["path"]).metadata.num_rows
        megabytes = plain.stat().st_size / 2**20
    speed = copied / float(took)
    print(
        f"{landed_rows} rows, {megabytes:.0f} MiB of CSV, {landed['size'] / 2**20:.0f} MiB of Parquet: "
        f"COPY to a file {copied:.1f} s, pull {float(took):.1f} s ({speed:.2f} of its speed), peak {float(peak):.0f} MiB"
    )
    return 0 if landed_rows == rows and speed >= 0.5 and float(peak) <= 500 else 1


if __name__ == "__main__":
    sys.exit(main())
