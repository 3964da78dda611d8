"""Administrative division: a code of 6, 9 or 12 digits or a name."""

from __future__ import annotations

from catalog.types.base import Fault, SemanticType, Use


class Division(SemanticType):
    """GB/T 2260 (county), GB/T 10114 (town) or statistical 12-digit code, trailing zeros dropped; names by the alias table."""

    id = "division"
    title = "行政区划"
    hint = "6、9或12位区划代码，或区划名称"
    telling = 60
    macros = (
        "xt_division_digits(d) AS CASE WHEN length(d) = 12 AND right(d, 6) = '000000' THEN left(d, 6)"
        " WHEN length(d) = 12 AND right(d, 3) = '000' THEN left(d, 9)"
        " WHEN length(d) = 9 AND right(d, 3) = '000' THEN left(d, 6) ELSE d END",
    )

    def plain(self, text: str, use: Use) -> str:
        # xt_division_name is created per batch from the reference data in force at the period.
        return (
            f"CASE WHEN regexp_full_match(xt_code({text}), '[0-9]{{6}}|[0-9]{{9}}|[0-9]{{12}}') THEN xt_division_digits(xt_known_code(xt_code({text})))"
            f" ELSE xt_division_name(translate({text}, ' \u3000', '')) END"
        )

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            Fault(
                "division_unknown",
                f"{plain} IS NULL AND xt_known_code(xt_code({text})) IS NOT NULL",
                "行政区划代码应为6、9或12位数字，名称须在区划表中",
            )
        ]

    def veiled(self, column: str) -> str:
        return f"left({column}, 6)"
