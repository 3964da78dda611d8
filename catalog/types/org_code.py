"""Organisation code (GB 11714-1997)."""

from __future__ import annotations

from catalog.types.base import Fault, Repair, SemanticType, Use
from catalog.types.base_sql import ZEROS_LOST, digits_lost, zeros_lost

SHAPE = "[0-9A-Z]{8}[0-9X]"


class OrgCode(SemanticType):
    """Nine characters, written with or without a hyphen before the check character."""

    id = "org_code"
    title = "组织机构代码"
    shortest = 9
    hint = "9位，末位为校验码"
    telling = 80

    def plain(self, text: str, use: Use) -> str:
        return f"xt_known_code(xt_code({text}))"

    def form(self, text: str) -> str:
        return f"coalesce(length(xt_code({text})) = 9, FALSE)"

    def sound(self, plain: str) -> str:
        return f"xt_is_org({plain})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        open_value = f"NOT xt_masked({plain})"
        shortened = zeros_lost(plain, 9, "xt_is_org(z)")
        return [
            digits_lost(text),
            Fault("org_code_format", shortened, ZEROS_LOST),
            Fault(
                "org_code_format",
                f"{open_value} AND NOT regexp_full_match({plain}, '{SHAPE}') AND NOT ({shortened})",
                "组织机构代码应为8位本体加1位校验码",
            ),
            Fault(
                "org_code_check",
                f"regexp_full_match({plain}, '{SHAPE}') AND NOT xt_is_org({plain})",
                "组织机构代码校验位不符（GB 11714）",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(
                "code_cleaned",
                f"replace({text}, '-', '') <> {plain}",
                "代码中的全角字符、空格或小写字母已规范",
            )
        ]
