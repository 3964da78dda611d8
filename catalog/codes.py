"""Code lists: the canonical codes of a domain and every spelling departments use for them."""

from __future__ import annotations

from catalog.model import Model, Values


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

    def spellings(self) -> dict[str, str]:
        """Every accepted spelling (code, title, other) -> canonical code."""
        return {
            spelling: code.code
            for code in self.codes
            for spelling in (code.code, code.title, *code.accept)
        }
