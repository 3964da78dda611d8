"""SQL shared by several types: cleaning of text and codes.

Placeholders after domain notes 9.2 no. 7; full-width forms no. 1; stray separators no. 2.
"""

from __future__ import annotations

from catalog.codes import read_list
from catalog.personal import LONG, SHORT
from catalog.types.base import Fault
from catalog.types.check_digits import ID_WEIGHTS

_FULL = (
    "".join(chr(c) for c in range(0xFF10, 0xFF1A))
    + "".join(chr(c) for c in range(0xFF21, 0xFF3B))
    + "".join(chr(c) for c in range(0xFF41, 0xFF5B))
)
_HALF = "".join(chr(c - 0xFEE0) for c in map(ord, _FULL))
BLANKS = " \t\r\n\u00a0\u3000\u200b\u200c\u200d\ufeff"
_DASHES = "-－—–‐"

_MARKS = "='`"
_AS_TEXT = f'^="([^"]*)"$|^[{_MARKS[1:]}]([^{_MARKS[1:]}]*)$'
"""How exports keep a spreadsheet from reading a long number as one: ="0123", '0123. No part of what is meant."""

PLACEHOLDERS = read_list("placeholder").accepted("null")
PLACEHOLDER_CODES = read_list("placeholder").accepted("zeros")


def quote(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def literal_list(values: tuple[str, ...]) -> str:
    """SQL literals for an IN list."""
    return ", ".join(quote(value) for value in values)


def digits_lost(text: str, what: str = "代码", rounded: str = "") -> Fault:
    """A long number that a spreadsheet rounded to 1.3E+17, or (`rounded`) to fifteen digits and zeros: its digits are gone."""
    when = f"regexp_matches({text}, '^[0-9.]+[eE][+]?[0-9]+$')"
    if rounded:
        when = f"({when} OR {rounded})"
    message = f"{what}被电子表格改成科学计数法或末尾成了000，位数已丢失，请设为文本格式重新导出"
    return Fault("code_digits_lost", when, message)


def zeros_lost(text: str, digits: int, restored: str) -> str:
    """SQL: one digit is missing, and with a zero put before it (`restored`, an SQL predicate on `z`) the number would be right."""
    return (
        f"regexp_full_match({text}, '[0-9]{{{digits - 1}}}|[0-9]{{{digits - 2}}}X') AND"
        f" list_transform(['0' || {text}], lambda z: {restored})[1]"
    )


ZEROS_LOST = "开头的0被电子表格去掉了，请把该列设为文本格式重新导出"
"""The remedy for a number whose leading zero is gone: a guess would be right mostly, and wrong for somebody."""


def _weighted_digits(number: str, weights: tuple[int, ...]) -> str:
    """Sum of the weighted digits of an integer that has as many digits as there are weights.

    With d = n // 10^k - 10 * (n // 10^(k+1)) for each digit, the sum is one over the quotients alone.
    """
    from_last = weights[::-1]
    return " + ".join(
        f"{weight - 10 * (from_last[k - 1] if k else 0)} * ({number} // {10**k})"
        for k, weight in enumerate(from_last)
    )


SHARED_MACROS: tuple[str, ...] = (
    # trim() with a set of its own is five times as dear as a look at both ends.
    f"xt_trim(raw) AS CASE WHEN contains({quote(BLANKS + _MARKS)}, raw[1]) OR contains({quote(BLANKS)}, raw[-1])"
    f" THEN regexp_replace(trim(raw, {quote(BLANKS)}), {quote(_AS_TEXT)}, '\\1\\2') ELSE raw END",
    # Nearly every value is longer than any placeholder, and a length is cheaper than a list.
    f"xt_clean(raw) AS CASE WHEN strlen(xt_trim(raw)) > {max(len(p.encode()) for p in PLACEHOLDERS)} THEN xt_trim(raw)"
    f" WHEN xt_trim(raw) IN ('', {literal_list(PLACEHOLDERS)}) THEN NULL ELSE xt_trim(raw) END",
    # translate() builds its table anew for every row (12 s a million): only texts that need it come to it.
    f"xt_half(t) AS CASE WHEN regexp_matches(t, '[０-９Ａ-Ｚａ-ｚ]') THEN translate(t, {quote(_FULL)}, {quote(_HALF)}) ELSE t END",
    # A code has no inner blanks or dashes and no case; characters without a counterpart are dropped by translate().
    f"xt_code(t) AS CASE WHEN regexp_full_match(t, '[0-9A-Z*]*') THEN t ELSE"
    f" upper(translate(t, {quote(_FULL + '×＊' + BLANKS + _DASHES)}, {quote(_HALF + 'X*')})) END",
    # A code that is all one digit stands for none; an amount of 0 is an amount.
    "xt_known_code(c) AS CASE WHEN c IN (" + literal_list(PLACEHOLDER_CODES) + ")"
    " OR regexp_full_match(c, '0+X?|1+|9+') THEN NULL ELSE c END",
    "xt_line(t) AS CASE WHEN contains(t, chr(10)) OR contains(t, chr(13)) OR contains(t, chr(9))"
    f" THEN translate(t, {quote(chr(13) + chr(10) + chr(9))}, '') ELSE t END",
    # As a number: cutting out seventeen characters is three times as dear. NULL for what has no seventeen digits. The lambda
    # binds the number once: in the branch of a CASE DuckDB would work it out for each of the seventeen.
    "xt_id_check(s) AS substr('10X98765432', 1 + (list_transform([try_cast(left(s, 17) AS BIGINT)], lambda n: ("
    + _weighted_digits("n", ID_WEIGHTS)
    + ") % 11)[1])::INTEGER, 1)",
    "xt_id_birth(s) AS try_strptime(substr(s, 7, 8), '%Y%m%d')::DATE",
    # Letters that no code has, each with the one character it is mistaken for; taken only if both checks then agree.
    "xt_uscc_mended(c) AS CASE WHEN regexp_full_match(c, '[0-9A-Z]{18}') AND regexp_matches(c, '[IOZSV]')"
    " THEN list_transform([translate(c, 'IOZSV', '1025U')], lambda m: CASE WHEN xt_is_uscc(m) THEN m ELSE c END)[1] ELSE c END",
    # Personal numbers inside running text: region and last digits are kept. Full-width digits are digits, too.
    f"xt_numbered(t) AS CASE WHEN strlen(t) >= 15 THEN regexp_matches(xt_half(t), {quote(LONG)}) OR regexp_matches(xt_half(t), {quote(SHORT)}) ELSE FALSE END",
    f"xt_hide(t) AS CASE WHEN xt_numbered(t) THEN regexp_replace(regexp_replace(xt_half(t), {quote(LONG)}, '\\1********\\2', 'g'),"
    f" {quote(SHORT)}, '\\1******\\2', 'g') ELSE t END",
    f"xt_hide_long(t) AS CASE WHEN regexp_matches(xt_half(t), {quote(LONG)})"
    f" THEN regexp_replace(xt_half(t), {quote(LONG)}, '\\1********\\2', 'g') ELSE t END",
    "xt_hide_id(t) AS CASE WHEN length(t) > 10 THEN left(t, 6) || repeat('*', length(t) - 10) || right(t, 4)"
    " ELSE repeat('*', length(t)) END",
    # What `xt_pseudonym` gives.
    "xt_is_pseudonym(t) AS regexp_full_match(t, '[0-9a-f]{32}')",
    "xt_masked(t) AS contains(t, '*') AND regexp_full_match(t, '[0-9A-Z*]{6,20}')",
)
