"""What clauses read of tables whose number depends on the catalog, gathered in one pass per table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from catalog.describe import LINEAGE
from catalog.personal import has_number_macro
from catalog.types.base_sql import quote
from warehouse.commits import ASSESS, DECLARE, INTEGRATE, LOAD, ROLLBACK
from warehouse.datafiles import ever_filled
from warehouse.lake import SCHEMAS, Present, present_tables

_LINEAGE = [name for name, _, _ in LINEAGE]
_SMALL = [
    *(f"ops.{name}" for name in ("batch", "expectation", "ignored", "declaration", "outcome")),
    *(f"lib.{name}" for name in ("member", "attribute", "conflict")),
]
# A month assessed before the last load, integration or rollback stays as it was published: it is no fault that it differs.
_MONTHS = f"""
    WITH done AS (
        SELECT snapshot_id AS number, coalesce(commit_message, '') AS what FROM ducklake_snapshots('lake')
        WHERE snapshot_id <= (SELECT id FROM ducklake_current_snapshot('lake'))
    ),
    month AS (
        SELECT period,
            (SELECT max(number) FROM done WHERE what = '{ASSESS}' || period) AS assessed,
            (SELECT coalesce(max(number), 0) FROM done
             WHERE starts_with(what, '{LOAD}') OR starts_with(what, '{INTEGRATE}') OR starts_with(what, '{ROLLBACK}')) AS loaded,
            (SELECT coalesce(max(number), 0) FROM done WHERE starts_with(what, '{DECLARE}')) AS declared
        FROM lake.mart.city_progress
    )
    SELECT period, assessed > declared AS obligations_too FROM month WHERE assessed > loaded"""

Fields = dict[str, list[tuple[str, str, bool, str | None]]]
Lists = dict[str, list[str]]


def prepare(connection: duckdb.DuckDBPyConnection, into: str = "") -> None:
    """The tables, in schema `into` (else temporary), and views that clauses read.

    `audit_rec`: the lineage of every row of `rec.*`, read once for all clauses, with what only the row's own columns tell:
    `missing` (required fields without a value, by blanks), `wrong_code` (codes that no list knows), `has_number` (an ID
    number in clear). `audit_registration_no`: the registration numbers that registrars state. `audit_subject`: the rows
    of all libraries, with `has_number` as above. `audit_month`: see `months`. Macro `audit_has_number(text)`: whether an ID
    number stands in it.
    """
    connection.execute(has_number_macro("audit_has_number"))
    tables = present_tables(connection)
    if "mart.city_progress" in tables:
        months(connection, into)
    _records(connection, tables, into)
    if "lib.member" in tables:
        _libraries(connection, tables, into)


def months(connection: duckdb.DuckDBPyConnection, into: str = "") -> None:
    """`audit_month`: the months whose marts must tell what the ledger tells, and whether those about obligations must tell
    what was declared, too.
    """
    connection.execute(f"{_table(into, 'audit_month')} AS {_MONTHS}")


@contextmanager
def copies(connection: duckdb.DuckDBPyConnection, scratch: Path) -> Iterator[Callable[[], None]]:
    """Attaches a database `audit` for as long as it lasts, a file in `scratch`: what is gathered of 30 million records takes 13 GB
    in memory, and 2 GB there. Gives a function that copies the small tables, which then stand for the lake's under the same names.

    To begin a scan of the lake costs 20 to 40 ms, and the clauses begin some hundreds. Records are read where they are.
    """
    folder = tempfile.TemporaryDirectory(prefix="audit-", dir=scratch)
    connection.execute(f"ATTACH {quote(f'{folder.name}/audit.duckdb')} AS audit")

    def copy() -> None:
        small = [
            name
            for name in present_tables(connection)
            if name in _SMALL or name.startswith(("ref.", "mart."))
        ]
        copied = sorted({f"audit.{name.partition('.')[0]}" for name in small})
        for schema in copied:
            connection.execute(f"CREATE SCHEMA {schema}")
        for name in small:
            connection.execute(f"CREATE TABLE audit.{name} AS FROM lake.{name}")
        path = ",".join(["audit.main", *copied, *(f"lake.{schema}" for schema in ("main", *SCHEMAS))])
        connection.execute(f"SET search_path = '{path}'")

    try:
        yield copy
    finally:
        connection.execute("USE lake")
        connection.execute("DETACH audit")
        folder.cleanup()


def _table(into: str, name: str) -> str:
    return f"CREATE OR REPLACE TABLE {into}.{name}" if into else f"CREATE OR REPLACE TEMP TABLE {name}"


def _named(tables: Present, schema: str) -> dict[str, Mapping[str, str]]:
    """A schema's tables by their names alone."""
    return {
        name.removeprefix(f"{schema}."): columns
        for name, columns in tables.items()
        if name.startswith(f"{schema}.")
    }


