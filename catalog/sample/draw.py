"""Draws that depend on nothing but the seed, a name and an index: the same on every platform, in any order.

A counter run through splitmix64 instead of a generator with a state, so that row 5 is the same row whether or not
rows 0-4 were drawn, and whatever numpy's generators will do in later versions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Draw:
    """A source of draws; `of` gives a source of its own for a part of the work."""

    path: str

    def of(self, *names: object) -> Draw:
        """The source for a part, named by what it is for."""
        return Draw("/".join((self.path, *map(str, names))))

    def words(self, index: Ints) -> Words:
        """64 random bits for each index."""
        key = int.from_bytes(hashlib.blake2b(self.path.encode(), digest_size=8).digest(), "little")
        with np.errstate(over="ignore"):
            z = (index.astype(np.uint64) + np.uint64(1)) * _GOLDEN + np.uint64(key)
            z = (z ^ (z >> np.uint64(30))) * _MIX1
            z = (z ^ (z >> np.uint64(27))) * _MIX2
            mixed: Words = z ^ (z >> np.uint64(31))
            return mixed

    def below(self, limit: int, index: Ints) -> Ints:
        """A whole number of 0 to limit - 1 for each index."""
        return ((self.words(index) >> np.uint64(1)).astype(np.int64)) % max(limit, 1)

    def share(self, index: Ints) -> npt.NDArray[np.float64]:
        """A number in [0, 1) for each index."""
        return (self.words(index) >> np.uint64(11)).astype(np.float64) / float(1 << 53)

    def weighted(self, weights: list[float], index: Ints) -> Ints:
        """A position in `weights` for each index, in proportion to them."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.minimum(
            np.searchsorted(edges / edges[-1], self.share(index), side="right"), len(weights) - 1
        ).astype(np.int64)

    def one(self, limit: int, index: int = 0) -> int:
        """`below` for a single index."""
        return int(self.below(limit, np.array([index], dtype=np.int64))[0])
