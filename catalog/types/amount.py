"""An amount of money in the field's unit."""

from __future__ import annotations

import re

from catalog.codes import read_list
from catalog.types.base import Expected, Fault, Repair, SemanticType, Use
from catalog.types.base_sql import quote
from catalog.types.numbers import number_range

UNITS: dict[str, str] = {"元": "1", "万元": "10000", "亿元": "100000000"}
_PLACES = {"元": 2, "万元": 6, "亿元": 6}
"""Decimals that mean something: 分, as far as the column holds them."""
_LEAD = "^(?:罚款|罚金|罚没|没收|人民币|RMB|[￥¥共计为：:])+"
"""Words before a number that say what it is, not how much."""
_WORDS = "零一二三四五六七八九〇壹贰叁肆伍陆柒捌玖两俩拾佰仟萬億圆"
_FIGURES = "01234567890123456789" + "22十百千万亿元"
_SCALES = {"十拾": 10, "百佰": 100, "千仟": 1000, "万萬": 10_000, "亿億": 100_000_000}
"""What may stand behind a number, small before large: 5千万 is five times a thousand times ten thousand."""
_CURRENCIES = "|".join(re.escape(name) for name in read_list("currency").spellings() if not name.isascii())
_FOREIGN = "|".join(
    sorted(
        re.escape(s)
        for s, code in read_list("currency").spellings().items()
        if code != "CNY" and not s.isdigit()
    )
)
_BEHIND = f"[十拾百佰千仟]?[万萬]?[亿億]?\\s*[元圆]?[整正]?\\s*(?:{_CURRENCIES})?[整正]?"
"""All that may follow the figures; whatever else does (余元, 年, 以下) makes them no amount, or none that is certain."""
_SECTION = "(?:[1-9]千)?0?(?:[1-9]百)?0?(?:[1-9]?十)?0?[1-9]?"
_SPELT = f"(?:{_SECTION}亿)?0?(?:{_SECTION}万)?0?{_SECTION}元?[整正]?(?:[1-9]角)?0?(?:[1-9]分)?[整正]?"


