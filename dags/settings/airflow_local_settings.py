"""Airflow imports this at every start from $AIRFLOW_HOME/config (dags/airflow.sh links it there).

The API server is kept from an event loop that kills it.

Task processes are forked from the scheduler's workers, or from a Celery worker, and inherit what those have imported, so slow imports and the
reading of the catalog are paid once per scheduler instead of once per task. A fork whose code has been changed since
forgets what it inherited of it: a deployment needs no restart of the scheduler.
"""

import contextlib
import gc
import importlib
import os
import sys
from pathlib import Path

LIBRARIES = (
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.providers.openlineage.plugins.listener",
    "openlineage.client.transport.file",
    "duckdb",
    "duckdb_sqlalchemy",
    "great_expectations",
    "great_expectations.expectations",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "jinja2",
    "python_calamine",
    "rich.table",
    "sqlalchemy",
    "tenacity",
    "xlsxwriter",
    "yaml",
)
OURS = ("catalog", "quality", "transforms", "warehouse")


def code_stamp() -> list[tuple[str, int]]:
    """Every source file of ours and when it was last changed; the catalog's facts are watched by its loader."""
    folders = [str(Path(sys.modules[name].__file__).parent) for name in OURS if name in sys.modules]
    found = []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.name.endswith((".py", ".sql")):
                    found.append((entry.path, entry.stat().st_mtime_ns))
    return sorted(found)


def forget_changed_code() -> None:
    """In a fork: if a source file has changed, let go of our modules, so that they are imported anew."""
    try:
        unchanged = code_stamp() == stamp
    except OSError:  # a deployment in this very moment
        unchanged = False
    if not unchanged:
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]


if "api-server" in sys.argv[1:2]:
    # Uvicorn takes uvloop where it is installed. With it the server died of a segmentation fault in the loop in every other demo,
    # as others have seen under Starlette's middleware (MagicStack/uvloop#706). On asyncio's own loop it dies less often, and, as far
    # as was seen, with Python 3.11.7 only (docs/operations.md).
    sys.modules["uvloop"] = None
if "scheduler" in sys.argv[1:2] or sys.argv[1:3] == ["celery", "worker"]:
    for _name in LIBRARIES:
        importlib.import_module(_name)
    for _name in ("transforms.steps", "transforms.flow"):
        importlib.import_module(_name)
    # A catalog that cannot be read is an import error of the DAGs, seen in the UI, not a scheduler that does not start.
    with contextlib.suppress(importlib.import_module("catalog.errors").UserError):
        importlib.import_module("catalog.loader").load_catalog()
    stamp = code_stamp()
    os.register_at_fork(after_in_child=forget_changed_code)
    # What was imported here is never garbage: a task's collector need not walk through it, nor copy its pages.
    gc.collect()
    gc.freeze()
