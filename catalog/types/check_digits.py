"""Check digits on whole columns: what SQL would spell out character by character, at ten times the price.

GB 32100-2015 (unified social credit code), GB 11714-1997 (organisation code), GB 11643-1999 (resident identity number),
GS 15-2006 (registration number, ISO 7064 MOD 11,10). `FUNCTIONS` are given to every connection as `xt_is_…(text)`: NULL for
NULL, else whether the text is such a code in its plain form, with all its check digits.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalog.types.arrow_function import add_function

Bytes = NDArray[np.uint8]
"""One row of characters per text."""
Flags = NDArray[np.bool_]

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_DIGITS = string.digits
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LETTERED = _DIGITS + string.ascii_uppercase
_LAST = _DIGITS + "X"
_FOREIGN = 1 << 20
"""Weight of a character that a position does not take: no sum of others comes near it."""
_DAYS = np.array((0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))


def _weights(*positions: tuple[str, int]) -> NDArray[np.int32]:
    """For each position and each byte what it adds to the sum: its place in the alphabet times the position's weight."""
    table = np.full((len(positions), 256), _FOREIGN, np.int32)
    for at, (alphabet, weight) in enumerate(positions):
        for value, character in enumerate(alphabet):
            table[at, ord(character)] = value * weight
    return table


def _alike(alphabet: str, weights: Sequence[int]) -> list[tuple[str, int]]:
    return [(alphabet, weight) for weight in weights]


_USCC_SUM = _weights(
    *_alike(_USCC, (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)), (_USCC, 1)
)
_ORG_SUM = _weights(*_alike(_LETTERED, (3, 7, 9, 10, 5, 8, 4, 2)), (_LAST, 1))
_ID_SUM = _weights(("123456789".rjust(10, "\0"), ID_WEIGHTS[0]), *_alike(_DIGITS, ID_WEIGHTS[1:]), (_LAST, 1))


def _sums(characters: Bytes, weights: NDArray[np.int32]) -> NDArray[np.int32]:
    """The weighted sum of each text; at least `_FOREIGN` where a character is out of place."""
    positions: NDArray[np.int32] = np.arange(0, weights.size, 256, dtype=np.int32)
    flat = weights.ravel().take(np.add(characters, positions, dtype=np.int32))
    sums: NDArray[np.int32] = np.einsum("ij->i", flat)  # as sum(axis=1), in a quarter of the time
    return sums


def _checks(sums: NDArray[np.int32], modulus: int, rest: int = 0) -> Flags:
    found: Flags = np.logical_and(sums < _FOREIGN, sums % modulus == rest)
    return found


def _is_uscc(characters: Bytes) -> Flags:
    return _checks(_sums(characters, _USCC_SUM), 31) & _is_org(characters[:, 8:17])


def _is_org(characters: Bytes) -> Flags:
    return _checks(_sums(characters, _ORG_SUM), 11)


def _is_id(characters: Bytes) -> Flags:
    good = _checks(_sums(characters, _ID_SUM), 11, 1)
    # What is no number at all makes a date that is none.
    digits = (characters[:, 6:14] - np.uint8(ord("0"))).astype(np.int32)
    year, month, day = digits[:, :4] @ (1000, 100, 10, 1), digits[:, 4:6] @ (10, 1), digits[:, 6:] @ (10, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days = _DAYS[np.clip(month, 0, 12)] + (leap & (month == 2))
    found: Flags = np.logical_and(good, (month >= 1) & (month <= 12) & (day >= 1) & (day <= days))
    return found


def _is_reg(characters: Bytes) -> Flags:
    digits = characters.astype(np.int32) - ord("0")
    numeric: Flags = np.all((digits >= 0) & (digits <= 9), axis=1)
    if digits.shape[1] == 13:  # before 2007 there was no check digit
        return numeric
    product = np.full(len(digits), 10, np.int32)
    for at in range(14):
        product = (((product + digits[:, at] - 1) % 10 + 1) * 2) % 11
    found: Flags = np.logical_and(numeric, (product + digits[:, 14]) % 10 == 1)
    return found


def _on_columns(check: Callable[[Bytes], Flags], *widths: int) -> Callable[[pa.ChunkedArray], pa.Array]:
    """The check for a column of texts; those of no such width are none."""

    def function(column: pa.ChunkedArray) -> pa.Array:
        texts = column.combine_chunks()
        lengths = pc.fill_null(pc.binary_length(texts), -1).to_numpy()
        found = np.zeros(len(texts), np.bool_)
        for width in widths:
            fits = lengths == width
            if fits.any():
                of_width = texts if fits.all() else texts.filter(pa.array(fits))
                found[fits] = check(_characters(of_width, width))
        return pa.array(found, mask=lengths < 0)

    return function


def _characters(texts: pa.StringArray, width: int) -> Bytes:
    """The bytes of texts that are all of one width."""
    _, offsets, data = texts.buffers()
    first = int(np.frombuffer(offsets, np.int32, count=1, offset=4 * texts.offset)[0])
    return np.frombuffer(data, np.uint8, count=len(texts) * width, offset=first).reshape(-1, width)


FUNCTIONS: dict[str, Callable[[pa.ChunkedArray], pa.Array]] = {
    "xt_is_uscc": _on_columns(_is_uscc, 18),
    "xt_is_org": _on_columns(_is_org, 9),
    "xt_is_id": _on_columns(_is_id, 18),
    "xt_is_reg": _on_columns(_is_reg, 13, 15),
}


def allow_checks(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the connection `FUNCTIONS`."""
    for name, function in FUNCTIONS.items():
        add_function(connection, name, function, texts=1, gives="BOOLEAN")
