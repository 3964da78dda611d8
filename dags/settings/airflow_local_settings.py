"""Airflow imports this at every start from $AIRFLOW_HOME/config (dags/airflow.sh links it there).

Task processes are forked from the scheduler's workers and inherit what those have imported, so the libraries
that are slow to import are paid once per scheduler instead of once per task. Only third-party libraries: our
own code is read afresh by every task, so a deployment needs no restart of the scheduler.
"""

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
        "pydantic",
        "python_calamine",
        "sqlalchemy",
        "xlsxwriter",
        "yaml",
    ):
        importlib.import_module(_name)
