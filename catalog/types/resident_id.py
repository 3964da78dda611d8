"""Resident identity number (GB 11643-1999)."""

from __future__ import annotations

from catalog.types.base import Expected, Fault, Repair, SemanticType, Use
from catalog.types.base_sql import digits_lost


class ResidentId(SemanticType):
    """18 characters; 15-digit numbers of before 1999 are upgraded. The region is never judged: it keeps old codes for life.

    The clear number goes to the vault only; the record keeps its keyed hash, or the masked text as delivered.
    """

    id = "resident_id"
    title = "公民身份号码"
    shortest = 15
    hint = "18位，末位 X 大写，不加空格"
    telling = 90
    private = True
    # Lambdas bind their argument once; as plain macros the number would be spelled out some forty times.
    macros = (
        "xt_id18(t) AS list_transform([t], lambda c: CASE WHEN regexp_full_match(c, '[0-9]{15}')"
        " THEN list_transform([substr(c, 1, 6) || '19' || substr(c, 7, 9)], lambda s: s || xt_id_check(s))[1] ELSE c END)[1]",
    )

    def plain(self, text: str, use: Use) -> str:
        return f"xt_id18(xt_known_code(xt_code({text})))"

    def certain(self, text: str) -> str:
        return f"xt_is_id(xt_code({text}))"

    def stored(self, plain: str, use: Use) -> str:
        return f"CASE WHEN xt_masked({plain}) THEN {plain} ELSE xt_pseudonym({plain}) END"

    def sound(self, plain: str) -> str:
        return f"xt_is_id({plain})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        open_value = f"NOT xt_masked({plain})"
        return [
            digits_lost(
                text,
                "身份号码",
                rounded=f"(regexp_full_match({plain}, '[0-9]{{15}}000') AND NOT xt_is_id({plain}))",
            ),
            Fault(
                "resident_id_format",
                f"{open_value} AND NOT regexp_full_match({plain}, '[1-9][0-9]{{16}}[0-9X]')",
                "公民身份号码应为18位（旧号15位）",
            ),
            Fault(
                "resident_id_birth",
                f"{open_value} AND xt_id_birth({plain}) IS NULL",
                "公民身份号码中的出生日期不存在",
            ),
            Fault(
                "resident_id_check",
                f"{open_value} AND xt_id_check({plain}) <> substr({plain}, 18, 1)",
                "公民身份号码校验位不符（GB 11643）",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(
                "resident_id_upgraded",
                f"length(xt_code({text})) = 15 AND length({plain}) = 18",
                "15位旧身份号码已升为18位",
            ),
            Repair(
                "code_cleaned",
                f"{text} <> {plain} AND length(xt_code({text})) <> 15",
                "号码中的全角字符、空格或小写字母已规范",
            ),
        ]

    def expectations(self, use: Use) -> list[Expected]:
        hidden = f"xt_is_pseudonym({use.column()}) OR contains({use.column()}, '*')"
        return [
            Expected("number_hidden", "holds", {"predicate": hidden}, "只存假名或遮盖后的号码，不得有明文")
        ]

    def mask(self, column: str) -> str:
        return "NULL"
