"""OpenLineage: what each task reads and writes, and what of an event may leave the process.

Airflow's OpenLineage provider finds this module in $AIRFLOW_HOME/config ([openlineage] in airflow.cfg).
"""

from __future__ import annotations

import re
from typing import Any

import attrs
from airflow.providers.openlineage.extractors.base import BaseExtractor, OperatorLineage
from openlineage.client.client import Event
from openlineage.client.event_v2 import Dataset, RunEvent
from openlineage.client.facet_v2 import dataset_version_dataset
from openlineage.client.transport import get_default_factory
from openlineage.client.transport.transport import Config, Transport

NAMESPACE = "xtcredit"
ITEM_DAG = "ingest__"
# Not among them: `airflow` (its run's configuration, what a mapped task is called, which is a file's name) and
# `errorMessage`, which names files too; a failed task's message stands in its log.
RUN_FACETS = ("parent", "nominalTime", "processing_engine")
JOB_FACETS = ("jobType", "ownership", "tags")


class StepExtractor(BaseExtractor):
    """A task's datasets: those of the step it is named after."""

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        return ["_PythonDecoratedOperator"]

    def _execute_extraction(self) -> OperatorLineage:
        from catalog.loader import load_catalog
        from transforms.flow import city_flow, item_flow

        catalog = load_catalog()
        step = self.operator.task_id.rpartition(".")[2]
        item = catalog.items.get(self.operator.dag_id.removeprefix(ITEM_DAG))
        flow = item_flow(step, item) if item else city_flow(step, catalog)
        version = _version(self.operator.op_args)

        def dataset(name: str) -> Dataset:
            # Only a place of one item's batches has the batch's version.
            of_a_batch = version and item and name.endswith(f"/{item.id}")
            return Dataset(NAMESPACE, name, facets={"version": version} if of_a_batch else {})

        return OperatorLineage(
            inputs=[dataset(name) for name in flow.reads], outputs=[dataset(name) for name in flow.writes]
        )


def _version(arguments: Any) -> dataset_version_dataset.DatasetVersionDatasetFacet | None:
    """Period and digest of the file that a chain's path is about; its name may be a person's and is not told."""
    path = (
        "/".join(a for a in arguments if isinstance(a, str)) if isinstance(arguments, (list, tuple)) else ""
    )
    found = re.search(r"/(\d{4}-\d{2})/[^/]*?/?-?([0-9a-f]{12})/[^/]+\.json$", path)
    return dataset_version_dataset.DatasetVersionDatasetFacet("/".join(found.groups())) if found else None


@attrs.define
class DiscreetConfig(Config):
    """Where to send what is left of an event: any transport's configuration; None: files in `lineage/` of the home."""

    to: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> DiscreetConfig:
        return cls(params.get("to"))


class Discreet(Transport):
    """Sends events on with the facets named above and no others, whatever later versions of the provider may add."""

    kind = "discreet"
    config_class = DiscreetConfig

    def __init__(self, config: DiscreetConfig) -> None:
        self.onward = get_default_factory().create(config.to or _files())

    def emit(self, event: Event) -> None:
        if isinstance(event, RunEvent):
            self.onward.emit(_discreet(event))

    def close(self, timeout: float = -1) -> bool:
        return bool(self.onward.close(timeout))


def _files() -> dict[str, Any]:
    from warehouse.home import Home

    home = Home.from_environment()
    return {"type": "file", "log_file_path": str(home.private_dir(home.lineage) / "event")}


def _discreet(event: RunEvent) -> RunEvent:
    run = attrs.evolve(event.run, facets=_only(event.run.facets, RUN_FACETS))
    job = attrs.evolve(event.job, facets=_only(event.job.facets, JOB_FACETS))
    return attrs.evolve(event, run=run, job=job)


def _only(facets: dict[str, Any] | None, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: facet for name, facet in (facets or {}).items() if name in names}
