"""What is passed from step to step about one delivered file; each is also a JSON file in the home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A frozen record that is kept as JSON and swapped in whole, so that no reader meets half a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def to_file(self, path: Path) -> Path:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        temporary.replace(path)
        return path


class Delivery(Document):
    """One landed file. `delivery` orders the deliveries of a period; `path` is the landed copy."""

    item_id: str
    period: str
    delivery: str
    division: str | None
    department: str
    source_file: str
    path: str
    sha256: str
    size: int
    received_at: str

    @property
    def batch_id(self) -> str:
        return f"{self.item_id}/{self.period}/{self.delivery}"


class Counts(Document):
    """The rows of a batch. read = valid + quarantined + ignored; set-aside rows are among the quarantined."""

    read: int
    valid: int
    quarantined: int
    set_aside: int
    ignored: int

    @property
    def faulty(self) -> int:
        """Rows that are the provider's mistake: quarantined, but not because they belong elsewhere."""
        return self.quarantined - self.set_aside


class StagedBatch(Document):
    """A read and judged file, not yet loaded. `folder` holds staged, quarantine, issue, ignored and vault Parquet files."""

    delivery: Delivery
    folder: str
    format: str
    counts: Counts
    catalog_version: str

    def parquet(self, name: str) -> Path:
        """Path of `staged`, `quarantine`, `issue`, `ignored`, `vault_identifier` or `vault_quarantine`."""
        return Path(self.folder) / f"{name}.parquet"


class Finding(Document):
    """One expectation about the batch as a set, and what was seen."""

    check: str
    field: str | None
    level: str
    success: bool
    observed: str
    message: str


class Verdict(Document):
    """The gate's word on a staged batch: `loaded` (nothing to say) or `warned`; a failed gate has no verdict."""

    batch: StagedBatch
    status: str
    findings: tuple[Finding, ...]
