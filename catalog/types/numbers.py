"""Plain numbers: counts, years, decimals."""

from __future__ import annotations

from catalog.types.base import Expected, Fault, SemanticType, Use


class _Numeric(SemanticType):
    options = frozenset({"unit", "min", "max"})
    rule: str
    advice: str

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        faults = [Fault(self.rule, f"{plain} IS NULL", self.advice)]
        if use.field.min is not None:
            faults.append(Fault("number_too_small", f"{plain} < {use.field.min}", f"小于{use.field.min}"))
        if use.field.max is not None:
            faults.append(Fault("number_too_large", f"{plain} > {use.field.max}", f"大于{use.field.max}"))
        return faults

    def expectations(self, use: Use) -> list[Expected]:
        return number_range(use, use.field.min)


def number_range(use: Use, low: str | None) -> list[Expected]:
    """The range a numeric field states, as an expectation; none if it states none."""
    high = use.field.max
    if low is None and high is None:
        return []
    bounds = {"min": None if low is None else float(low), "max": None if high is None else float(high)}
    return [
        Expected(
            "number_range",
            "between",
            bounds,
            f"在{low or '不限'}至{high or '不限'}{use.field.unit or ''}之间",
        )
    ]


class Integer(_Numeric):
    id = "integer"
    title = "整数"
    hint = "只填整数"
    telling = 40
    storage = "BIGINT"
    rule = "integer_invalid"
    advice = "应为整数"

    def plain(self, text: str, use: Use) -> str:
        return f"try_cast(regexp_extract(translate(xt_half({text}), '．－,，', '.-'), '^-?[0-9]+(?:[.]0+)?$') AS BIGINT)"


class Decimal(_Numeric):
    id = "decimal"
    title = "小数"
    hint = "只填数字"
    telling = 30
    storage = "DECIMAL(18,6)"
    rule = "decimal_invalid"
    advice = "应为数字"

    def plain(self, text: str, use: Use) -> str:
        return f"try_cast(translate(xt_half({text}), '．－,，', '.-') AS DECIMAL(18,6))"


class Year(_Numeric):
    id = "year"
    title = "年度"
    hint = "四位年份，如 2019"
    options = frozenset({"min", "max"})
    telling = 55
    storage = "INTEGER"
    rule = "year_invalid"
    advice = "应为四位年份"

    def plain(self, text: str, use: Use) -> str:
        return f"try_cast(regexp_extract(xt_half({text}), '^((?:19|20)[0-9]{{2}})年?(?:度)?$', 1) AS INTEGER)"
