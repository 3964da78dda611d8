"""What is passed from step to step about one delivered file; each is also a JSON file in the home."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.errors import UserError


class Document(BaseModel):
    """A frozen record that is kept as JSON and swapped in whole, so that no reader meets half a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    called: ClassVar[str] = "记录文件"
    written_by: ClassVar[str] = "上一步"

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read it; raises `UserError` naming the step that writes it when it is missing or damaged."""
        remedy = f"从 {cls.written_by} 步骤起重跑"
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"{cls.called}不存在", where=str(path), remedy=remedy) from error
        except ValidationError as error:
            raise UserError(f"{cls.called}已损坏", where=str(path), remedy=remedy) from error

    def to_file(self, path: Path) -> Path:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_text(self.model_dump_json(indent=1), encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return path


class Delivery(Document):
    """One landed file. `delivery` orders the deliveries of a period; `path` is the landed copy."""

    called: ClassVar[str] = "落地文件的清单"
    written_by: ClassVar[str] = "extract"
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
    refused: str | None = None
    """Why it is not taken whatever its rows are: what came is not what its marker lists, or two files call themselves it."""

    @property
    def batch_id(self) -> str:
        return f"{self.item_id}/{self.period}/{self.delivery}"

    def check(self) -> None:
        """Raises `UserError` unless the landed copy is byte for byte what the manifest says was delivered."""
        path = Path(self.path)
        if not path.is_file():
            what = "落地文件不存在"
        elif (size := path.stat().st_size) != self.size:
            what = f"落地文件应有 {self.size} 字节，实有 {size}：被截断或改动过"
        elif digest(path) != self.sha256:
            what = "落地文件的摘要与清单不符：已损坏或被改动过"
        else:
            return
        raise UserError(
            what,
            where=str(path),
            remedy="原件仍在收件箱的，从 extract 步骤起重跑，会重新落地；已不在的，请提供单位重报",
        )


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
    """A read and judged file, not yet loaded. `folder` holds staged, quarantine, issue, ignored and vault Parquet files.

    `digests` are those files' SHA-256 by name: Parquet readers take a flipped bit for a value.
    """

    called: ClassVar[str] = "暂存批次的说明"
    written_by: ClassVar[str] = "stage"
    delivery: Delivery
    folder: str
    format: str
    counts: Counts
    catalog_version: str
    digests: Mapping[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What was seen of the file as a whole and loses no row: hidden sheets, columns left unread."""

    def parquet(self, name: str) -> Path:
        """Path of `staged`, `quarantine`, `issue`, `ignored`, `vault_identifier` or `vault_quarantine`."""
        return Path(self.folder) / f"{name}.parquet"

    def check(self) -> None:
        """Raises `UserError` unless the staged files are those that `stage` wrote."""
        for name, expected in self.digests.items():
            path = self.parquet(name)
            if not path.is_file():
                what = "暂存文件不存在（已入库的批次，暂存文件随即删除）"
            elif digest(path) != expected:
                what = "暂存文件已损坏"
            else:
                continue
            raise UserError(what, where=str(path), remedy="从 stage 步骤起重跑这一批，结果相同")


class Finding(Document):
    """One expectation about the batch as a set, and what was seen."""

    check: str
    field: str | None
    level: str
    success: bool
    observed: str
    message: str

    @property
    def words(self) -> str:
        """What was expected, and what was seen."""
        return f"{self.message}（实际：{self.observed}）"


class Verdict(Document):
    """The gate's word on a staged batch: `loaded` (nothing to say) or `warned`; a failed gate has no verdict."""

    called: ClassVar[str] = "评判结果"
    written_by: ClassVar[str] = "judge"
    batch: StagedBatch
    status: str
    findings: tuple[Finding, ...]


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
