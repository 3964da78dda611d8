"""Builds `core.identity`, `core.link` and `lib.*` from `core.record` and `rec.*`.

The result is a pure function of the ledger and the catalog: no clock, no order of loading, no open tie. It is worked out
under the writer's lock, into files that one short transaction then makes the lake's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import duckdb

from catalog.divisions import CITY
from catalog.library import Library
from catalog.loader import Catalog
from catalog.model import Item, NotAfterPeriod
from catalog.types import TYPES
from catalog.types.base_sql import quote
from transforms.integrate.changed import commit_message, find_changes
from transforms.integrate.plan import (
    Column,
    Plan,
    Source,
    claims,
    household_items,
    household_sources,
    resolve,
)
from transforms.integrate.sql import count, literals, render
from transforms.integrate.tables import conflict_columns, ensure_tables, present_tables, tables_differ
from warehouse.datafiles import NewFiles
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

_IS_SUBJECT = {
    "person": "is_person",
    "organisation": "NOT is_person",
    "any": "true",
}
RECORD_BYTES = 1_400
"""What a record takes while libraries are built: 3 million of a whole city fit into 4 GiB (measured). As many of nothing but
persons do not quite, and DuckDB spills: but each further slice scans the whole ledger."""
SAMPLED = 20_000
"""Keys by which the subjects are cut into slices of about the same number of records."""


@dataclass(frozen=True)
class IntegrateResult:
    """What an integration came to: subjects and conflicts per library, links, identifiers in doubt.

    `rebuilt`: whether every subject was built anew, not only the changed ones.
    """

    subjects: dict[str, int]
    conflicts: dict[str, int]
    identifiers: int
    ambiguous: int
    linked: int
    unlinked: int
    household: int
    rebuilt: bool


def integrate(
    lake: Lake, catalog: Catalog, *, portion: int | None = None, rebuild: bool = False
) -> IntegrateResult:
    """Bring identities, links, household attribution and every library up to the ledger, all or nothing.

    Only subjects that loads touched since the last time are built anew, where that can be told and pays; with `rebuild`
    everybody. What comes out is the same.

    Tables: `core.identity`, `core.link`, `lib.<library>`, `lib.conflict`, `lib.member`, `lib.attribute`
    and the view `lib.subject`; `county_code` and `county_rule` of `core.record` where the household register
    decides. `portion` bounds the records handled at once (else what DuckDB's memory holds) and does not change the result.

    Source: design, sections 2 to 4; domain notes 6.1 (linking by priority, never by name) and 6.5.

    Raises:
        UserError: A library names an item, field or type that it cannot use.
    """
    plans = [resolve(catalog, library) for _, library in sorted(catalog.libraries.items())]
    ensure_schema(lake, catalog)
    message = commit_message(catalog)
    with lake.exclusive() as transaction:
        files = NewFiles(lake.home, lake.connection)
        with files.removed_on_error():
            present = present_tables(lake.connection)
            anew = rebuild or tables_differ(plans, present)
            changed = _work_out(files, plans, catalog, None if anew else message, portion)
        with transaction(message) as tx, files.removed_on_error():
            ensure_tables(tx, plans, present)
            libraries = ["lib.conflict", *(plan.qualified for plan in plans)]
            tx.execute(render("takeover.sql", libraries=libraries, changed=changed))
            files.add(tx)
            return _result(tx, plans, rebuilt=not changed)


def _work_out(
    files: NewFiles, plans: Sequence[Plan], catalog: Catalog, since: str | None, portion: int | None
) -> bool:
    """Write the rows of all tables: of what changed since the last commit with the message `since`, which is answered with
    True, else of everybody.
    """
    work = files.connection
    known = _record_columns(work)
    stated = [claim for claim in claims(catalog) if Source(claim.item, claim.field) in known]
    changed = since is not None and find_changes(work, since, stated)
    work.execute(render("identity.sql", claims=stated, apart=sorted(catalog.apart), changed=changed))
    files.write("core.identity", "FROM xt_identity ORDER BY identifier")
    files.write("core.link", "FROM xt_link ORDER BY item_id, record_key")
    _drop(work, "xt_identity")
    _attribute_households(work, catalog, changed)
    work.execute(f"CREATE OR REPLACE TEMP TABLE xt_conflict ({conflict_columns()})")
    filled = [
        replace(plan, columns=tuple(_present(column, known) for column in plan.columns))
        for plan in plans
        if any(source.item in plan.library.members for source in known)
    ]
    for scope in _scopes(work, changed, portion):
        _build(files, filled, catalog, scope, changed)
    files.write("lib.conflict", "FROM xt_conflict")
    return changed


def _record_columns(work: duckdb.DuckDBPyConnection) -> set[Source]:
    """Columns of `rec.*` that can hold a value: those of items with records in the ledger."""
    rows = work.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "SEMI JOIN (SELECT DISTINCT item_id FROM core.record) ON item_id = table_name "
        "WHERE database_name = current_database() AND schema_name = 'rec'"
    ).fetchall()
    return {Source(item, field) for item, field in rows}


def _attribute_households(work: duckdb.DuckDBPyConnection, catalog: Catalog, changed: bool) -> None:
    providers = [source.item for source in household_sources(catalog)]
    items = household_items(catalog)
    work.execute(render("household.sql", providers=providers, items=items, city=CITY, changed=changed))


def _build(files: NewFiles, plans: Sequence[Plan], catalog: Catalog, scope: str, changed: bool) -> None:
    """Build all libraries for the subjects in `scope`."""
    work = files.connection
    values = _values(column for plan in plans for column in plan.columns)
    days = {item: _day(catalog.items[item]) for item in values}
    footprints = {plan.footprint: _counted(plan.library, catalog) for plan in plans}
    work.execute(
        render("slice.sql", scope=scope, changed=changed, values=values, days=days, footprints=footprints)
    )
    for plan in plans:
        work.execute(
            render(
                "library.sql",
                library=plan.library.id,
                members=plan.library.members,
                columns=plan.columns,
                values=_values(plan.columns),
                footprint=plan.footprint,
                is_subject=_IS_SUBJECT[plan.library.subject],
                city=CITY,
            )
        )
        files.write(plan.table, "SELECT * EXCLUDE (subject) FROM xt_library ORDER BY subject")
        _drop(work, "xt_subject", "xt_several", "xt_wide", "xt_differing")
    named = (*(f"xt_footprint_{name}" for name in footprints), *(f"xt_value_{item}" for item in values))
    _drop(work, "xt_key", "xt_record", "xt_presence", *named)


def _drop(work: duckdb.DuckDBPyConnection, *tables: str) -> None:
    for table in tables:
        work.execute(f'DROP TABLE "{table}"')


def _values(columns: Iterable[Column]) -> dict[str, list[str]]:
    """Fields by item that the columns take their values from."""
    found: dict[str, list[str]] = {}
    for source in dict.fromkeys(source for column in columns for source in column.sources):
        found.setdefault(source.item, []).append(source.field)
    return found


def _day(item: Item) -> str:
    """SQL for the day by which the later of two records that came in one period is told: the first date that may not lie in
    the future, which is when what the record tells of happened; else a year.
    """
    dated = [rule.field for rule in item.rules if isinstance(rule, NotAfterPeriod)]
    years = [field.name for field in item.fields if TYPES[field.type].storage == "INTEGER"]
    if dated:
        return f"coalesce(v.\"{dated[0]}\", DATE '0001-01-01')"
    return f'coalesce(v."{years[0]}", 0)' if years else "NULL"


def _counted(library: Library, catalog: Catalog) -> str:
    """Predicate for the records a library counts: an opt-in library's own, elsewhere all but those of such libraries."""
    if library.opt_in:
        return f"item_id IN ({literals(library.items)})"
    return f"item_id NOT IN ({literals(sorted(catalog.apart))})" if catalog.apart else "true"


def _present(column: Column, known: set[Source]) -> Column:
    return replace(column, sources=tuple(source for source in column.sources if source in known))


def _scopes(work: duckdb.DuckDBPyConnection, changed: bool, portion: int | None) -> Iterator[str]:
    """Predicates on the ledger `r` and its links `l` that split the subjects into slices of some `portion` records, perhaps a single one.

    Slices are ranges of the key and not of its hash, so that a library's files follow each other and a look-up opens one.
    """
    subject = "coalesce(l.subject_key, r.subject_key)"
    concerned = f"{subject} IN (FROM xt_changed)" if changed else f"{subject} IS NOT NULL"
    ledger = f"core.record WHERE subject_key {'IN (FROM xt_changed)' if changed else 'IS NOT NULL'}"
    records = count(work, ledger)
    slices = max(1, -(-records // (portion or _held_in_memory(work))))
    bounds: list[str] = []
    if slices > 1:
        keys = [
            key
            for (key,) in work.execute(
                f"SELECT subject_key FROM {ledger} AND hash(record_key) % {max(1, records // SAMPLED)} = 0"
                " ORDER BY subject_key"
            ).fetchall()
        ]
        bounds = sorted({keys[len(keys) * number // slices] for number in range(1, slices)}) if keys else []
    for low, high in pairwise([None, *bounds, None]):
        scope = [concerned]
        if low is not None:
            scope.append(f"{subject} >= {quote(low)}")
        if high is not None:
            scope.append(f"{subject} < {quote(high)}")
        yield " AND ".join(scope)


def _held_in_memory(work: duckdb.DuckDBPyConnection) -> int:
    """Records that DuckDB's memory holds at once."""
    row = work.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchone()
    assert row is not None
    return max(1, int(row[0]) // RECORD_BYTES)


def _result(tx: duckdb.DuckDBPyConnection, plans: Sequence[Plan], *, rebuilt: bool) -> IntegrateResult:
    conflicts = dict(tx.execute("SELECT library, count(*) FROM lib.conflict GROUP BY library").fetchall())
    return IntegrateResult(
        subjects={plan.library.id: count(tx, f'lib."{plan.library.id}"') for plan in plans},
        conflicts={plan.library.id: int(conflicts.get(plan.library.id, 0)) for plan in plans},
        identifiers=count(tx, "core.identity"),
        ambiguous=count(tx, "core.identity WHERE claimants > 1"),
        linked=count(tx, "core.link WHERE subject_key IS NOT NULL"),
        unlinked=count(tx, "core.link WHERE subject_key IS NULL"),
        household=count(tx, "core.record WHERE county_rule = 'household'"),
        rebuilt=rebuilt,
    )
