"""A column in which an organisation's USCC, organisation code or registration number may stand."""

from __future__ import annotations

from catalog.types.base import Fault, SemanticType, Use


class OrgIdentifier(SemanticType):
    """Recognised by its form and check digits, not by the column's title; masked codes stay as they are."""

    id = "org_identifier"
    title = "机构代码（统一社会信用代码、组织机构代码或注册号）"
    hint = "三种代码任填一种，原样填写"

    def plain(self, text: str, use: Use) -> str:
        return f"xt_code({text})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            Fault(
                "code_digits_lost",
                f"regexp_matches({text}, '^[0-9.]+[eE][+]?[0-9]+$')",
                "代码被电子表格改成科学计数法，位数已丢失，请设为文本格式重新导出",
            ),
            Fault(
                "identifier_unknown",
                f"NOT (xt_masked({plain}) OR xt_is_uscc({plain}) OR xt_is_org({plain}) OR xt_is_reg({plain}))",
                "既不是有效的统一社会信用代码，也不是组织机构代码或注册号",
            ),
        ]
