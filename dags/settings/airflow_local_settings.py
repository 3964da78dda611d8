"""Airflow imports this at every start from $AIRFLOW_HOME/config (dags/airflow.sh links it there).

Task processes are forked from the scheduler's workers and inherit what those have imported, so the libraries
that are slow to import are paid once per scheduler instead of once per task. Only third-party libraries: our
own code is read afresh by every task, so a deployment needs no restart of the scheduler.
"""

import gc
import importlib
import sys

if "scheduler" in sys.argv[1:2]:
    for _name in (
        "airflow.sdk.execution_time.task_runner",
        "airflow.dag_processing.dagbag",
        "duckdb",
        "duckdb_sqlalchemy",
        "great_expectations",
        "great_expectations.expectations",
        "pandas",
        "pyarrow.parquet",
        "jinja2",
        "pydantic.main",
        "pydantic.fields",
        "pydantic.functional_validators",
        "pydantic.types",
        "python_calamine",
        "rich.table",
        "sqlalchemy",
        "tenacity",
        "xlsxwriter",
        "yaml",
    ):
        importlib.import_module(_name)
    # Its first model makes pydantic look for plugins among all installed distributions.
    importlib.import_module("pydantic").create_model("Warm")
    # What was imported here is never garbage: a task's collector need not walk through it, nor copy its pages.
    gc.collect()
    gc.freeze()
