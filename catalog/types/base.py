"""The contract of a semantic type: everything that follows from what a field *means*, in one place.

A value passes three forms, each an SQL expression over the one before:
`text` (as delivered, trimmed, placeholders gone) -> `plain` (normalised) -> `stored` (what `rec.*` keeps).
Rules look at `text` and `plain`; only private types make `stored` differ from `plain`.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from catalog.codes import CodeList
    from catalog.model import Field, Level


@dataclass(frozen=True)
class Use:
    """A field in use: the catalog's field, the code list in force for the file's format, the columns beside it."""

    field: Field
    codes: CodeList | None = None
    shared: bool = False
    """Whether another field reads the same column: the currency of an amount."""

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def listed(self) -> CodeList:
        """The code list of a type that cannot do without (`needs`, which `catalog check` holds)."""
        assert self.codes is not None
        return self.codes

    def column(self) -> str:
        """SQL name of the field's own plain column."""
        return f'"{self.field.name}"'


@dataclass(frozen=True)
class Fault:
    """A way a value can be wrong: `when` is an SQL predicate, true only for faulty rows."""

    rule: str
    when: str
    message: str
    level: Level = "quarantine"


@dataclass(frozen=True)
class Repair:
    """A change made to a value without doubt about its meaning, recorded as an issue with before and after."""

    rule: str
    when: str
    message: str


@dataclass(frozen=True)
class Expected:
    """What every stored value of a field in a healthy batch satisfies; the row rules' counterpart for the set.

    `kind` is one of quality.suite's: in_set (values), between (min, max), holds (predicate over the stored column).
    """

    check: str
    kind: str
    params: dict[str, Any]
    message: str


class SemanticType(ABC):
    """What a field means, and all that follows from it. One subclass per file; nothing switches on `id`."""

    id: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str] = ""
    """How to write it, for those who fill in a template."""
    storage: ClassVar[str] = "VARCHAR"
    private: ClassVar[bool] = False
    """True where the plain value may live only in the vault."""
    options: ClassVar[frozenset[str]] = frozenset()
    """Optional keys of `Field` that this type understands; others are errors."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Keys of `Field` that this type cannot do without."""
    units: ClassVar[tuple[str, ...]] = ()
    """The units it can convert; empty where a unit is a mere label."""
    telling: ClassVar[int] = 0
    """How much clean values tell when a type is guessed from a sample: the highest is tried first, 0 never."""
    macros: ClassVar[tuple[str, ...]] = ()
    """Bodies of SQL macros (`name(args) AS expr`) the expressions below call."""
    names_record: ClassVar[bool] = False
    """True for numbers by which others name the record: of documents, certificates, cases."""
    by_value: ClassVar[bool] = False
    """True where `plain` is dear and values repeat: it is then computed once per distinct text of a file."""
    looks_beside: ClassVar[bool] = False
    """True where `plain`, `faults` or `repairs` look at another column of the row than the field's own."""
    running: ClassVar[bool] = False
    """True for running text, in which anybody may have typed anything."""
    shortest: ClassVar[int] = 1
    """Characters of its shortest value, however written."""
    over_length: ClassVar[Level] = "quarantine"
    """What happens to a value longer than the field's `length`."""

    def plain(self, text: str, use: Use) -> str:
        """SQL for the normalised value; NULL where the text cannot be read as this type."""
        return text

    def stored(self, plain: str, use: Use) -> str:
        """SQL for what the record keeps."""
        return plain

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        """Ways the value can be wrong, most telling first."""
        return []

    def sound(self, plain: str) -> str | None:
        """SQL predicate for a plain value that by its check digits has none of the `faults`; None without such digits.

        It is worked out once per row, and for a sound value nothing else is.
        """
        return None

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        """Changes that `plain` made and that the provider should know of."""
        return []

    def expectations(self, use: Use) -> list[Expected]:
        """What the set of stored values must show beyond being filled."""
        return []

    def form(self, text: str) -> str | None:
        """SQL predicate for the outer form (length) of this kind of code, where codes of a group are told apart by it."""
        return None

    def certain(self, text: str) -> str | None:
        """SQL predicate for a text that by all its check digits can be nothing else; None where a type has no such sign."""
        return None

    def says_nothing(self, text: str) -> str | None:
        """SQL predicate for a text without content (“[]号”): where a field has a fallback, that one counts then."""
        return None

    def mask(self, column: str) -> str:
        """SQL that hides what must not be published of a stored column."""
        return column

    def veiled(self, column: str) -> str:
        """SQL for what a reader may see who is not entitled to the value: of a date its year, of anything else nothing."""
        return f"date_trunc('year', {column})::DATE" if self.storage == "DATE" else f"NULL::{self.storage}"
