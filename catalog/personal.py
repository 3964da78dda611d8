"""Personal numbers (GB 11643) inside running text: one description of their form for SQL and for messages."""

from __future__ import annotations

import re

_REGION = "([1-9][0-9]{5})"
_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_GAP = "[ \u3000-]?"  # as typed for reading: 130521 19700101 0017

# Both engines read these alike: RE2, and Python's with re.ASCII.
LONG = f"{_REGION}{_GAP}(?:1[89]|20)[0-9]{{2}}{_DAY}{_GAP}([0-9]{{3}}[0-9Xx×])"
SHORT = f"\\b{_REGION}[0-9]{{2}}{_DAY}([0-9]{{3}})\\b"
"""15 digits, given until 1999. A registration number may look like it and is hidden with it."""

CONTACTS = (
    (r"\b1[3-9][0-9]{9}\b|\b0[1-9][0-9]{1,2}-[1-9][0-9]{6,7}\b", "〔电话〕"),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "〔邮箱〕"),
)
"""Telephone numbers and e-mail addresses in running text (RE2), and what stands for them where it is published."""

_FULL = str.maketrans({chr(0xFF10 + digit): str(digit) for digit in range(10)} | {"Ｘ": "X", "ｘ": "x"})
_ANY = re.compile(f"{LONG}|{SHORT}", re.ASCII)


def redact(text: str) -> str:
    """`text` with everything that looks like a resident's ID number (15 or 18 characters) blacked out."""
    half = text.translate(_FULL)  # character by character: places stay the same
    for found in reversed(list(_ANY.finditer(half))):
        text = f"{text[: found.start()]}〔身份证号〕{text[found.end() :]}"
    return text
