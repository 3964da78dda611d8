"""The judgement of every row: its first fault, and whether something is to be remarked about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.types import TYPES
from quality.rules import RowRules, any_of, plain
from transforms.stage.normalise import normalised_sql
from transforms.stage.value_tables import ValueTables, fault_column, flag_column, stored_column


@dataclass(frozen=True)
class CommonExpressions:
    """Dear expressions that rules, subject and stored values have in common, each with the column that holds it: DuckDB would
    work them out anew in every branch of a CASE.
    """

    columns: Mapping[str, str]
    tabled: frozenset[str]
    """The columns among them that a table of values gives."""

    @classmethod
    def of(cls, tables: ValueTables) -> CommonExpressions:
        """The check digits' verdict on a plain value, and what is stored in its place."""
        found: dict[str, str] = {}
        source = tables.source
        for field in source.item.fields:
            kind, has_table = TYPES[field.type], field.name in tables.names
            if source.scope.absent(field.name):
                continue
            if not has_table and (sound := kind.sound(plain(field.name))):
                found[sound] = f'"s_{field.name}"'
            if kind.private or (has_table and source.stored_apart(field)):
                found[source.stored(field)] = stored_column(field.name)
        return cls(found, frozenset(map(stored_column, tables.names)))

    def select(self) -> list[str]:
        """The columns that are still to be worked out."""
        return [f"{part} AS {column}" for part, column in self.columns.items() if column not in self.tabled]

    def taken_from_columns(self, sql: str) -> str:
        """`sql` with the common expressions taken from their columns.

        They are found by their text: the types and rules write them, and know nothing of the step that puts them aside.
        """
        for part, column in self.columns.items():
            sql = sql.replace(part, column)
        return sql


def judged_sql(tables: ValueTables, rules: RowRules, common: CommonExpressions) -> str:
    """The normalised rows with `fault`, the number of the first rule broken (0: none), and `flag`: whether more is to be said."""
    of_row = common.taken_from_columns(rules.first_broken(lambda rule: not tables.tell(rule)))
    flags = rules.remarked(lambda rule: not tables.tell(rule), lambda field: field not in tables.names)
    tabled = sorted(tables.names)
    faults = ", ".join([*map(fault_column, tabled), of_row])
    return f"""
            SELECT *, CASE WHEN ignored IS NULL THEN coalesce(least({faults}), 0) ELSE 0 END::USMALLINT AS fault,
                ignored IS NULL AND ({any_of([*map(flag_column, tabled), *flags])}) AS flag
            FROM (SELECT {", ".join(["*", *common.select()])}
                FROM ({normalised_sql(tables.source, tables)}))"""
