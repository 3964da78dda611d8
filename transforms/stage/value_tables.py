"""Tables of a file's distinct values: what repeats, or is dear to read, is read and judged once per value, not per cell."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from catalog.model import Field
from catalog.types import TYPES
from quality.rules import RowRule, RowRules, any_of, plain, text
from transforms.stage.cells import Source

# A file of so many rows is worth a look at which columns repeat: at most this share of their cells differ.
_LARGE, _REPEATING = 20_000, 0.5


def fault_column(name: str) -> str:
    """SQL name of the first rule about its value alone that a field breaks."""
    return f'"f_{name}"'


def flag_column(name: str) -> str:
    """SQL name of whether something is to be remarked about a field's value."""
    return f'"w_{name}"'


def stored_column(name: str) -> str:
    """SQL name of what is stored of a field whose plain value is not."""
    return f'"h_{name}"'


def _table(name: str) -> str:
    """SQL name of the table of a field's values."""
    return f'"v_{name}"'


def _cell_column(name: str) -> str:
    """SQL name of a field's cell as delivered."""
    return f'"k_{name}"'


@dataclass(frozen=True)
class ValueTables:
    """The tables made of a file's values, and what a row takes from them; `names` are the fields that have one."""

    source: Source
    names: frozenset[str]

    @property
    def fields(self) -> list[Field]:
        """The fields that have a table, in catalog order."""
        return [field for field in self.source.item.fields if field.name in self.names]

    def tell(self, rule: RowRule) -> bool:
        """Whether the table of the field's values says where the rule holds."""
        return rule.alone and rule.field in self.names

    def cell(self, field: Field) -> str:
        """What a row brings along of a field: the key of its table, else its text."""
        if field.name in self.names and (index := self.source.lone_column(field)) is not None:
            return f"c{index} AS {_cell_column(field.name)}"
        return f"{self.source.text(field)} AS {text(field.name)}"

    def values(self, field: Field) -> str:
        """What is worked out of it: taken from its table, else from its text."""
        name = field.name
        if name not in self.names:
            return f"{self.source.plain(field)} AS {plain(name)}"
        columns = [plain(name), fault_column(name), flag_column(name)]
        if self.source.stored_apart(field):
            columns.append(stored_column(name))
        if self.source.lone_column(field) is not None:
            columns.append(text(name))
        return ", ".join(f"{_table(name)}.{column}" for column in columns)

    def joins(self, line: str) -> str:
        """SQL that joins to each `line` its values' rows of all tables."""
        return " ".join(
            f"LEFT JOIN {_table(field.name)} ON {line}.{self._key(field)} IS NOT DISTINCT FROM {_table(field.name)}.cell"
            for field in self.fields
        )

    def _key(self, field: Field) -> str:
        return text(field.name) if self.source.lone_column(field) is None else _cell_column(field.name)


def tabulate(connection: duckdb.DuckDBPyConnection, source: Source, rules: RowRules) -> ValueTables:
    """Make a table per field that repeats or is dear to read: `cell` as delivered, text, plain value, what is stored if it is
    something else, and what the rules about the value alone say (`fault_column`, `flag_column`).
    """
    dear = [f.name for f in source.item.fields if TYPES[f.type].by_value and not source.scope.absent(f.name)]
    tables = ValueTables(source, frozenset((*dear, *_repeating(connection, source))))
    for field in tables.fields:
        connection.execute(_table_sql(field, tables, rules))
    return tables


def _repeating(connection: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """Fields of a large file whose cells repeat: to look at each value once is cheaper than at every cell."""
    if source.raw.rows < _LARGE:
        return []
    lone = {
        f.name: index
        for f in source.item.fields
        if (index := source.lone_column(f)) is not None and not TYPES[f.type].looks_beside
    }
    counts = ", ".join(f"approx_count_distinct(c{index})" for index in lone.values())
    found = connection.execute(f"SELECT {counts or 0} FROM {source.lines}").fetchone()
    assert found is not None
    return [
        name for name, distinct in zip(lone, found, strict=False) if distinct <= source.raw.rows * _REPEATING
    ]


def _table_sql(field: Field, tables: ValueTables, rules: RowRules) -> str:
    source, name = tables.source, field.name
    lone = source.lone_column(field)
    cell, cleaned = (source.text(field), "cell") if lone is None else (f"c{lone}", "xt_clean(cell)")

    def about_value(rule: RowRule) -> bool:
        return rule.field == name and tables.tell(rule)

    fault = rules.first_broken(about_value)
    flags = rules.remarked(about_value, lambda repaired: repaired == name)
    stored = f"{source.stored(field)} AS {stored_column(name)}," if source.stored_apart(field) else ""
    return f"""
                CREATE OR REPLACE TEMP TABLE {_table(name)} AS
                SELECT *, {stored}
                    {fault}::USMALLINT AS {fault_column(name)},
                    {any_of(flags)} AS {flag_column(name)}
                FROM (SELECT *, {source.plain(field)} AS {plain(name)} FROM (SELECT cell, {cleaned} AS {text(name)} FROM (
                    SELECT DISTINCT {cell} AS cell FROM {source.lines}
                    WHERE {source.below_header})))"""
