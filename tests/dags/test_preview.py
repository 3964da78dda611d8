"""The parameter `preview`: what a load would change goes to the log, and nothing is landed or loaded."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from transforms import steps

DAGS = Path(__file__).resolve().parents[2] / "dags"
ITEM = "lawyers"


@pytest.fixture(scope="module")
def ingest():
    """`dags/ingest.py`, executed for one DAG as a task's process does."""
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    sys.path.append(str(DAGS))
    try:
        spec = importlib.util.spec_from_file_location("ingest_of_one_item", DAGS / "ingest.py")
        module = importlib.util.module_from_spec(spec)
        with _airflow_parsing_context_manager(dag_id=f"ingest__{ITEM}", task_id="extract"):
            spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DAGS))
    return module


@pytest.fixture
def dag(ingest):
    return ingest.ingest(ingest._catalog, ingest._catalog.items[ITEM])


def test_it_is_off_unless_asked_for(dag):
    assert dag.params["preview"] is False


@pytest.mark.parametrize("wanted", [True, False])
def test_the_task_logs_it_and_hands_on_no_file(ingest, dag, monkeypatch, tmp_path, wanted):
    monkeypatch.setenv("XTCREDIT_HOME", str(tmp_path))
    logged, asked = [], []
    told = SimpleNamespace(lines=lambda: iter(["一行", "又一行"]))
    monkeypatch.setattr(ingest.log, "info", logged.append)
    monkeypatch.setattr(
        ingest, "get_current_context", lambda: {"params": {"preview": wanted, "period": "2019-12"}}
    )
    monkeypatch.setattr(steps, "preview", lambda *given, **_: asked.append(("preview", *given[:2])) or [told])
    monkeypatch.setattr(
        steps, "extract", lambda *given, **_: asked.append(("extract", *given[:2])) or ["manifest"]
    )
    handed_on = dag.get_task("extract").python_callable()
    assert asked == [("preview" if wanted else "extract", ITEM, "2019-12")]
    assert (handed_on, logged) == (([], ["一行", "又一行"]) if wanted else (["manifest"], []))
