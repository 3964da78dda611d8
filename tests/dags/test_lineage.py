"""OpenLineage events: every task has its flow, a run tells it, and nothing else leaves the process."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import flow
from transforms.dictionary.page import dictionary_tables
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.secret import identity_key

CHECKOUT = Path(__file__).resolve().parents[2]
MONTH = "2019-12"
ITEMS = ("lawyers", "enterprise_registration")
PERSON = "欧阳无名"
REFUSED = "130500_sfj_lawyers_20200106_02.csv"
OTHERS = ("libraries", "assess__monthly", "maintain")
TABLES = {f"{table.schema}.{table.name}" for table in dictionary_tables(load_catalog())}


@pytest.fixture(scope="module")
def settings() -> Any:
    """The settings' module, as the provider imports it."""
    folder = str(CHECKOUT / "dags" / "settings")
    sys.path.append(folder)
    try:
        return importlib.import_module("lineage")
    finally:
        sys.path.remove(folder)


def airflow(home: Home, *arguments: str, **environment: str) -> str:
    """Run a program as dags/airflow.sh sets Airflow up; what it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        ["sh", str(CHECKOUT / "dags" / "airflow.sh"), "python", *arguments],
        env=clean | {
            "XTCREDIT_HOME": str(home.root), "PYTHONPATH": str(CHECKOUT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        } | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[dict[str, Any]]]:
    """A month of two items, one file refused, through the DAGs; the home, and the events in order."""
    home = Home(tmp_path_factory.mktemp("lineage") / "home")
    generate(load_catalog(), home.inbox, items=list(ITEMS), periods=[Period.parse(MONTH)], rows=60, seed=5)
    (home.inbox / MONTH / REFUSED).write_text(f"姓名,{PERSON}\n张三,1\n", encoding="utf-8")
    program = str(CHECKOUT / "tests" / "attacks" / "dag_runs.py")
    airflow(home, program, str(CHECKOUT / "dags"), MONTH, *(f"ingest__{item}" for item in ITEMS), *OTHERS)
    return home, [json.loads(path.read_text("utf-8")) for path in sorted(home.lineage.iterdir())]


def step_of(task: Any) -> str:
    return str(task.task_id).rpartition(".")[2]


def flow_of(dag_id: str, step: str) -> flow.Flow:
    catalog = load_catalog()
    item = catalog.items.get(dag_id.removeprefix("ingest__"))
    return flow.item_flow(step, item) if item else flow.city_flow(step, catalog)


def test_every_task_has_its_flow_and_every_flow_a_task(bag):
    of_items, of_all = set(), set()
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert flow_of(dag.dag_id, step_of(task)).reads, task
            (of_items if dag.dag_id.startswith("ingest__") else of_all).add(step_of(task))
    # The receipt is written where a source asks for one; no item of the catalog has such a source.
    assert of_items | {"acknowledge"} == set(flow._OF_AN_ITEM)
    assert of_all == set(flow._OF_ALL)


def test_an_items_sources_are_read_and_its_receipts_written_there():
    from catalog.channel import DatabaseSource, Receipt

    source = DatabaseSource(
        id="front", connection="sfj_front", kind="database", table="t", columns={"name": "NAME"},
        receipt=Receipt(table="r", id="ID"),
    )  # fmt: skip
    item = load_catalog().item("lawyers").model_copy(update={"sources": (source,)})
    assert flow.item_flow("extract", item).reads == ("inbox", "source/sfj_front")
    assert flow.item_flow("acknowledge", item).writes == ("source/sfj_front",)


def test_what_is_named_like_a_table_is_one():
    catalog = load_catalog()
    flows = [flow.city_flow(step, catalog) for step in flow._OF_ALL]
    flows += [flow.item_flow(step, item) for step in flow._OF_AN_ITEM for item in catalog.items.values()]
    named = {name for found in flows for name in (*found.reads, *found.writes)}
    assert {name for name in named if "." in name} <= TABLES
    assert {"core.record", "ops.batch", "mart.county_progress", "rec.lawyers", "lib.group_lawyer"} <= named


@pytest.mark.slow
def test_each_task_begins_and_ends_once_under_its_dags_run(told):
    _, events = told
    states, jobs, runs = defaultdict(list), {}, {}
    for event in events:
        run = event["run"]["runId"]
        states[run].append(event["eventType"])
        jobs[run] = event["job"]["name"]
        assert event["job"]["namespace"] == "xtcredit"
        if parent := event["run"]["facets"].get("parent"):
            runs[run] = parent["run"]["runId"], parent["job"]["name"]
    # A DAG's own start is told by the scheduler, which is not there when DAGs are run in one process.
    tasks = {run: found for run, found in states.items() if run in runs}
    assert {tuple(sorted(found)) for found in tasks.values()} == {("COMPLETE", "START"), ("FAIL", "START")}
    ended = {jobs[run]: found for run, found in states.items() if run not in runs}
    assert ended.pop("ingest__lawyers") == ["FAIL"]  # the refused file
    assert set(map(tuple, ended.values())) == {("COMPLETE",)}
    for run, (parent, name) in runs.items():
        assert jobs[parent] == name
        assert jobs[run].startswith(f"{name}.")
    assert {jobs[run] for run in tasks} >= {
        "ingest__lawyers.extract", "ingest__lawyers.file.stage", "ingest__lawyers.file.load", "libraries.integrate",
        "libraries.verify", "assess__monthly.assess", "assess__monthly.publish", "maintain.maintain",
    }  # fmt: skip


@pytest.mark.slow
def test_an_events_datasets_are_its_steps(told):
    of_tasks = [event for event in told[1] if event["job"]["facets"]["jobType"]["jobType"] == "TASK"]
    assert len(of_tasks) > 20
    for event in of_tasks:
        dag_id, _, task = event["job"]["name"].partition(".")
        expected = flow_of(dag_id, task.rpartition(".")[2])
        assert [d["name"] for d in event["inputs"]] == list(expected.reads)
        assert [d["name"] for d in event["outputs"]] == list(expected.writes)
        assert {d["namespace"] for d in (*event["inputs"], *event["outputs"])} == {"xtcredit"}


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS)
def test_from_the_inbox_to_the_published_file(told, item):
    _, events = told
    onward = defaultdict(set)
    for event in events:
        dag_id = event["job"]["name"].partition(".")[0]
        if dag_id in (f"ingest__{item}", *OTHERS):
            for source in event["inputs"]:
                onward[source["name"]] |= {target["name"] for target in event["outputs"]}
    library = load_catalog().item(item).library
    way = ("inbox", f"landing/{item}", f"staged/{item}", f"rec.{item}", f"lib.{library}", "publish/public")
    assert [step for step in pairwise(way) if step[1] not in onward[step[0]]] == []
    assert "mart.county_progress" in onward["core.record"]
    assert {"publish/public", "reports"} <= onward["mart.county_progress"]


@pytest.mark.slow
def test_a_batch_is_told_by_period_and_digest(told):
    home, events = told
    versions = {
        dataset["facets"]["version"]["datasetVersion"]
        for event in events
        for dataset in (*event["inputs"], *event["outputs"])
        if dataset["facets"]
    }
    with Lake(home) as lake:
        loaded = lake.execute("SELECT period || '/' || sha256[:12] FROM ops.batch").fetchall()
    assert len(loaded) >= len(ITEMS)
    assert versions >= {version for (version,) in loaded}


@pytest.mark.slow
def test_the_lake_agrees_what_was_written(told):
    """Every table that a step's commits changed is among what it is said to write."""
    home, _ = told
    catalog = load_catalog()
    loaded = {name for item in ITEMS for name in flow.item_flow("load", catalog.item(item)).writes}
    writes = {"load": loaded | set(flow.city_flow("publish", catalog).writes)}
    writes |= {step: set(flow.city_flow(step, catalog).writes) for step in ("integrate", "assess")}
    with Lake(home) as lake:
        changed = lake.execute(
            """
            WITH made AS (
                SELECT split_part(commit_message, ' ', 1) AS step,
                    unnest(string_split(changes_made, ',')) AS change
                FROM __ducklake_metadata_lake.ducklake_snapshot_changes
            ),
            rows AS (
                SELECT DISTINCT step, try_cast(split_part(change, ':', 2) AS BIGINT) AS table_id FROM made
                WHERE change SIMILAR TO '(inserted_into|deleted_from|inlined_insert|inlined_delete).*'
            )
            SELECT DISTINCT step, s.schema_name || '.' || t.table_name
            FROM rows JOIN __ducklake_metadata_lake.ducklake_table t USING (table_id)
            JOIN __ducklake_metadata_lake.ducklake_schema s USING (schema_id)"""
        ).fetchall()
    seen = {step: {table for by, table in changed if by == step} for step in writes}
    assert all(seen.values()), changed
    assert [(step, found - writes[step]) for step, found in seen.items() if found - writes[step]] == []


