"""Names in a column of codes, and codes in a column of names: understood, and told where they are the exception."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from catalog.model import Field
from catalog.types.base import Repair
from catalog.types.base_sql import literal_list
from quality.rules import text
from transforms.stage.cells import Source

_EXCEPTION = 0.1
"""Share of a column's codes up to which names among them (or codes among names) are an exception worth telling."""


def mixed_codes(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterator[tuple[str, Repair]]:
    """What is said of the exceptions in each column of a code list that holds both."""
    columns = {field.name: told for field in source.item.fields if (told := _told_apart(source, field))}
    if not columns:
        return
    counts = ", ".join(f"count(*) FILTER ({case})" for pair in columns.values() for case in pair)
    row = connection.execute(f"SELECT {counts} FROM {source.lines} WHERE {source.below_header}").fetchone()
    assert row is not None
    for name, coded, named in zip(columns, row[::2], row[1::2], strict=True):
        if 0 < min(coded, named) <= _EXCEPTION * max(coded, named):
            few, most = ("名称", "代码") if named < coded else ("代码", "名称")
            digits = f"regexp_full_match(xt_half({text(name)}), '[0-9]+')"
            when = f"NOT ({digits})" if named < coded else digits
            yield name, Repair("code_and_name", when, f"同列多填{most}，此处填的是{few}，已换算为代码")


def _told_apart(source: Source, field: Field) -> tuple[str, str] | None:
    """SQL: whether a cell is a code, whether it is a name; None where the field has no list whose codes alone are digits."""
    listed = source.scope.use(field).codes
    if listed is None or source.scope.absent(field.name) or field.name not in source.layout.columns:
        return None
    codes = {code.code for code in listed.codes}
    names = {spelling for spelling in listed.spellings() if spelling not in codes}
    if not all(code.isdigit() for code in codes) or any(name.isdigit() for name in names):
        return None
    cell = f"xt_half({source.text(field)})"
    return (
        f"{cell} IN ({literal_list(tuple(sorted(codes)))})",
        f"{cell} IN ({literal_list(tuple(sorted(names)))})",
    )
