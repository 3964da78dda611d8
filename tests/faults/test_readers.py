"""A reader never sees half a batch: it polls while another process loads, and every sum is whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from catalog.loader import Catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

ITEM = "lawyers"
PERIODS = Period.parse_range("2019-10:2019-12")
ROUNDS = 4

# Every load replaces a batch, often by another version of it, so that rows come and go in every table.
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import ITEMS, cut_down
from catalog.loader import load_catalog
from transforms import steps
from warehouse.home import Home
small = cut_down(load_catalog(), ITEMS)
steps.load_catalog = lambda: small
home = Home(Path(sys.argv[2]))
for line in sys.stdin:
    steps.load(line.strip(), home)
    print("loaded", flush=True)
"""

SUMS = f"""
    SELECT
        (SELECT coalesce(sum(rows_accepted + rows_duplicate), 0) FROM ops.batch) AS batch_rows,
        (SELECT count(*) FROM rec."{ITEM}") AS rec_rows,
        (SELECT coalesce(sum(rows_new), 0) FROM ops.batch) AS new_rows,
        (SELECT count(*) FROM core.record) AS ledger_rows,
        (SELECT count(DISTINCT record_key) FROM rec."{ITEM}") AS records,
        (SELECT coalesce(sum(rows_updated), 0) FROM ops.batch) AS updates,
        (SELECT coalesce(sum(versions - 1), 0) FROM core.record) AS later_versions,
        (SELECT coalesce(sum(rows_quarantined), 0) FROM ops.batch) AS questioned,
        (SELECT count(*) FROM ops.quarantine) AS quarantined,
        (SELECT count(*) FROM rec."{ITEM}" ANTI JOIN ops.batch USING (batch_id)) AS strays
"""


def test_every_poll_sees_whole_batches(home: Home, catalog: Catalog, tmp_path: Path) -> None:
    verdicts: list[list[str]] = []
    for version in range(2):
        generate(
            catalog, home.inbox, items=[ITEM], periods=PERIODS, rows=60, seed=version, update_share=0.3,
            duplicate_share=0.1, fault_share=0.1, kinds=("csv",),
        )  # fmt: skip
        staged = [
            steps.stage(manifest, home)
            for period in PERIODS
            for manifest in steps.extract(ITEM, str(period), home)
        ]
        verdicts.append([steps.judge(path, home) for path in staged])
    # A load removes its staged files: a set of links to them is kept for each round.
    rounds = [linked(verdict, number) for number in range(ROUNDS) for verdict in verdicts[number % 2]]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    polls: list[dict[str, int]] = []
    with Lake(home) as lake:
        writer.stdin.write("\n".join(rounds) + "\n")
        writer.stdin.close()
        while writer.poll() is None:
            (sums,) = lake.rows(SUMS)
            polls.append(sums)
    assert writer.returncode == 0
    assert writer.stdout.read().count("loaded") == len(rounds)
    with Lake(home) as lake:
        polls += lake.rows(SUMS)
    for sums in polls:
        assert sums["batch_rows"] == sums["rec_rows"], sums
        assert sums["new_rows"] == sums["ledger_rows"] == sums["records"], sums
        assert sums["updates"] == sums["later_versions"], sums
        assert sums["questioned"] == sums["quarantined"], sums
        assert sums["strays"] == 0, sums
    assert len({tuple(sums.values()) for sums in polls}) > 3, "the reader saw too little of the loading"


def linked(verdict: str, number: int) -> str:
    """A copy of a verdict and its staged files, made of links."""
    from warehouse.batch import Verdict

    known = Verdict.from_file(Path(verdict))
    folder = Path(known.batch.folder)
    copy = folder.with_name(f"{folder.name}-{number}")
    copy.mkdir()
    for path in folder.glob("*.parquet"):
        os.link(path, copy / path.name)
    moved = known.model_copy(update={"batch": known.batch.model_copy(update={"folder": str(copy)})})
    return str(moved.to_file(copy / "verdict.json"))
