"""Normalisation: of every row its texts, with codes in their own columns, and the plain values they stand for."""

from __future__ import annotations

from catalog.types import TYPES
from quality.rules import delivered, routed_fields, stood_in_for
from transforms.stage.cells import Source
from transforms.stage.corrections import uncorrected
from transforms.stage.header import ignore_reason_sql
from transforms.stage.routing import misplaced_columns, routed_columns
from transforms.stage.value_tables import ValueTables


def normalised_sql(source: Source, tables: ValueTables, only: str | None = None) -> str:
    """Row by row: `row_number`, `ignored`, `_malformed`, text and plain value of every field, and of fields with a table of
    values what it says of them; `only` (SQL) limits the row numbers and adds the cells as delivered.
    """
    cells = [tables.cell(field) for field in source.item.fields]
    # What looks at another field's plain value comes after it: DuckDB reads a SELECT's columns from left to right.
    values = [
        tables.values(field) for field in sorted(source.item.fields, key=lambda f: TYPES[f.type].looks_beside)
    ]
    wanted = f" AND file_row_number + 1 IN ({only})" if only else ""
    original = [f"c{i}" for i in range(source.raw.columns)] if only else []
    return f"""
            SELECT line.*, {", ".join(values)} FROM (
                SELECT * REPLACE ({", ".join(routed_columns(source.scope)) or "row_number AS row_number"}) FROM (
                    SELECT {", ".join(["*", *misplaced_columns(source.scope)])} FROM (
                    SELECT file_row_number + 1 AS row_number, {_malformed_sql(source)} AS _malformed, _line,
                        {ignore_reason_sql(source.layout, source.raw.columns)} AS ignored, {", ".join((*cells, *_as_delivered(source), *original))}
                    FROM {source.lines}
                    WHERE {source.below_header}{wanted}
                ))
            ) line {tables.joins("line")}"""


def _as_delivered(source: Source) -> list[str]:
    """The routed codes, and the fields with known mistakes, as they stood in the file."""
    field = source.item.field
    return [
        *(f"{source.text(field(name))} AS {delivered(name)}" for name in routed_fields(source.scope)),
        *(f"{source.own_text(name)} AS {delivered(name)}" for name in stood_in_for(source.scope)),
        *(f"{source.delivered_text(field(name))} AS {uncorrected(name)}" for name in source.corrections),
    ]


def _malformed_sql(source: Source) -> str:
    """A value in a column without a title has no meaning and must not be dropped unseen."""
    stray = " OR ".join(f"xt_trim(c{i}) <> ''" for i in source.layout.unnamed)
    return (
        f"CASE WHEN _malformed IS NULL AND ({stray}) THEN 'unnamed_column' ELSE _malformed END"
        if stray
        else "_malformed"
    )
