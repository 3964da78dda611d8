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

_UNBROKEN = f"[1-9][0-9]{{5}}(?:18|19|20)[0-9]{{2}}{_DAY}[0-9]{{3}}[0-9Xx]"

CONTACTS = (
    (r"\b1[3-9][0-9]{9}\b|\b0[1-9][0-9]{1,2}-[1-9][0-9]{6,7}\b", "〔电话〕"),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "〔邮箱〕"),
)
"""Telephone numbers and e-mail addresses in running text (RE2), and what stands for them where it is published."""

_FULL = str.maketrans({chr(0xFF10 + digit): str(digit) for digit in range(10)} | {"Ｘ": "X", "ｘ": "x"})
_ANY = re.compile(f"{LONG}|{SHORT}", re.ASCII)


def has_number_macro(name: str) -> str:
    """DDL of a macro `name(text)`: whether a resident's ID number of 18 characters with the right check digit stands in it.

    The last character follows from the other seventeen (GB 11643). Pseudonyms may hold any digits and are left out.
    """
    return f"""CREATE OR REPLACE TEMP MACRO {name}(t) AS CASE WHEN regexp_matches(t, '{_UNBROKEN}') THEN len(list_filter(
        regexp_extract_all(regexp_replace(t, '[0-9a-f]{{32}}', ' ', 'g'), '(?:^|[^0-9])({_UNBROKEN})', 1),
        lambda n: substr('10X98765432', 1 + list_sum([substr(n, i, 1)::INTEGER * [7,9,10,5,8,4,2,1,6,3,7,9,10,5,8,4,2][i]
            for i in range(1, 18)])::INTEGER % 11, 1) = upper(n[18]))) > 0 ELSE FALSE END"""


def redact(text: str) -> str:
    """`text` with everything that looks like a resident's ID number (15 or 18 characters) blacked out."""
    half = text.translate(_FULL)  # character by character: places stay the same
    for found in reversed(list(_ANY.finditer(half))):
        text = f"{text[: found.start()]}〔身份证号〕{text[found.end() :]}"
    return text
