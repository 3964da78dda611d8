"""Number of an identity document whose kind stands in another field (证件类型 + 证件号码)."""

from __future__ import annotations

from catalog.types.base import Fault, Repair, Use
from catalog.types.resident_id import ResidentId


class PersonDocument(ResidentId):
    """Judged as a resident ID where the kind says so (or is absent); other documents by their form only."""

    id = "person_document"
    looks_beside = True
    title = "证件号码"
    hint = "与“证件类型”相符的号码，原样填写，不加空格"
    telling = 0  # a resident ID as far as content tells
    needs = frozenset({"document_kind"})
    options = frozenset({"document_kind"})

    def _is_resident_id(self, use: Use) -> str:
        return f"coalesce(\"{use.field.document_kind}\", 'resident_id') = 'resident_id'"

    def plain(self, text: str, use: Use) -> str:
        # Fifteen digits of another document are no old resident's number, and must not become somebody's.
        code = f"xt_known_code(xt_code({text}))"
        return f"CASE WHEN {self._is_resident_id(use)} THEN {super().plain(text, use)} ELSE {code} END"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        resident = self._is_resident_id(use)
        foreign = Fault(
            "document_kind_missing",
            f"\"{use.field.document_kind}\" IS NULL AND regexp_full_match({plain}, '[A-Z]{{1,3}}[0-9]{{6,12}}')",
            "不是公民身份号码，请填明证件类型（护照、通行证等）",
        )
        judged = [
            Fault(f.rule, f"{resident} AND {f.when}", f.message) for f in super().faults(text, plain, use)
        ]
        return [
            foreign,
            *judged,
            Fault(
                "document_no_format",
                f"NOT ({resident}) AND NOT xt_masked({plain}) AND NOT regexp_full_match({plain}, '[0-9A-Z()]{{5,20}}')",
                "证件号码格式不符",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(r.rule, f"{self._is_resident_id(use)} AND {r.when}", r.message)
            for r in super().repairs(text, plain, use)
        ]
