"""Taxpayer's identification number (税务登记号): an organisation's, or a person's ID number with two digits behind it."""

from __future__ import annotations

from catalog.personal import LONG, SHORT
from catalog.types.base import Expected, Use
from catalog.types.base_sql import quote
from catalog.types.text import CertificateNo


class TaxpayerNo(CertificateNo):
    """15 digits (region and organisation code), 18 (USCC), or 17 to 20 for individual businesses: the owner's ID number.

    Judged by its form alone, so that an ID number with a wrong digit is hidden, too; what holds a valid organisation
    code is an organisation's whatever its digits look like.
    """

    id = "taxpayer_no"
    title = "纳税人识别号"
    shortest = 15
    hint = "照税务登记证填写，不加空格"
    private = True
    macros = (
        f"xt_taxpayer_person(c) AS regexp_full_match(c, {quote(f'(?:{LONG}|{SHORT[2:-2]})[0-9A-Z]{{0,2}}')})"
        " AND NOT (length(c) = 15 AND xt_is_org(substr(c, 7, 9))) AND NOT xt_is_uscc(c)",
    )

    def stored(self, plain: str, use: Use) -> str:
        return f"CASE WHEN xt_taxpayer_person({plain}) THEN xt_pseudonym({plain}) ELSE {plain} END"

    def expectations(self, use: Use) -> list[Expected]:
        hidden = f"NOT xt_taxpayer_person({use.column()})"
        return [
            Expected(
                "number_hidden", "holds", {"predicate": hidden}, "不得有个人号码明文，个体经营者的只存假名"
            )
        ]

    def mask(self, column: str) -> str:
        return "NULL"
