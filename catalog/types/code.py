"""A value from a code list."""

from __future__ import annotations

import re

from catalog.types.base import Expected, Fault, Repair, SemanticType, Use
from catalog.types.base_sql import literal_list, quote


class Code(SemanticType):
    """The canonical code behind whatever spelling was delivered; `其他-…` keeps its text where the list allows it."""

    id = "code"
    title = "代码"
    hint = "从下拉列表中选取一项"
    options = frozenset({"list"})
    needs = frozenset({"list"})

    def plain(self, text: str, use: Use) -> str:
        return _lookup(f"xt_half({_bare(text, use)})", use)

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(
                "code_suffix",
                f"{plain} IS NOT NULL AND {_bare(text, use)} <> {text}",
                "代码后带出的系统字段名已去掉",
            )
        ]

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [Fault("code_unknown", f"{plain} IS NULL", f"不在代码表“{use.listed.title}”中")]

    def expectations(self, use: Use) -> list[Expected]:
        codes = tuple(code.code for code in use.listed.codes)
        message = f"均在代码表“{use.listed.title}”中"
        if use.listed.other_prefix is None:
            return [Expected("code_in_set", "in_set", {"values": codes}, message)]
        other = f"starts_with({use.column()}, {quote(use.listed.other_prefix)})"
        return [
            Expected(
                "code_in_set",
                "holds",
                {"predicate": f"{use.column()} IN ({literal_list(codes)}) OR {other}"},
                message,
            )
        ]

    def veiled(self, column: str) -> str:
        return f"split_part({column}, '-', 1)"  # 其他-… bears free text behind the dash


# What an export appends to a code: the name of the system's own column, as in 1(aac008??).
_SUFFIXED = "(.+?)[(（][A-Za-z][A-Za-z0-9_?]*[)）]"


def _bare(text: str, use: Use) -> str:
    """SQL for the text without such a suffix; where a list has values of that form itself, they stay whole."""
    if any(re.fullmatch(_SUFFIXED, spelling) for spelling in use.listed.spellings()):
        return text
    return f"CASE WHEN regexp_full_match({text}, '{_SUFFIXED}') THEN regexp_extract({text}, '^{_SUFFIXED}$', 1) ELSE {text} END"


def _lookup(value: str, use: Use) -> str:
    spellings = ", ".join(f"{quote(s)}: {quote(c)}" for s, c in sorted(use.listed.spellings().items()))
    found = f"MAP {{{spellings}}}[{value}]"
    if use.listed.other_prefix is None:
        return found
    return f"coalesce({found}, CASE WHEN starts_with({value}, {quote(use.listed.other_prefix)}) THEN {value} END)"


class CodeSet(SemanticType):
    """Several values of a list in one cell (罚款、警告), kept as canonical codes in order, joined by `;`: 罚款、警告 is 警告、罚款."""

    id = "code_set"
    title = "代码（可多值）"
    by_value = True
    hint = "从下拉列表中选取；有几项的写在一格内，用“、”隔开"
    options = frozenset({"list"})
    needs = frozenset({"list"})

    def plain(self, text: str, use: Use) -> str:
        # Who writes several values in a cell of a spreadsheet may give each a line of its own.
        separators = ("".join(use.listed.separators) or "、;；,，") + "\r\n"
        value = f"xt_half({text})"
        # 没收违法所得、没收非法财物 contains the separator: such phrases become their code before the split.
        protected = sorted(
            (s for s in use.listed.spellings() if any(c in s for c in separators)), key=lambda s: (-len(s), s)
        )
        for phrase in protected:
            value = f"replace({value}, {quote(phrase)}, {quote(use.listed.spellings()[phrase])})"
        if use.listed.joined:
            longest_first = "|".join(sorted(use.listed.spellings(), key=lambda s: (-len(s), s)))
            value = f"regexp_replace({value}, '({longest_first})', '\\1{separators[0]}', 'g')"
        parts = f"list_filter(list_transform(regexp_split_to_array({value}, '[{separators}]'), part -> trim(part)), part -> part <> '')"
        # Most cells hold one code; only the others are worth taking apart, at ten times the price. No part of the dear
        # expression may occur twice: DuckDB would compute it for every row before looking whether it is needed.
        codes = f"list_sort(list_distinct(list_transform({parts}, part -> coalesce({_lookup('part', use)}, {_unlisted(use)}))))"
        joined = f"list_aggregate({codes}, 'string_agg', ';')"
        one = _lookup(f"xt_half({text})", use)
        # CASE, for COALESCE computes the dear branch for every row.
        return f"CASE WHEN {one} IS NOT NULL THEN {one} ELSE nullif(regexp_replace({joined}, '(?s).*\\x01.*', ''), '') END"

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        if not use.listed.unlisted_as_other:
            return []
        prefix = use.listed.other_prefix or ""
        added = f"length({plain}) - length(replace({plain}, {quote(prefix)}, '')) > length({text}) - length(replace({text}, {quote(prefix)}, ''))"
        return [
            Repair(
                "code_other",
                added,
                f"代码表“{use.listed.title}”中没有的值，已记作“{prefix}原文”；请改用表中的名称",
            )
        ]

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            Fault(
                "code_unknown",
                f"{plain} IS NULL",
                f"含有代码表“{use.listed.title}”以外的值；其他情形写成“其他-具体名称”",
            )
        ]

    def expectations(self, use: Use) -> list[Expected]:
        known = f"[{literal_list(tuple(code.code for code in use.listed.codes))}]"
        unknown = f"list_filter(string_split({use.column()}, ';'), code -> NOT list_contains({known}, code)"
        if use.listed.other_prefix is not None:
            unknown += f" AND NOT starts_with(code, {quote(use.listed.other_prefix)})"
        return [
            Expected(
                "code_in_set",
                "holds",
                {"predicate": f"len({unknown})) = 0"},
                f"各值均在代码表“{use.listed.title}”中",
            )
        ]


def _unlisted(use: Use) -> str:
    """SQL for a part that no code has; `chr(1)` makes the whole cell unknown."""
    if not use.listed.unlisted_as_other:
        return "chr(1)"
    return f"{quote(use.listed.other_prefix or '')} || part"