@pytest.mark.slow
def test_events_are_private_and_have_no_facet_but_those_named(told, settings):
    home, events = told
    assert home.lineage.stat().st_mode & 0o777 == 0o700
    assert {name for event in events for name in event["run"]["facets"]} <= set(settings.RUN_FACETS)
    assert {name for event in events for name in event["job"]["facets"]} <= set(settings.JOB_FACETS)
    text = "\n".join(path.read_text("utf-8") for path in home.lineage.iterdir())
    key = identity_key(home).hex()
    for unwanted in (PERSON, json.dumps(PERSON)[1:-1], str(home.root), "20200106", key):
        assert unwanted not in text


@pytest.mark.slow
def test_it_can_be_switched_off(tmp_path):
    ask = (
        "from airflow.providers.openlineage.plugins.openlineage import OpenLineageProviderPlugin as P; print('LISTENERS', len(P.listeners))",
    )
    home = Home(tmp_path / "home")
    assert "LISTENERS 1" in airflow(home, "-c", *ask)
    assert "LISTENERS 0" in airflow(home, "-c", *ask, AIRFLOW__OPENLINEAGE__DISABLED="True")


def test_an_event_is_stripped_whatever_the_transport(settings, tmp_path):
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import error_message_run, nominal_time_run, source_code_job

    onward = {"type": "file", "log_file_path": str(tmp_path / "all.jsonl"), "append": True}
    transport = settings.Discreet(settings.DiscreetConfig.from_dict({"to": onward}))
    event = RunEvent(
        eventTime="2020-01-05T00:00:00Z", producer="https://example.org", eventType=RunState.FAIL,
        run=Run("01a21398-c834-7c0b-9c44-af337c6669b1", {
            "errorMessage": error_message_run.ErrorMessageRunFacet(message=PERSON, programmingLanguage="python"),
            "nominalTime": nominal_time_run.NominalTimeRunFacet("2019-12-05T00:00:00Z"),
        }),
        job=Job("xtcredit", "a.b", {"sourceCode": source_code_job.SourceCodeJobFacet("python", PERSON)}),
    )  # fmt: skip
    transport.emit(event)
    assert transport.close()
    (line,) = (tmp_path / "all.jsonl").read_text("utf-8").splitlines()
    told = json.loads(line)
    assert list(told["run"]["facets"]) == ["nominalTime"]
    assert told["job"]["facets"] == {}
    assert set(event.run.facets) == {"errorMessage", "nominalTime"}  # the provider's own is left as it was
