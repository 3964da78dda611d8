"""A column in which an organisation's USCC, organisation code or registration number may stand."""

from __future__ import annotations

from catalog.types.base import Fault, Repair, SemanticType, Use
from catalog.types.base_sql import ZEROS_LOST, digits_lost, zeros_lost
from catalog.types.uscc import look_alike, mended


class OrgIdentifier(SemanticType):
    """Recognised by its form and check digits, not by the column's title; masked codes stay as they are."""

    id = "org_identifier"
    title = "机构代码（统一社会信用代码、组织机构代码或注册号）"
    hint = "三种代码任填一种，原样填写"

    def plain(self, text: str, use: Use) -> str:
        return f"xt_known_code({mended(text)})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        shortened = zeros_lost(plain, 9, "xt_is_org(z)")
        return [
            digits_lost(text),
            Fault("identifier_unknown", shortened, ZEROS_LOST),
            Fault(
                "identifier_unknown",
                f"NOT (xt_masked({plain}) OR xt_is_uscc({plain}) OR xt_is_org({plain}) OR xt_is_reg({plain}) OR {shortened})",
                "既不是有效的统一社会信用代码，也不是组织机构代码或注册号",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            look_alike(text, plain),
            Repair(
                "code_cleaned",
                f"replace({text}, '-', '') <> {plain} AND {plain} = xt_code({text})",
                "代码中的全角字符、空格或小写字母已规范",
            ),
        ]
