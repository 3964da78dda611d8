"""Other ways of writing the same value: what departments do and nobody should reject (domain notes 9.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from catalog.model import Field
from catalog.sample.population import EPOCH
from catalog.sample.values import DATE_STYLES, LONG_TERM, Build, currencies, date_text

_TO_FULL = {c: c + 0xFEE0 for c in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))}
_FOREVER = ("长期", "永久", "2099-12-31", "9999-12-31", "2099-12-31 00:00;00", "2099/12/31", "无固定期限")
_BRACKETS = ("[]", "【】", "()", "（）", "［］", "〔〕")
Noise = Callable[[Build, Field, int, str, int], str]


def full_width(text: str) -> str:
    """Digits and letters as a Chinese input method types them."""
    return text.translate(_TO_FULL)


def _around(text: str, n: int) -> str:
    return (f" {text}", f"{text} ", f"{text}\u3000", f"\u00a0{text}", f"{text}\t")[n % 5]


def _spaced(text: str) -> str:
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def _code_number(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return (
        full_width(text),
        text.lower(),
        _spaced(text),
        f"{text}\u200b",
        _around(text, n),
        full_width(text[:6]) + text[6:],
    )[n % 6]


def _org_code(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return f"{text[:-1]}-{text[-1]}" if n % 2 else _code_number(b, f, i, text, n // 2)


def _resident_id(b: Build, f: Field, i: int, text: str, n: int) -> str:
    # Sequences from 996 on were kept for centenarians in the old form.
    if len(text) == 18 and text[6:8] == "19" and text[14:17] < "996" and n % 2:
        return text[:6] + text[8:17]
    if text.endswith("X"):
        return text[:-1] + ("x", "Ｘ", "ｘ", "×")[n // 2 % 4]
    return _code_number(b, f, i, text, n // 2)


def _date(b: Build, f: Field, i: int, text: str, n: int) -> str:
    days = b.column(f.name).days
    assert days is not None
    day = int(days[i])
    if day == LONG_TERM:
        return _FOREVER[n % len(_FOREVER)]
    iso = date_text(day, 0)
    serial = day + 25_569  # Excel counts from 1899-12-30
    forms = [date_text(day, style) for style in range(DATE_STYLES)]
    forms += [
        f"{iso} 00:00:00.0",
        full_width(iso),
        date_text(day, 2) + "083015",
        iso.replace("-0", "-"),
        f"{iso}T00:00:00",
    ]
    if 20_000 <= serial <= 69_999:
        forms.append(str(serial))
    return forms[n % len(forms)]


def _amount(b: Build, f: Field, i: int, text: str, n: int) -> str:
    column = b.column(f.name)
    assert column.amount is not None
    whole, part = divmod(int(column.amount[i]), 100)
    plain = f"{whole}.{part:02d}" if part else str(whole)
    grouped = f"{whole:,}.{part:02d}" if part else f"{whole:,}"
    unit = f.unit or "元"
    if column.currency is not None and column.currency[i]:
        reader = next(o for o in b.plan.item.fields if o.same_column_as == f.name)
        name = currencies(b.plan, reader)[int(column.currency[i]) - 1]
        scale = unit.removesuffix("元")
        return (f"{grouped}{scale}{name}", f"{plain}({scale}{name})", f"{plain} {scale}{name}")[n % 3]
    forms = [
        grouped,
        f"{plain}{unit}",
        f"{plain}({unit}人民币)",
        f"{plain}{unit}人民币",
        f"{grouped}（{unit}）",
        f"{whole}.{part:02d}0000",
        full_width(plain),
    ]
    if unit == "万元":
        forms += [
            f"{whole * 10_000 + part * 100}元",
            f"{whole * 10_000 + part * 100:,}元",
            f"{plain}万人民币",
        ]
    return forms[n % len(forms)]


def _code(b: Build, f: Field, i: int, text: str, n: int) -> str:
    codes = b.column(f.name).codes
    assert codes is not None
    forms = b.plan.codes(f).forms[int(codes[i])]
    return _around(forms[n // 4 % len(forms)], n) if n % 4 == 0 else forms[n // 4 % len(forms)]


def _code_set(b: Build, f: Field, i: int, text: str, n: int) -> str:
    column = b.column(f.name)
    assert column.codes is not None
    assert column.second is not None
    forms = b.plan.codes(f).forms
    first, second = forms[int(column.codes[i])], forms[int(column.second[i])]
    codes = b.plan.catalog.code_list(f, b.plan.fmt)
    marks = [m for m in ((codes.separators if codes else None) or "、") if m.strip()]
    one = first[n % len(first)]
    return (
        one
        if column.codes[i] == column.second[i]
        else one + marks[n % len(marks)] + second[n // 7 % len(second)]
    )


def _line(b: Build, f: Field, i: int, text: str, n: int) -> str:
    middle = len(text) // 2
    return f"{text[:middle]}\n{text[middle:]}" if n % 2 and middle else _around(text, n // 2)


def _org_name(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return text.replace("（", "(").replace("）", ")") if "（" in text and n % 4 else _line(b, f, i, text, n)


def _person_name(b: Build, f: Field, i: int, text: str, n: int) -> str:
    if "·" in text:
        return text.replace("·", "•．.・"[n % 4])
    return text[0] + "\u3000" + text[1] if len(text) == 2 else _around(text, n)


def _document_no(b: Build, f: Field, i: int, text: str, n: int) -> str:
    pair = _BRACKETS[n % len(_BRACKETS)]
    for opening, closing in ("〔〕", "（）"):
        text = text.replace(opening, pair[0]).replace(closing, pair[1])
    return _around(text, n) if n % 5 == 0 else full_width(text) if n % 7 == 0 else text


def _certificate_no(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return (full_width(text), _spaced(text), text.lower(), _around(text, n))[n % 4]


def _division(b: Build, f: Field, i: int, text: str, n: int) -> str:
    if len(text) == 6 and n % 2:
        day = EPOCH + timedelta(days=b.end)
        unit = b.plan.population.divisions.at(text, day)
        found = b.plan.population.divisions.find(unit.name, day) if unit else ()
        if unit and [d.code for d in found] == [text]:
            return (unit.name, f"邢台市{unit.name}", f"{unit.name[0]}\u3000{unit.name[1:]}")[n // 2 % 3]
    return (text.ljust(12, "0"), full_width(text), _around(text, n))[n % 3]


def _integer(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return (f"{int(text):,}", f"{text}.0", _around(text, n))[n % 3]


def _year(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return (f"{text}年", f"{text}年度", _around(text, n))[n % 3]


def _outer(b: Build, f: Field, i: int, text: str, n: int) -> str:
    return _around(text, n)


NOISE: dict[str, Noise] = {
    "address": _line,
    "amount": _amount,
    "case_no": _document_no,
    "certificate_no": _certificate_no,
    "code": _code,
    "code_set": _code_set,
    "date": _date,
    "decimal": _outer,
    "division": _division,
    "document_no": _document_no,
    "integer": _integer,
    "line": _line,
    "org_code": _org_code,
    "org_identifier": _code_number,
    "org_name": _org_name,
    "person_document": _resident_id,
    "person_name": _person_name,
    "registration_no": _code_number,
    "resident_id": _resident_id,
    "qualification_no": _certificate_no,
    "taxpayer_no": _certificate_no,
    "text": _outer,
    "uscc": _code_number,
    "year": _year,
}
"""By semantic type; a type that is not here is only ever written plainly."""

EMPTY = ("", "", "", "", "无", "/", "暂无", "N/A", "null", "\\N", "-")
"""Ways to leave a cell empty (domain notes 9.2 no. 7)."""
