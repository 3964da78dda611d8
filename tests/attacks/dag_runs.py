"""Runs DAGs one after the other in this process, as `airflow dags test` does: `dag_runs.py DAGS_FOLDER PERIOD DAG...`.

One import of Airflow for all of them. Prints `RAN <dag> <state>` on standard error; everything the tasks log goes where
Airflow sends it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.dag_processing.dagbag import BundleDagBag


def main(folder: Path, period: str, names: list[str]) -> None:
    bag = BundleDagBag(
        dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder", load_op_links=False
    )
    if bag.import_errors:
        sys.exit("\n".join(f"{path}: {error}" for path, error in bag.import_errors.items()))
    for name in names:
        dag = bag.dags[name]
        run = dag.test(run_conf={"period": period} if "period" in dag.params else {})
        print(f"RAN {name} {run.state}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
