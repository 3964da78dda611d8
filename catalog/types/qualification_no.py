"""Number of a certificate of qualification that may be built around its holder's ID number (医师资格证书编码)."""

from __future__ import annotations

from catalog.personal import LONG, SHORT
from catalog.types.base import Expected, Use
from catalog.types.base_sql import quote
from catalog.types.text import CertificateNo

_HOLDS = f"{LONG}|(?:^|[^0-9])[0-9]{{9}}{SHORT[2:-2]}(?:[^0-9]|$)"


class QualificationNo(CertificateNo):
    """Nine digits of year, place and kind before the 18 (of old: 15) of the ID number, for physicians; others hold none.

    Judged by the form of a resident's number anywhere inside, so that one with a wrong digit is hidden, too.
    """

    id = "qualification_no"
    title = "资格证书编号"
    hint = "照证书填写，不加空格"
    private = True
    macros = (f"xt_holds_person(c) AS regexp_matches(c, {quote(_HOLDS)})",)

    def stored(self, plain: str, use: Use) -> str:
        return f"CASE WHEN xt_holds_person({plain}) THEN xt_pseudonym({plain}) ELSE {plain} END"

    def expectations(self, use: Use) -> list[Expected]:
        # A hash, too, may happen to hold eighteen digits in a row that look like a number.
        hidden = f"xt_is_pseudonym({use.column()}) OR NOT xt_holds_person({use.column()})"
        return [
            Expected(
                "number_hidden",
                "holds",
                {"predicate": hidden},
                "不得有个人号码明文，含身份号码的编号只存假名",
            )
        ]

    def mask(self, column: str) -> str:
        return "NULL"
