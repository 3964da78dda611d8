"""An amount of money in the field's unit."""

from __future__ import annotations

from catalog.types.base import Expected, Fault, Repair, SemanticType, Use
from catalog.types.numbers import number_range

UNITS: dict[str, str] = {"元": "1", "万元": "10000", "亿元": "100000000"}


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
        "xt_amount_number(t) AS try_cast(translate(regexp_extract(xt_half(t), '^-?[0-9][0-9,，]*([.．][0-9]+)?([eE]-?[0-9]+)?'), '．,，', '.')"
        " AS DOUBLE)",
        "xt_amount_form(t) AS regexp_full_match(xt_half(t), '-?[0-9][0-9,，]*([.．][0-9]+)?([eE]-?[0-9]+)?\\s*[(（]?(亿|万|千|百)?\\s*(元|圆)?整?\\s*\\p{Han}{0,8}[)）]?')",
        "xt_amount_scale(t, unit) AS CASE WHEN contains(t, '亿') THEN 100000000 WHEN contains(t, '万') THEN 10000"
        " WHEN contains(t, '千') THEN 1000 WHEN contains(t, '百') THEN 100 WHEN regexp_matches(t, '\\p{Han}') THEN 1 ELSE unit END",
    )

    def plain(self, text: str, use: Use) -> str:
        unit = UNITS[use.field.unit or "元"]
        return (
            f"CASE WHEN xt_amount_form({text}) THEN"
            f" try_cast(round(xt_amount_number({text}) * xt_amount_scale({text}, {unit}) / {unit}, 6) AS DECIMAL(18,6)) END"
        )

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        low = use.field.min or "0"
        faults = [
            Fault("amount_invalid", f"{plain} IS NULL", f"金额无法识别，应填以{use.field.unit}为单位的数字"),
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
                f"regexp_matches({text}, '元|万|亿') AND {plain} IS NOT NULL",
                f"金额自带单位，已换算为{use.field.unit}",
            )
        ]
