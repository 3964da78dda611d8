"""Codes and their check characters, a row of bytes per code. Written from the standards, apart from
the rules' SQL.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalog.sample.draw import Ints

Bytes = npt.NDArray[np.uint8]

USCC_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015, 4.3: no I O S V Z
_USCC_FACTORS = np.array([3**i % 31 for i in range(17)], dtype=np.int64)
_ORG_FACTORS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)  # GB 11714-1997, 4.2
_ID_FACTORS = np.array(
    [2 ** (17 - i) % 11 for i in range(17)], dtype=np.int64
)  # GB 11643-1999, ISO 7064 MOD 11-2


def _value_table(alphabet: bytes) -> Ints:
    table = np.zeros(256, dtype=np.int64)
    for value, char in enumerate(alphabet):
        table[char] = value
    return table


_USCC_VALUES = _value_table(USCC_ALPHABET)
_ORG_VALUES = _value_table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_USCC_CHARS = np.frombuffer(USCC_ALPHABET, dtype=np.uint8)


def number(values: Ints, width: int) -> Bytes:
    """Decimal digits, zero-padded."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    digits: Bytes = (values[:, None] // powers % 10 + 48).astype(np.uint8)
    return digits


def base31(values: Ints, width: int) -> Bytes:
    """Digits of GB 32100's alphabet, zero-padded."""
    powers = 31 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    chars: Bytes = _USCC_CHARS[values[:, None] // powers % 31]
    return chars


def org_code(body: Bytes) -> Bytes:
    """8 characters and the check character of GB 11714: 11 - sum mod 11, 10 as X, 11 as 0."""
    check = (11 - _ORG_VALUES[body] @ _ORG_FACTORS % 11) % 11
    return np.hstack([body, np.where(check == 10, ord("X"), check + 48).astype(np.uint8)[:, None]])


def uscc(prefix: Bytes, region: Bytes, org: Bytes) -> Bytes:
    """2 + 6 + 9 characters and the check character of GB 32100: 31 - sum mod 31."""
    head = np.hstack([prefix, region, org])
    check = (31 - _USCC_VALUES[head] @ _USCC_FACTORS % 31) % 31
    return np.hstack([head, _USCC_CHARS[check][:, None]])


def registration_no(head: Bytes) -> Bytes:
    """14 digits and the check digit of GS 15-2006 (ISO 7064 MOD 11,10)."""
    digits = head.astype(np.int64) - 48
    carry = np.full(len(head), 10, dtype=np.int64)
    for column in range(digits.shape[1]):
        total = (carry + digits[:, column]) % 10
        carry = np.where(total == 0, 10, total) * 2 % 11
    return np.hstack([head, ((11 - carry) % 10 + 48).astype(np.uint8)[:, None]])


def resident_id(head: Bytes) -> Bytes:
    """17 digits and the check character of GB 11643: the weighted sum is 1 modulo 11."""
    rest = (head.astype(np.int64) - 48) @ _ID_FACTORS % 11
    check = (12 - rest) % 11
    return np.hstack([head, np.where(check == 10, ord("X"), check + 48).astype(np.uint8)[:, None]])


def strings(codes: Bytes) -> pa.StringArray:
    """Rows of bytes as text, without copying them one by one."""
    rows, width = codes.shape
    offsets = (
        np.arange(0, (rows + 1) * width, width, dtype=np.int32)
        if width
        else np.zeros(rows + 1, dtype=np.int32)
    )
    data = np.ascontiguousarray(codes)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data))