def _records(connection: duckdb.DuckDBPyConnection, tables: Present, into: str) -> None:
    records = _named(tables, "rec")
    known: Fields = {}
    for item, field, kind, required, listed in connection.execute(
        "SELECT item_id, field, type, required = 'True', list FROM lake.ref.field"
    ).fetchall():
        known.setdefault(item, []).append((field, kind, required, listed))
    lists: Lists = dict(
        connection.execute(
            "SELECT list, list(code ORDER BY code) FROM lake.ref.code GROUP BY list"
        ).fetchall()
    )
    filled = ever_filled(connection)
    parts = [
        f"SELECT NULL::VARCHAR AS item_id, {', '.join(_LINEAGE)}, NULL::VARCHAR AS missing, NULL::VARCHAR AS wrong_code,"
        " FALSE AS has_number FROM lake.rec." + f'"{next(iter(records))}" WHERE FALSE'
    ]
    for name, columns in records.items():
        if f"rec.{name}" in filled:
            parts.append(_record(name, columns, known.get(name, []), lists))
    connection.execute(f"{_table(into, 'audit_rec')} AS {' UNION ALL '.join(parts)}")


def _record(
    name: str, columns: Mapping[str, str], fields: list[tuple[str, str, bool, str | None]], lists: Lists
) -> str:
    present = [field for field in fields if field[0] in columns]
    missing = [f"CASE WHEN {_id(f)} IS NULL THEN '{f}' END" for f, _, required, _ in present if required]
    wrong = [_wrong(f, kind, lists.get(listed, [])) for f, kind, _, listed in present if listed is not None]
    texts = [_id(c) for c, kind in columns.items() if kind == "VARCHAR" and c not in _LINEAGE]
    return (
        f"SELECT '{name}', {', '.join(_LINEAGE)}, {_joined(missing)}, {_joined(wrong)},"
        f" audit_has_number(concat_ws(' ', {', '.join(['NULL', *texts])})) FROM lake.rec.{_id(name)}"
    )


def _joined(parts: list[str]) -> str:
    return f"nullif(concat_ws(' ', {', '.join(parts)}), '')" if parts else "NULL"


def _wrong(field: str, kind: str, codes: list[str]) -> str:
    """`field=value` where the list does not know the value; free text behind “其他-” is none of its codes."""
    known = ", ".join(map(quote, codes)) or "NULL"
    if kind == "code_set":
        unknown = (
            f"len(list_filter(string_split({_id(field)}, ';'), lambda part: NOT starts_with(part, '其他-')"
            f" AND NOT list_contains([{known}], part))) > 0"
        )
    else:
        # A subquery is hashed; with so many literals each value would be compared with every one.
        unknown = f"NOT starts_with({_id(field)}, '其他-') AND {_id(field)} NOT IN (SELECT unnest([{known}]))"
    return f"CASE WHEN {unknown} THEN '{field}=' || {_id(field)} END"


def _libraries(connection: duckdb.DuckDBPyConnection, tables: Present, into: str) -> None:
    registrars = connection.execute(
        "SELECT DISTINCT item_id FROM lake.lib.member WHERE kind = 'base' AND subject = 'organisation' AND role = 'member'"
    ).fetchall()
    stated = [
        "SELECT NULL::VARCHAR AS batch_id, NULL::BIGINT AS row_number, NULL::VARCHAR AS registration_no WHERE FALSE"
    ]
    stated += [
        f'SELECT batch_id, row_number, registration_no FROM lake.rec."{name}"'
        for (name,) in registrars
        if "registration_no" in tables.get(f"rec.{name}", ())
    ]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW audit_registration_no AS {' UNION ALL '.join(stated)}")
    _subjects(connection, _named(tables, "lib"), into)


def _subjects(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Mapping[str, str]], into: str
) -> None:
    """As `lib.subject`, but read once: forty libraries in every clause would be forty scans in every clause."""
    columns = "subject_key, records, items, first_period, last_period, county_code, conflict_count, sources"
    parts = [
        "SELECT NULL::VARCHAR AS library, NULL::VARCHAR AS subject_key, NULL::BIGINT AS records, NULL::VARCHAR[] AS items,"
        " NULL::VARCHAR AS first_period, NULL::VARCHAR AS last_period, NULL::VARCHAR AS county_code,"
        " NULL::BIGINT AS conflict_count, NULL::VARCHAR AS sources, FALSE AS has_number WHERE FALSE"
    ]
    filled = ever_filled(connection)
    for name, found in tables.items():
        if f"lib.{name}" in filled and {"subject_key", "sources"} <= found.keys():
            texts = ", ".join(
                _id(c)
                for c, kind in found.items()
                if kind == "VARCHAR" and c not in ("subject_key", "sources")
            )
            parts.append(
                f"SELECT '{name}', {columns}, audit_has_number(concat_ws(' ', NULL, {texts})) FROM lake.lib.{_id(name)}"
            )
    connection.execute(f"{_table(into, 'audit_subject')} AS {' UNION ALL '.join(parts)}")


def _id(name: str) -> str:
    return f'"{name}"'
