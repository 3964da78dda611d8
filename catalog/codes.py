"""Code lists: the canonical codes of a domain and every spelling departments use for them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from catalog.model import Model, Values
from catalog.source import Source

FOLDER = Path(__file__).parent / "reference" / "lists"


class Code(Model):
    """One entry: the code kept in the warehouse, its Chinese title, and other spellings met."""

    code: str
    title: str
    accept: Values = ()


class CodeList(Model):
    """A list of codes; `other_prefix` admits free text behind it (其他-**), `separators` make it multi-valued."""

    id: str
    title: str
    source: str
    codes: tuple[Code, ...]
    other_prefix: str | None = None
    separators: Values = ()
    joined: bool = False
    """Whether several values may be written without any separator (A2D of driving licences)."""
    unlisted_as_other: bool = False
    """Whether a value of a set that no code has is kept as `other_prefix` and itself (处罚类别 is free text with habits)."""

    def spellings(self) -> dict[str, str]:
        """Every accepted spelling (code, title, other) -> canonical code."""
        return {
            spelling: code.code for code in self.codes for spelling in (code.code, code.title, *code.accept)
        }

    def accepted(self, code: str) -> tuple[str, ...]:
        """The other spellings listed for one code; raises KeyError for a code that is not listed."""
        return {entry.code: tuple(entry.accept) for entry in self.codes}[code]


@lru_cache
def read_list(name: str) -> CodeList:
    """One of the lists in `reference/lists`, for the types that rest on it."""
    return CodeList.model_validate(Source(FOLDER / f"{name}.yml").data)
