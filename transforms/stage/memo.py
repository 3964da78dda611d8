"""Memo files, in which dBase (DBT) and FoxPro (FPT) keep the long texts of a DBF."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMO_SUFFIXES = (".fpt", ".dbt")
_MAX_TEXT = 4 << 20
_DBASE_4 = b"\xff\xff\x08\x00"
_END = b"\x1a"


class DamagedMemo(Exception):
    """No text stands where a record says that its text stands."""


class Memo:
    """The texts of one memo file by the number of their block."""

    def __init__(self, stream: IO[bytes] | None, size: int, kind: str) -> None:
        self._stream, self._size, self._fox = stream, size, kind == ".fpt"
        self._block = 512
        if stream is not None:
            head = stream.read(24).ljust(24, b"\0")
            # dBase III leaves zeros where dBase IV has the size of its blocks.
            stated = struct.unpack(">H", head[6:8]) if self._fox else struct.unpack("<H", head[20:22])
            self._block = stated[0] or (1 if self._fox else 512)

    @classmethod
    @contextmanager
    def open(cls, table: Path) -> Iterator[Memo]:
        """Give the memo file beside a DBF, in whatever case its ending is written; without one, `there` is false."""
        for path in sorted(table.parent.iterdir()):
            if path.stem == table.stem and path.suffix.lower() in MEMO_SUFFIXES:
                with path.open("rb") as stream:
                    yield cls(stream, path.stat().st_size, path.suffix.lower())
                return
        yield cls(None, 0, "")

    @property
    def there(self) -> bool:
        """Whether there is a memo file."""
        return self._stream is not None

    def text(self, block: int) -> bytes:
        """Give the bytes of a text; raises `DamagedMemo` where the file has none there."""
        assert self._stream is not None
        start = block * self._block
        if start >= self._size:
            raise DamagedMemo
        self._stream.seek(start)
        head = self._stream.read(8)
        if self._fox:
            kind, length = struct.unpack(">II", head.ljust(8, b"\xff"))
            return self._exactly(length if kind == 1 else -1)
        if head[:4] == _DBASE_4:
            return self._exactly(struct.unpack("<I", head.ljust(8, b"\xff")[4:])[0] - 8)
        found = head
        while _END not in found:
            more = self._stream.read(self._block)
            found += more
            if not more or len(found) > _MAX_TEXT:
                raise DamagedMemo
        return found[: found.index(_END)]

    def _exactly(self, length: int) -> bytes:
        assert self._stream is not None
        found = self._stream.read(length) if 0 <= length <= _MAX_TEXT else b""
        if len(found) != max(length, 0) or length < 0:
            raise DamagedMemo
        return found