class Amount(SemanticType):
    """`5,000(万元人民币)`, `20万元人民币`, `38万人民币`, `2000元`, `1.5`: a bare number is in the field's unit.

    The number keeps its own currency; a field of type `currency` on the same column names it.
    """

    id = "amount"
    title = "金额"
    hint = "只填以所注单位计的数字，不写单位"
    storage = "DECIMAL(18,6)"
    options = frozenset({"unit", "min", "max"})
    needs = frozenset({"unit"})
    units = tuple(UNITS)
    macros = (
        # Figures in words (伍万元, 贰仟叁佰元整): each section of four is units of 千, 百, 十 and one.
        f"xt_amount_figures(t) AS translate(regexp_replace(t, {quote(_LEAD)}, ''), {quote(_WORDS)}, {quote(_FIGURES)})",
        "xt_amount_section(s) AS coalesce(try_cast(regexp_extract(s, '([1-9])千', 1) AS INTEGER), 0) * 1000"
        " + coalesce(try_cast(regexp_extract(s, '([1-9])百', 1) AS INTEGER), 0) * 100"
        " + CASE WHEN regexp_matches(s, '(^|[^1-9])十') THEN 10"
        " ELSE coalesce(try_cast(regexp_extract(s, '([1-9])十', 1) AS INTEGER), 0) * 10 END"
        " + coalesce(try_cast(regexp_extract(s, '([1-9])元?[整正]?(?:[1-9]角.*|[1-9]分.*)?$', 1) AS INTEGER), 0)",
        "xt_amount_spelt(f) AS xt_amount_section(regexp_extract(f, '^(.*)亿', 1)) * 100000000::DOUBLE"
        " + xt_amount_section(regexp_extract(f, '^(?:.*亿)?(.*)万', 1)) * 10000::DOUBLE"
        " + xt_amount_section(regexp_extract(f, '^(?:.*[亿万])?([^角分]*?)[整正]?(?:[1-9]角)?0?(?:[1-9]分)?[整正]?$', 1))"
        " + coalesce(try_cast(regexp_extract(f, '([1-9])角', 1) AS INTEGER), 0) / 10"
        " + coalesce(try_cast(regexp_extract(f, '([1-9])分', 1) AS INTEGER), 0) / 100",
        f"xt_amount_in_words(f) AS regexp_full_match(f, {quote(_SPELT)}) AND regexp_matches(f, '[1-9十].*[元万亿角分]')"
        # 五万六 may be 56,000 or 50,006: what ends without a unit is nobody's guess.
        " AND regexp_matches(f, '[元角分万亿千百十][整正]?$')",
        "xt_amount_number(t) AS try_cast(translate(regexp_extract(xt_half(t), '^-?[0-9][0-9,，]*([.．][0-9]+)?([eE]-?[0-9]+)?'), '．,，', '.')"
        " AS DOUBLE)",
        "xt_amount_form(t) AS regexp_full_match(xt_half(t), '-?[0-9][0-9,，]*([.．][0-9]+)?([eE]-?[0-9]+)?\\s*[(（]?"
        f"{_BEHIND}[)）]?')",
        "xt_amount_scale(t, unit) AS CASE WHEN regexp_matches(t, '\\p{Han}') THEN "
        + " * ".join(
            f"CASE WHEN {' OR '.join(f'contains(t, {quote(word)})' for word in words)} THEN {scale}::DOUBLE ELSE 1 END"
            for words, scale in _SCALES.items()
        )
        + " ELSE unit END",
    )

    def plain(self, text: str, use: Use) -> str:
        unit, places = UNITS[use.field.unit or "元"], _PLACES[use.field.unit or "元"]
        worded = f"regexp_replace({text}, {quote(_LEAD)}, '')"

        def read(number: str) -> str:
            value = f"xt_amount_number({number}) * xt_amount_scale({number}, {unit}) / {unit}"
            return rounded(value)

        def rounded(value: str) -> str:
            # By way of the places that count: beyond fifteen digits a floating number has others of its own.
            return f"try_cast(try_cast({value} AS DECIMAL(18,{places})) AS DECIMAL(18,6))"

        spelt = rounded(f"xt_amount_spelt(xt_amount_figures({text})) / {unit}")
        return (
            f"CASE WHEN xt_amount_form({text}) THEN {read(text)}"
            f" WHEN xt_amount_form({worded}) THEN {read(worded)}"
            f" WHEN xt_amount_in_words(xt_amount_figures({text})) THEN {spelt} END"
        )

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        low = use.field.min or "0"
        faults = [
            Fault("amount_invalid", f"{plain} IS NULL", f"金额无法识别，应填以{use.field.unit}为单位的数字"),
            *(() if use.shared else (_foreign(text, use),)),
            Fault("amount_too_small", f"{plain} < {low}", f"金额小于{low}{use.field.unit}"),
        ]
        if use.field.max is not None:
            faults.append(
                Fault(
                    "amount_too_large",
                    f"{plain} > {use.field.max}",
                    f"金额大于{use.field.max}{use.field.unit}，请核对单位",
                )
            )
        return faults

    def expectations(self, use: Use) -> list[Expected]:
        return number_range(use, use.field.min or "0")

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(
                "amount_unit",
                f"regexp_matches({text}, '[元圆角分{''.join(_SCALES)}零一二三四五六七八九壹贰叁肆伍陆柒捌玖]') AND {plain} IS NOT NULL",
                f"金额自带单位，已换算为{use.field.unit}",
            ),
            Repair(
                "amount_commas",
                f"CASE WHEN contains({text}, ',') OR contains({text}, '，') THEN {plain} IS NOT NULL"
                f" AND regexp_matches(xt_half({text}), '[,，](?:[0-9]{{0,2}}(?:[^0-9]|$)|[0-9]{{4}})') ELSE FALSE END",
                "逗号不在千分位上，已略去；用作小数点的请改为“.”",
            ),
            Repair(
                "amount_rounded",
                f"regexp_matches({text}, '[0-9][eE]-|[.．][0-9]{{{_PLACES[use.field.unit or '元'] + 1},}}') AND {plain} IS NOT NULL",
                "金额的尾数小于一分，已四舍五入",
            ),
        ]


def _foreign(text: str, use: Use) -> Fault:
    """Nobody converts it: where no other field keeps the currency, the number would pass as one of 元."""
    when = f"CASE WHEN regexp_matches({text}, '[^0-9.,]') THEN regexp_matches({text}, {quote(_FOREIGN)}) ELSE FALSE END"
    return Fault("amount_foreign", when, f"金额是外币，应折算为人民币，填以{use.field.unit}为单位的数字")
