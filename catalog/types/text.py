"""Free text, names, numbers of documents: text kept as text, each with the little that its meaning asks."""

from __future__ import annotations

from typing import ClassVar

from catalog.model import Level
from catalog.personal import CONTACTS
from catalog.types.base import Fault, Repair, SemanticType, Use
from catalog.types.base_sql import BLANKS, quote

_NUMBERED = "[0-9０-９A-Za-zＡ-Ｚａ-ｚ一二三四五六七八九十]"

_LONG_RUN = "[0-9０-９]{6}"
"""What every personal number in running text has; most texts have no such run and are not looked at further."""


def _hidden(plain: str) -> str:
    """SQL for a text in which ID numbers are hidden: they belong in the vault, wherever they were typed (domain notes 9.2 no. 57)."""
    return f"CASE WHEN regexp_matches({plain}, '{_LONG_RUN}') THEN xt_hide_long({plain}) ELSE {plain} END"


def _personal(text: str) -> Repair:
    return Repair(
        "personal_number",
        f"CASE WHEN regexp_matches({text}, '{_LONG_RUN}') THEN xt_hide_long({text}) <> {text} ELSE FALSE END",
        "文字中有公民身份号码，已遮盖；请改填在号码栏，不要写进文字",
    )


def _contact(text: str) -> Fault:
    found = " OR ".join(f"regexp_matches({text}, {quote(pattern)})" for pattern, _ in CONTACTS)
    return Fault(
        "contact_in_text",
        f"CASE WHEN contains({text}, '@') OR regexp_matches({text}, '{_LONG_RUN}') THEN {found} ELSE FALSE END",
        "文字中有电话号码或电子邮箱，对外发布时遮盖；请删去",
        "warn",
    )


def _digits_lost(text: str) -> Fault:
    """A number that a spreadsheet rounded; letters are at home in these numbers, so that 2E08 says nothing yet."""
    return Fault(
        "code_digits_lost",
        f"regexp_matches({text}, '^[0-9]+([.][0-9]+[eE][+]?|[eE][+])[0-9]+$')",
        "编号被电子表格改成科学计数法，位数已丢失，请设为文本格式重新导出",
    )


class Text(SemanticType):
    """Running text; longer than its length is only a warning, since lengths of the standard are partly recalled."""

    id = "text"
    title = "文本"
    hint = "文字，可分段"
    running = True
    options = frozenset({"length"})
    over_length: ClassVar[Level] = "warn"

    def stored(self, plain: str, use: Use) -> str:
        return _hidden(plain)

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [_contact(text)]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [_personal(text)]


class _OneLine(SemanticType):
    options = frozenset({"length"})
    over_length: ClassVar[Level] = "warn"

    def plain(self, text: str, use: Use) -> str:
        return f"xt_line({text})"

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(
                "line_break",
                f"contains({text}, chr(10)) OR contains({text}, chr(13))",
                "单元格内的换行已去掉",
            )
        ]


class Line(_OneLine):
    """A single line: line breaks inside the cell are removed."""

    id = "line"
    title = "单行文本"
    hint = "一行文字，不换行"
    running = True

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [_contact(text)]

    def stored(self, plain: str, use: Use) -> str:
        return _hidden(plain)

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [*super().repairs(text, plain, use), _personal(text)]


class Address(Line):
    id = "address"
    title = "地址"
    hint = "自县（市、区）写起，尽量写明乡镇（街道）"


class OrgName(_OneLine):
    """Name of an organisation; brackets are unified to the Chinese form so that （集团） and (集团) are one name."""

    id = "org_name"
    title = "机构名称"
    hint = "填登记的全称"

    def plain(self, text: str, use: Use) -> str:
        return f"replace(replace(replace(xt_line({text}), '(', '（'), ')', '）'), '\u3000', ' ')"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            Fault(
                "name_invalid",
                f"length({plain}) < 2 OR regexp_full_match({plain}, '[0-9.+-]+')",
                "名称过短或全是数字，请核对是否错列",
            )
        ]

    def veiled(self, column: str) -> str:
        # A subject of either kind stands in such a column: of a short name, a person's, no more than the surname.
        return f"left({column}, CASE WHEN length({column}) < 6 THEN 1 ELSE 2 END) || '****'"


