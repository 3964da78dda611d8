"""From the cells of a file to the values of a field: which columns make its text, and the text's plain and stored forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.correction import Correction
from catalog.model import Field, Item
from catalog.types import TYPES
from catalog.types.base_sql import quote
from quality.rules import Scope, plain, routed_fields, text
from transforms.stage.header import Layout
from transforms.stage.rawfile import RawTable


@dataclass(frozen=True)
class Source:
    """A file as read: its cells, what its columns mean, and what is known to be wrong in it, by field.

    `text`, `plain` and `stored` give the three forms of a value (see `catalog.types.base`), each as SQL over the one before.
    """

    raw: RawTable
    layout: Layout
    scope: Scope
    corrections: Mapping[str, Sequence[Correction]]

    @property
    def item(self) -> Item:
        return self.scope.item

    @property
    def lines(self) -> str:
        """SQL: all lines of the file, with `file_row_number` from 0."""
        return f"read_parquet({quote(str(self.raw.path))}, file_row_number = true)"

    @property
    def below_header(self) -> str:
        """SQL: whether one of the `lines` is a row of data."""
        return f"file_row_number > {self.layout.header_row}"

    def text(self, field: Field) -> str:
        """A field's text with its provider's known mistakes put right."""
        cell = self.delivered_text(field)
        if not (corrections := self.corrections.get(field.name)):
            return cell
        cases = " ".join(f"WHEN {quote(c.find)} THEN {quote(c.replace)}" for c in corrections)
        return f"CASE {cell} {cases} ELSE {cell} END"

    def delivered_text(self, field: Field) -> str:
        """The cleaned text of a field's own column, or of the columns that stand in for it."""
        cells = [cell for name in self._filled_from(field) if (cell := self._cell(name))]
        if self.scope.absent(field.name) or not cells:
            return "NULL::VARCHAR"
        if len(cells) == 1:
            return cells[0]
        own, other = cells
        nothing = TYPES[field.type].says_nothing(own)
        return f"CASE WHEN {own} IS NULL{f' OR {nothing}' if nothing else ''} THEN coalesce({other}, {own}) ELSE {own} END"

    def own_text(self, name: str) -> str:
        """The cleaned text of the field's own column alone."""
        return self._cell(name) or "NULL::VARCHAR"

    def lone_column(self, field: Field) -> int | None:
        """The column that alone makes the field's text; None where several do, or another field's code may move in."""
        columns = self.layout.columns
        found = [columns[name] for name in self._filled_from(field) if name in columns]
        apart = field.name in self.corrections or field.name in routed_fields(self.scope)
        return found[0] if len(found) == 1 and not apart and not self.scope.absent(field.name) else None

    def plain(self, field: Field) -> str:
        """The normalised value, over the column of the field's text."""
        kind = TYPES[field.type]
        if self.scope.absent(field.name):
            return f"NULL::{'VARCHAR' if kind.private else kind.storage}"
        return kind.plain(text(field.name), self.scope.use(field))

    def stored(self, field: Field) -> str:
        """What the record keeps, over the column of the field's plain value."""
        return TYPES[field.type].stored(plain(field.name), self.scope.use(field))

    def stored_apart(self, field: Field) -> bool:
        """Whether something else is stored than the plain value: a pseudonym, a text without the numbers in it."""
        return self.stored(field) != plain(field.name)

    def _filled_from(self, field: Field) -> list[str]:
        """The fields of the format in whose columns the field's text may stand, its own first."""
        names = [field.same_column_as or field.name, *filter(None, [field.fallback])]
        return [name for name in names if not self.scope.absent(name)]

    def _cell(self, name: str) -> str | None:
        index = self.layout.columns.get(name)
        return None if index is None else f"xt_clean(c{index})"
