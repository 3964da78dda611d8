"""The log of authorised look-ups: append-only, each entry sealed with a key over itself and the entry before it.

Who alters, drops, inserts or reorders entries without the identity key breaks the chain. The end is held by a second
file; cutting off both leaves the numbers that stand in the workbooks handed out.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from catalog.errors import UserError
from warehouse.home import Home
from warehouse.lock import file_lock
from warehouse.log import append_line, entries_of, entry_of, lines_of
from warehouse.secret import derived_key

_START = "0" * 64


class Lookup(BaseModel):
    """One use: who asked what for, on which state, about whom, and which records (item, record key) were shown.

    `subjects` are the warehouse's keys: pseudonyms for persons, never their numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    purpose: str
    as_of: str
    snapshot: int
    input_sha256: str
    codes: int
    hits: int
    subjects: tuple[str, ...]
    records: tuple[tuple[str, str], ...]
    output_sha256: str


class Entry(BaseModel):
    """A look-up in the log: number from 1, time (UTC), the seal of the entry before it, its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    at: str
    lookup: Lookup
    previous: str
    seal: str


def log_path(home: Home) -> Path:
    return home.audit / "lookups.jsonl"


def _head(home: Home) -> Path:
    return home.audit / "lookups.head"


def next_number(home: Home) -> int:
    """The number the next entry will bear, if nobody is faster."""
    return len(lines_of(log_path(home))) + 1


def append(home: Home, lookup: Lookup) -> Entry:
    """Add an entry, on disk when this returns."""
    home.private_dir(home.audit)
    with file_lock(home.audit / ".lock"):
        lines = lines_of(log_path(home))
        previous = entry_of(Entry, log_path(home), len(lines), lines[-1]).seal if lines else _START
        seq, at = len(lines) + 1, datetime.now(UTC).isoformat(timespec="seconds")
        entry = Entry(
            seq=seq, at=at, lookup=lookup, previous=previous, seal=_seal(home, seq, at, lookup, previous)
        )
        append_line(log_path(home), entry.model_dump_json())
        temporary = _head(home).with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(f"{seq} {entry.seal}\n", encoding="ascii")
        temporary.replace(_head(home))
    return entry


def entries(home: Home) -> Iterator[Entry]:
    """All entries, oldest first; raises `UserError` for a line that is none."""
    return entries_of(Entry, log_path(home))


def problems(home: Home) -> Iterator[tuple[int, str]]:
    """Where the chain does not hold: number of the line, and what is wrong (Chinese). None for a sound or missing log."""
    previous, seq = _START, 0
    for seq, line in enumerate(lines_of(log_path(home)), 1):
        try:
            entry = entry_of(Entry, log_path(home), seq, line)
        except UserError as error:
            yield seq, error.what
            return
        if entry.seq != seq or entry.previous != previous:
            yield seq, "与前一条不相接：中间有删除、插入或换位"
        if not hmac.compare_digest(
            entry.seal, _seal(home, entry.seq, entry.at, entry.lookup, entry.previous)
        ):
            yield seq, "内容被改过，或不是用现在的密钥所记"
        previous = entry.seal
    head = _head(home).read_text(encoding="ascii").split() if _head(home).exists() else ["0", _START]
    if head != [str(seq), previous] and (seq, head[0]) != (0, "0"):
        yield seq, f"末尾与所记不符（应有 {head[0]} 条）"


def _seal(home: Home, seq: int, at: str, lookup: Lookup, previous: str) -> str:
    told = json.dumps([seq, at, lookup.model_dump(mode="json"), previous], sort_keys=True, ensure_ascii=False)
    return hmac.digest(derived_key(home, "lookup log"), told.encode(), "sha256").hex()
