"""Currency of an amount, read from the amount's own text."""

from __future__ import annotations

from catalog.types.base import Fault, SemanticType, Use
from catalog.types.base_sql import quote


class Currency(SemanticType):
    """ISO 4217 code named inside the text (万美元); an amount that names none is in renminbi."""

    id = "currency"
    title = "币种"
    hint = "由金额的文字读出；外币在金额后写明，如“500万美元”"
    options = frozenset({"list", "same_column_as"})
    needs = frozenset({"list"})

    def plain(self, text: str, use: Use) -> str:
        # Longest spelling first: 美元 must not be found inside a longer name. Numeric codes (840) stand alone, and in a column
        # of their own: 8400万元 names none, and a capital of 840 is one of 840.
        own = use.field.same_column_as is None
        spellings = sorted(
            ((s, c) for s, c in use.listed.spellings().items() if own or not s.isdigit()),
            key=lambda pair: (-len(pair[0]), pair[0]),
        )
        named = " ".join(
            f"WHEN {f'{text} = {quote(s)}' if s.isdigit() else f'contains({text}, {quote(s)})'} THEN {quote(c)}"
            for s, c in spellings
        )
        return f"CASE {named} WHEN {text} IS NOT NULL THEN 'CNY' END"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return []
