"""Airflow with a metadata database of its own, made once for these tests."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
DAGS = CHECKOUT / "dags"

# Airflow reads its settings at import, so they must stand before any test imports it.
_home = tempfile.TemporaryDirectory(prefix="airflow-test-")
os.environ["AIRFLOW_HOME"] = _home.name
os.environ["AIRFLOW_CONFIG"] = str(CHECKOUT / "airflow.cfg")
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(DAGS)
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"


@pytest.fixture(scope="session")
def bag() -> Any:
    """All DAGs of the checkout, parsed as Airflow's DAG processor parses them."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(
        dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder", load_op_links=False
    )


@pytest.fixture(scope="session")
def wiring() -> Any:
    """The module that the DAGs share."""
    sys.path.append(str(DAGS))
    try:
        return importlib.import_module("wiring")
    finally:
        sys.path.remove(str(DAGS))
