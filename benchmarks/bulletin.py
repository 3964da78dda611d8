"""A bulletin over a ledger of 30 million records: seconds of the assessment and of the report.

The ledger is made by hand, spread over all items, counties and a year of months, and one row in fifty of what was
delivered is questioned; the rows themselves (`rec.*`) are not there, so the assessment's pass over the month's rows is
not part of this (`make bench` has it). Run: python benchmarks/bulletin.py --rows 30000000
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from catalog.loader import load_catalog
from catalog.period import Period
from transforms.assess import assess
from transforms.report import report
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

PERIOD = Period(2019, 12)
QUESTIONED = 50  # one row in so many


def fill(lake: Lake, rows: int) -> None:
    """`rows` records in the ledger, and a batch of each item, county and month."""
    catalog = load_catalog()
    units = [u.code for u in catalog.divisions.units(PERIOD.last_day)] + ["130500"]
    items = [i for i in catalog.items.values() if i.id not in catalog.apart]
    lake.connection.register(
        "bench_item",
        pa.table(
            {
                "n": list(range(len(items))),
                "item_id": [i.id for i in items],
                "department": [i.department for i in items],
            }
        ),
    )
    lake.connection.register("bench_unit", pa.table({"n": list(range(len(units))), "code": units}))
    batch = "item_id || '/' || first_period || '/20200103-01-' || code"
    for item in range(len(items)):
        with lake.transaction() as tx:
            tx.execute(
                f"""
                INSERT INTO core.record BY NAME
                SELECT item_id, md5(item_id || i)::UUID AS record_key, code AS county_code, 'registrar' AS county_rule,
                    'uscc:' || i AS subject_key, first_period, first_period AS last_period, 1 AS versions, {batch} AS batch_id, i + 2 AS row_number
                FROM (SELECT i, '2019-' || lpad((1 + i % 12)::VARCHAR, 2, '0') AS first_period, (i // 12) % {len(units)} AS u FROM range({rows // len(items)}) AS t(i))
                JOIN bench_unit ON bench_unit.n = u, bench_item WHERE bench_item.n = {item}
                """
            )
    with lake.transaction() as tx:
        tx.execute(
            f"""
            INSERT INTO ops.batch BY NAME
            SELECT r.batch_id, r.item_id, r.last_period AS period, '20200103-01-' || r.code AS delivery, r.code AS division, bench_item.department,
                r.batch_id || '.csv' AS source_file, TIMESTAMP '2020-01-03' AS received_at, r.n + r.n // {QUESTIONED} AS rows_read, r.n AS rows_accepted, r.n AS rows_new,
                0 AS rows_updated, 0 AS rows_duplicate, r.n // {QUESTIONED} AS rows_quarantined, 0 AS rows_set_aside, 0 AS rows_ignored, 'loaded' AS status
            FROM (SELECT batch_id, item_id, last_period, county_code AS code, count(*) AS n FROM core.record GROUP BY ALL) AS r
            JOIN bench_item USING (item_id)
            """
        )
        tx.execute(
            """
            INSERT INTO ops.quarantine BY NAME
            SELECT batch_id, item_id, period, rows_new + 1 + i AS row_number, 'quarantine' AS level,
                ['uscc', 'name', 'decided_on'][1 + i % 3] AS field, ['uscc_check_digit', 'required', 'date_exists'][1 + i % 3] AS rule,
                i::VARCHAR AS value, '请核对后重报' AS message
            FROM ops.batch, unnest(range(rows_quarantined)) AS t(i)
            """
        )


def main() -> None:
    """Fill, assess, report; one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=30_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        catalog = load_catalog()
        seconds = {}
        with Lake(home) as lake:
            ensure_schema(lake, catalog)
            for name, step in (
                ("fill", lambda: fill(lake, rows)),
                ("assess", lambda: assess(lake, catalog, PERIOD)),
                ("report", lambda: report(lake, catalog, PERIOD, Path(folder) / "out")),
            ):
                started = time.perf_counter()
                step()
                seconds[name] = round(time.perf_counter() - started, 1)
            count = lake.scalar("SELECT count(*) FROM core.record")
            questioned = lake.scalar("SELECT count(*) FROM ops.quarantine")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"records": count, "questioned": questioned, "seconds": seconds, "peak_mib": peak}))


if __name__ == "__main__":
    main()
