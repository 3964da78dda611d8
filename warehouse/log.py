"""Append-only logs of lines, private to their owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from catalog.errors import UserError

M = TypeVar("M", bound=BaseModel)


def append_line(path: Path, line: str) -> None:
    """Add a line that is on disk when this returns; the caller holds the log's lock."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def lines_of(path: Path) -> list[str]:
    """The lines of a log, oldest first; none before the first."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def entries_of(model: type[M], path: Path) -> Iterator[M]:
    """The entries of a log, oldest first; raises `UserError` for a line that is none."""
    for number, line in enumerate(lines_of(path), 1):
        yield entry_of(model, path, number, line)


def entry_of(model: type[M], path: Path, number: int, line: str) -> M:
    """A line of a log; raises `UserError`, without quoting it, for one that is no entry."""
    try:
        return model.model_validate_json(line)
    except ValidationError:
        raise UserError(
            "不是完整的一条记录",
            where=f"{path} 第{number}行",
            remedy="是最后一行（写到一半断电、磁盘满）的，另存一份后删去该行；否则从备份取回这个文件，再运行 xtcredit verify",
        ) from None
