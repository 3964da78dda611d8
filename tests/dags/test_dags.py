"""Every DAG: parsed without errors, wired as the design says, described for whoever is on duty."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from catalog.loader import load_catalog

CHECKOUT = Path(__file__).resolve().parents[2]
DAGS = CHECKOUT / "dags"
ITEMS = load_catalog().collected()
OTHERS = {"libraries", "assess__monthly", "maintain"}
TAGS = (
    {f"dept:{d}" for d in load_catalog().departments}
    | {f"library:{item.library}" for item in ITEMS.values()}
    | {"tier:1", "tier:2", "tier:3", "kind:libraries", "kind:assess", "kind:maintain"}
)


def test_no_import_errors(bag):
    assert bag.import_errors == {}


def test_one_dag_per_item_and_three_more(bag):
    assert set(bag.dags) == {f"ingest__{item_id}" for item_id in ITEMS} | OTHERS


def test_every_dag_is_described_owned_and_tagged(bag):
    for dag_id, dag in bag.dags.items():
        assert "失败怎么办" in dag.doc_md, dag_id
        assert dag.owner not in ("", "airflow"), dag_id
        assert dag.tags, dag_id
        assert set(dag.tags) <= TAGS, dag_id
        assert dag.catchup is False, dag_id


def test_ingest_names_department_library_and_tier(bag):
    for item_id, item in ITEMS.items():
        dag = bag.dags[f"ingest__{item_id}"]
        assert {tag.split(":")[0] for tag in dag.tags} == {"dept", "library", "tier"}
        assert f"dept:{item.department}" in dag.tags
        assert dag.owner == item.owner.provider
        assert item.title in dag.doc_md


def test_every_task_retries_within_bounds(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert task.retries == 2, task
            assert task.retry_exponential_backoff, task
            assert timedelta(seconds=5) <= task.retry_delay <= timedelta(minutes=1), task
            assert task.execution_timeout, task


def test_only_writers_take_the_writers_pool(bag):
    writers = {(d.dag_id, t.task_id) for d in bag.dags.values() for t in d.tasks if t.pool == "lake_writer"}
    assert writers == {(f"ingest__{item_id}", "file.load") for item_id in ITEMS} | {
        ("libraries", "integrate"),
        ("assess__monthly", "integrate"),
        ("assess__monthly", "declare"),
        ("assess__monthly", "assess"),
        ("maintain", "maintain"),
    }


def test_a_file_is_a_chain_of_its_own(bag):
    for item_id in ITEMS:
        dag = bag.dags[f"ingest__{item_id}"]
        upstream = {task.task_id: task.upstream_task_ids for task in dag.tasks}
        assert upstream == {
            "extract": set(),
            "file.stage": {"extract"},
            "file.judge": {"file.stage"},
            "file.load": {"file.judge"},
        }
        assert all(t.get_closest_mapped_task_group() for t in dag.tasks if t.task_id != "extract")


def test_loads_wake_the_libraries_one_run_at_a_time(bag):
    libraries = bag.dags["libraries"]
    awaited = {asset.uri for asset in libraries.schedule}
    for item_id in ITEMS:
        load = bag.dags[f"ingest__{item_id}"].get_task("file.load")
        assert {asset.uri for asset in load.outlets} == awaited
    assert libraries.max_active_runs == 1
    assert bag.dags["assess__monthly"].max_active_runs == 1


def test_the_queue_is_no_longer_than_the_workers_so_that_priorities_count():
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(CHECKOUT / "airflow.cfg", "utf-8")
    core = settings["core"]
    assert core.getint("default_pool_task_slot_count") == core.getint("parallelism")


def test_the_writers_pool_is_made_with_the_database():
    assert "pools set lake_writer 1 " in (DAGS / "airflow.sh").read_text("utf-8")


@pytest.mark.slow
def test_importing_the_dags_reads_no_clock_and_no_network(tmp_path):
    """A fresh process in which clock and network raise while the DAG files are executed."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        f"""
import sys, time, socket, runpy
sys.path.insert(0, {str(DAGS)!r})
import airflow.sdk, pendulum
import catalog.loader, wiring
def refuse(*a, **k): raise AssertionError("clock or network at import")
import airflow.sdk.definitions.variable
airflow.sdk.Variable.get = airflow.sdk.Connection.get = refuse
time.time = pendulum.now = pendulum.today = socket.socket.connect = refuse
import glob
for path in sorted(glob.glob({str(DAGS)!r} + "/*.py")):
    runpy.run_path(path)
print("clean")
""",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(probe)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.stdout.strip().endswith("clean"), done.stderr[-2000:]


def test_the_dag_files_name_no_clock_network_or_variable():
    for path in DAGS.glob("*.py"):
        assert not re.search(r"\b(now|today|utcnow|Variable|requests|urllib)\b", path.read_text("utf-8")), (
            path
        )


@pytest.mark.slow
def test_a_task_process_builds_only_its_own_dag(tmp_path):
    item_id = next(iter(ITEMS))
    probe = tmp_path / "probe.py"
    probe.write_text(
        f"""
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
with _airflow_parsing_context_manager(dag_id="ingest__{item_id}", task_id="extract"):
    bag = BundleDagBag(dag_folder={str(DAGS / "ingest.py")!r}, bundle_path=Path({str(DAGS)!r}))
print("found", sorted(bag.dags))
""",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(probe)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert f"found ['ingest__{item_id}']" in done.stdout, done.stderr[-2000:]
