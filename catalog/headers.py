"""Headings of columns: the form in which they are compared, and which headings a field has in a format."""

from __future__ import annotations

import re
import unicodedata
from typing import TypeGuard

from catalog.model import Field, Format, Item

_INVISIBLE = re.compile("[\\s\u200b-\u200f\u2060\ufeff\u00ad\u3000]+")
_BRACKETS = str.maketrans("【〔［｛〈《】〕］｝〉》", "[[[[[[]]]]]]")
_REQUIRED_MARK = re.compile(r"^\*+|(\*+|\((必填|必填项|选填|必报)\)|\[(必填|必填项|选填|必报)\])+$")


def normalise_header(text: str) -> str:
    """Give the form in which headings are compared: NFKC, no blanks, brackets alike, no asterisk."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_BRACKETS)
    return _REQUIRED_MARK.sub("", plain).casefold()


def has_text(text: str | None) -> TypeGuard[str]:
    """Whether a cell holds anything visible."""
    return bool(text and _INVISIBLE.sub("", text))


def headings(field: Field, fmt: Format | None) -> tuple[str, ...]:
    """The headings of a field: those its format lists, else title, name and other headers of the catalog."""
    own = fmt.headers.get(field.name) if fmt else None
    return own if own is not None else (field.title, field.name, *field.headers)


def delivered_fields(item: Item, fmt: Format | None) -> list[Field]:
    """The fields that have a column of their own in files of this format (None: the item's own)."""
    return [f for f in item.fields if not item.lacks(f.name, fmt) and f.same_column_as is None]