class PersonName(_OneLine):
    """Name of a natural person; published names are shown as the source published them."""

    id = "person_name"
    title = "姓名"
    hint = "与证件一致；少数民族姓名用间隔号“·”"

    def plain(self, text: str, use: Use) -> str:
        # Spaces pad two-character names; the dot of minority names is written in many ways (domain notes 9.2 no. 45).
        return f"CASE WHEN regexp_matches({text}, '[A-Za-z]') THEN xt_line({text}) ELSE translate(xt_line({text}), '•．.・‧∙⋅･\u3000 ', '········') END"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            Fault(
                "name_invalid",
                f"length({plain}) < 2 OR regexp_matches({plain}, '[0-9]')",
                "姓名过短或含数字，请核对是否错列",
            )
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [Repair("name_cleaned", f"{text} <> {plain}", "姓名中的空格、换行已去掉，间隔号已统一为“·”")]

    def mask(self, column: str) -> str:
        return f"left({column}, 1) || repeat('*', greatest(length({column}) - 1, 1))"

    def veiled(self, column: str) -> str:
        return self.mask(column)


_OPEN, _CLOSE = r"\[［【(（〔﹝﹙〖{｛<＜〈《", r"\]］】)）〕﹞﹚〗}｝>＞〉》"
"""Brackets in which the year of a document's number is met."""


class DocumentNo(_OneLine):
    """Number of an official document; the year stands in 〔〕 whatever brackets were typed (domain notes 9.2 no. 30)."""

    id = "document_no"
    title = "文书号"
    hint = "年份用〔〕，如 邢市监罚〔2019〕12号"
    names_record = True
    macros = (
        f"xt_document_no(t) AS regexp_replace(regexp_replace(xt_half(t), {quote(f'[{BLANKS}]+')}, '', 'g'),"
        f" {quote(f'[{_OPEN}]([12][0-9]{{3}})[{_CLOSE}]')}, '〔\\1〕', 'g')",
    )

    def plain(self, text: str, use: Use) -> str:
        return f"xt_document_no({text})"

    def says_nothing(self, text: str) -> str:
        return f"NOT regexp_matches({text}, '{_NUMBERED}')"

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [Repair("document_no_form", f"{text} <> {plain}", "文书号中的括号、空格、全角字符已统一")]

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            _digits_lost(text),
            Fault(
                "document_no_empty",
                f"NOT regexp_matches({plain}, '{_NUMBERED}')",
                "文书号只有括号或“号”字，缺少编号",
            ),
        ]


class CaseNo(DocumentNo):
    """Case number of a court: （year）court letters, kind, number, 号."""

    id = "case_no"
    title = "案号"
    hint = "形如（2019）冀0502执123号"
    telling = 65

    def plain(self, text: str, use: Use) -> str:
        return f"regexp_replace(xt_document_no({text}), '〔([12][0-9]{{3}})〕', '（\\1）')"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            Fault(
                "case_no_invalid",
                f"NOT regexp_full_match({plain}, '（[12][0-9]{{3}}）\\S{{1,20}}?[0-9]+号?(之[一二三四五六七八九十]+)?')",
                "案号应形如（2019）冀0502执123号",
            )
        ]


class CertificateNo(_OneLine):
    """Number of a licence or certificate: no inner blanks, upper case."""

    id = "certificate_no"
    title = "证书编号"
    hint = "照证书填写，不加空格"
    names_record = True

    def plain(self, text: str, use: Use) -> str:
        return f"upper(regexp_replace(xt_half({text}), {quote(f'[{BLANKS}]+')}, '', 'g'))"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        return [
            _digits_lost(text),
            Fault(
                "certificate_no_invalid",
                f"NOT regexp_matches({plain}, '[0-9]')",
                "证书编号中没有数字，请核对是否错列",
            ),
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [Repair("code_cleaned", f"{text} <> {plain}", "编号中的全角字符、空格、换行或小写字母已规范")]
