"""Business registration number (GS 15-2006 工商行政管理市场主体注册号编制规则)."""

from __future__ import annotations

from catalog.types.base import Fault, Repair, SemanticType, Use
from catalog.types.base_sql import digits_lost

SHAPE = "[0-9]{13}|[0-9]{15}"


class RegistrationNo(SemanticType):
    """15 digits with an ISO 7064 MOD 11,10 check digit; 13-digit numbers from before 2007 have none."""

    id = "registration_no"
    title = "工商注册号"
    shortest = 13
    hint = "15位数字（2007年以前为13位）"
    telling = 85

    def plain(self, text: str, use: Use) -> str:
        return f"xt_known_code(xt_code({text}))"

    def form(self, text: str) -> str:
        return f"coalesce(length(xt_code({text})) IN (13, 15), FALSE)"

    def sound(self, plain: str) -> str:
        return f"xt_is_reg({plain})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        open_value = f"NOT xt_masked({plain})"
        return [
            digits_lost(text),
            Fault(
                "registration_no_format",
                f"{open_value} AND NOT regexp_full_match({plain}, '{SHAPE}')",
                "工商注册号应为15位数字（2007年以前为13位）",
            ),
            Fault(
                "registration_no_check",
                f"{open_value} AND NOT xt_is_reg({plain})",
                "工商注册号校验位不符（GS 15-2006）",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [Repair("code_cleaned", f"{text} <> {plain}", "注册号中的全角字符、空格或连字符已规范")]
