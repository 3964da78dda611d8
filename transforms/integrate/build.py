"""Builds `core.identity`, `core.link` and `lib.*` from `core.record` and `rec.*`, all in one transaction.

The result is a pure function of the ledger and the catalog: no clock, no order of loading, no open tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from catalog.divisions import CITY
from catalog.library import Library
from catalog.loader import Catalog
from catalog.model import Item, NotAfterPeriod
from catalog.types import TYPES
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
from transforms.integrate.tables import ensure_tables
from warehouse.lake import Lake
from warehouse.schema import ensure_schema

_IS_SUBJECT = {
    "person": "starts_with(subject_key, 'person:')",
    "organisation": "NOT starts_with(subject_key, 'person:')",
    "any": "subject_key IS NOT NULL",
}
PORTION = 2_000_000
"""Records of a library's members handled at once: more go in portions of subjects, to bound memory."""


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
    lake: Lake, catalog: Catalog, *, portion: int = PORTION, rebuild: bool = False
) -> IntegrateResult:
    """Bring identities, links, household attribution and every library up to the ledger, in one lake transaction.

    Only subjects that loads touched since the last time are built anew, where that can be told and pays; with `rebuild`
    everybody. What comes out is the same.

    Tables: `core.identity`, `core.link`, `lib.<library>`, `lib.conflict`, `lib.member`, `lib.attribute`
    and the view `lib.subject`; `county_code` and `county_rule` of `core.record` where the household register
    decides. `portion` bounds the records handled at once and does not change the result.

    Source: design, sections 2 to 4; domain notes 6.1 (linking by priority, never by name) and 6.5.

    Raises:
        UserError: A library names an item, field or type that it cannot use.
    """
    plans = [resolve(catalog, library) for _, library in sorted(catalog.libraries.items())]
    ensure_schema(lake, catalog)
    message = commit_message(catalog)
    with lake.transaction(message) as tx:
        known = _record_columns(tx)
        stated = [claim for claim in claims(catalog) if Source(claim.item, claim.field) in known]
        made = ensure_tables(tx, plans)
        changed = not made and not rebuild and find_changes(tx, message, stated)
        tx.execute(render("identity.sql", claims=stated, apart=sorted(catalog.apart), changed=changed))
        _attribute_households(tx, catalog, changed)
        kind = _resolve_ledger(tx, changed)
        for table in ("lib.conflict", *(plan.qualified for plan in plans)):
            tx.execute(f"DELETE FROM {table}{' WHERE subject_key IN (FROM xt_changed)' if changed else ''}")
        for plan in plans:
            _build(tx, plan, catalog, known, portion, "xt_record" if kind == "TABLE" else "core.record")
        tx.execute(f"DROP {kind} xt_record")
        return _result(tx, plans, rebuilt=not changed)


def _record_columns(tx: duckdb.DuckDBPyConnection) -> set[Source]:
    """Columns of `rec.*` that can hold a value: those of items with records in the ledger."""
    rows = tx.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "SEMI JOIN (SELECT DISTINCT item_id FROM core.record) ON item_id = table_name "
        "WHERE database_name = current_database() AND schema_name = 'rec'"
    ).fetchall()
    return {Source(item, field) for item, field in rows}


def _resolve_ledger(tx: duckdb.DuckDBPyConnection, changed: bool) -> str:
    """Make `xt_record`, what the libraries are built from: the ledger, each record under the subject it was resolved to.

    Of a changed ledger only the subjects that changed. A small one is copied once: every look at a table of the lake costs its catalog some 20 ms, and there are hundreds.
    """
    kind = "TABLE" if changed or count(tx, "core.record") <= PORTION else "VIEW"
    tx.execute(
        f"CREATE OR REPLACE TEMP {kind} xt_record AS "
        "SELECT r.item_id, r.record_key, r.batch_id, r.row_number, r.first_period, r.last_period, r.county_code, "
        "coalesce(l.subject_key, r.subject_key) AS subject_key "
        "FROM core.record r LEFT JOIN core.link l ON l.item_id = r.item_id AND l.record_key = r.record_key"
        + (" WHERE coalesce(l.subject_key, r.subject_key) IN (FROM xt_changed)" if changed else "")
    )
    return kind


def _attribute_households(tx: duckdb.DuckDBPyConnection, catalog: Catalog, changed: bool) -> None:
    providers = [source.item for source in household_sources(catalog)]
    items = household_items(catalog)
    tx.execute(render("household.sql", providers=providers, items=items, city=CITY, changed=changed))


def _build(
    tx: duckdb.DuckDBPyConnection,
    plan: Plan,
    catalog: Catalog,
    known: set[Source],
    portion: int,
    counted: str,
) -> None:
    """Build one library; `counted`: the table that has as many records as `xt_record`, which may be a view over a join."""
    columns = [_present(column, known) for column in plan.columns]
    values: dict[str, list[str]] = {}
    for source in dict.fromkeys(source for column in columns for source in column.sources):
        values.setdefault(source.item, []).append(source.field)
    if not any(source.item in plan.library.members for source in known):
        return  # no record of any member
    for scope in _scopes(tx, plan, portion, counted):
        tx.execute(
            render(
                "library.sql",
                library=plan.library.id,
                members=plan.library.members,
                columns=columns,
                values=values,
                days={item: _day(catalog.items[item]) for item in values},
                is_subject=_IS_SUBJECT[plan.library.subject],
                ours=_ours(plan.library, catalog),
                scope=scope,
                city=CITY,
            )
        )


def _day(item: Item) -> str:
    """SQL for the day by which the later of two records that came in one period is told: the first date that may not lie in
    the future, which is when what the record tells of happened; else a year.
    """
    dated = [rule.field for rule in item.rules if isinstance(rule, NotAfterPeriod)]
    years = [field.name for field in item.fields if TYPES[field.type].storage == "INTEGER"]
    if dated:
        return f"coalesce(v.\"{dated[0]}\", DATE '0001-01-01')"
    return f'coalesce(v."{years[0]}", 0)' if years else "NULL"


def _ours(library: Library, catalog: Catalog) -> str:
    """Predicate for the records a library counts: an opt-in library's own, elsewhere all but those of such libraries."""
    if library.opt_in:
        return f"item_id IN ({literals(library.items)})"
    return f"item_id NOT IN ({literals(sorted(catalog.apart))})" if catalog.apart else "true"


def _present(column: Column, known: set[Source]) -> Column:
    return replace(column, sources=tuple(source for source in column.sources if source in known))


def _scopes(tx: duckdb.DuckDBPyConnection, plan: Plan, portion: int, counted: str) -> Iterator[str]:
    """Predicates on `subject_key` that split the library's subjects into portions, perhaps a single one."""
    members = literals(plan.library.members)
    portions = max(1, -(-count(tx, f"{counted} WHERE item_id IN ({members})") // portion))
    for number in range(portions):
        yield "true" if portions == 1 else f"hash(subject_key) % {portions} = {number}"


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
