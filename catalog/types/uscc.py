"""Unified social credit code (GB 32100-2015 with amendment 1)."""

from __future__ import annotations

from catalog.types.base import Fault, Repair, SemanticType, Use
from catalog.types.base_sql import digits_lost

SHAPE = "[0-9A-HJ-NPQRTUWXY]{18}"
LOOK_ALIKE = "[IOZSViozsvＩＯＺＳＶｉｏｚｓｖ]"
"""Letters that no such code has, but typists take for 1, 0, 2, 5 and U (domain notes 9.2 no. 4)."""


def mended(text: str) -> str:
    """SQL for the code with look-alike letters put right where both checks then hold; most texts have none of these letters."""
    return f"CASE WHEN regexp_matches({text}, '{LOOK_ALIKE}') THEN xt_uscc_mended(xt_code({text})) ELSE xt_code({text}) END"


def look_alike(text: str, plain: str) -> Repair:
    """What is said of a code that `mended` changed."""
    return Repair(
        "uscc_look_alike",
        f"regexp_matches({text}, '{LOOK_ALIKE}') AND length({plain}) = 18 AND {plain} <> xt_code({text})",
        "把易混字母 I、O、Z、S、V 改作 1、0、2、5、U 后两个校验位都相符，已更正，请核对原件",
    )


class Uscc(SemanticType):
    """18 characters; both its own check character and that of the organisation code inside must hold."""

    id = "uscc"
    title = "统一社会信用代码"
    shortest = 18
    hint = "18位，不含空格和字母 I、O、S、V、Z"
    telling = 90

    def plain(self, text: str, use: Use) -> str:
        return f"xt_known_code({mended(text)})"

    def form(self, text: str) -> str:
        return f"coalesce(length(xt_code({text})) = 18, FALSE)"

    def certain(self, text: str) -> str:
        return f"xt_is_uscc(xt_code({text}))"

    def sound(self, plain: str) -> str:
        return f"xt_is_uscc({plain})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        open_value = f"NOT xt_masked({plain})"
        return [
            digits_lost(
                text,
                rounded=f"(regexp_full_match({plain}, '[0-9]{{15}}000') AND NOT xt_is_uscc({plain}))",
            ),
            Fault("uscc_length", f"{open_value} AND length({plain}) <> 18", "统一社会信用代码应为18位"),
            Fault(
                "uscc_charset",
                f"{open_value} AND length({plain}) = 18 AND NOT regexp_full_match({plain}, '{SHAPE}')",
                "统一社会信用代码含不允许的字符（I、O、S、V、Z等）",
            ),
            Fault(
                "uscc_check",
                f"{open_value} AND regexp_full_match({plain}, '{SHAPE}') AND NOT xt_is_uscc({plain})",
                "统一社会信用代码校验位不符（GB 32100）",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            look_alike(text, plain),
            Repair(
                "code_cleaned",
                f"{text} <> {plain} AND {plain} = xt_code({text})",
                "代码中的全角字符、空格、连字符或小写字母已规范",
            ),
        ]
