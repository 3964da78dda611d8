"""Builds `core.identity`, `core.link` and `lib.*` from `core.record` and `rec.*`.

The result is a pure function of the ledger and the catalog: no clock, no order of loading, no open tie. It is worked out
under the writer's lock, into files that one short transaction then makes the lake's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
from transforms.integrate.slices import Slice, cut
from transforms.integrate.sql import count, literals, render
from transforms.integrate.tables import conflict_columns, ensure_tables, tables_differ
from warehouse.datafiles import NewFiles
from warehouse.lake import Lake, Present, present_tables
from warehouse.schema import ensure_schema

_IS_SUBJECT = {
    "person": "is_person",
    "organisation": "NOT is_person",
    "any": "true",
}


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
            changed = _work_out(files, plans, catalog, present, None if anew else message, portion)
        with transaction(message) as tx, files.removed_on_error():
            ensure_tables(tx, plans, present)
            libraries = ["lib.conflict", *(plan.qualified for plan in plans)]
            tx.execute(render("takeover.sql", libraries=libraries, changed=changed))
            files.add(tx)
            return _result(tx, plans, rebuilt=not changed)


def _work_out(
    files: NewFiles,
    plans: Sequence[Plan],
    catalog: Catalog,
    present: Present,
    since: str | None,
    portion: int | None,
) -> bool:
    """Write the rows of all tables: of what changed since the last commit with the message `since`, which is answered with
    True, else of everybody.
    """
    work = files.connection
    known = _record_columns(work, present)
    stated = list(claims(catalog))  # of a register without a record left, too: it had claims before
    changed = since is not None and find_changes(work, since, stated)
    items, apart = sorted(catalog.items), sorted(catalog.apart)
    work.execute(render("identity.sql", items=items, claims=stated, apart=apart, changed=changed))
    files.write("core.identity", "FROM xt_identity ORDER BY identifier")
    files.write("core.link", "FROM xt_link ORDER BY item_id, record_key")
    _drop(work, "xt_identity")
    _attribute_households(work, catalog, changed)
    work.execute(f"CREATE OR REPLACE TEMP TABLE xt_conflict ({conflict_columns()})")
    filled = [_limited(plan, known) for plan in plans]
    fields = _fields(column for plan in filled for column in plan.columns)
    days = {item: _day(catalog.items[item]) for item in fields}
    scratch = files.home.scratch()
    with tempfile.TemporaryDirectory(prefix="integrate-", dir=scratch) as folder:
        for part in cut(work, Path(folder), fields, days, changed=changed, portion=portion):
            here = {source for source in known if source.item in part.by_item}
            _build(files, [_limited(plan, here) for plan in filled], catalog, part)
    files.write("lib.conflict", "FROM xt_conflict")
    return changed


def _record_columns(work: duckdb.DuckDBPyConnection, present: Present) -> set[Source]:
    """Columns of `rec.*` that can hold a value: those of items with records in the ledger."""
    items = work.execute("SELECT DISTINCT item_id FROM core.record").fetchall()
    return {Source(item, field) for (item,) in items for field in present[f"rec.{item}"]}


def _attribute_households(work: duckdb.DuckDBPyConnection, catalog: Catalog, changed: bool) -> None:
    providers = [source.item for source in household_sources(catalog)]
    items = household_items(catalog)
    work.execute(render("household.sql", providers=providers, items=items, city=CITY, changed=changed))


def _build(files: NewFiles, plans: Sequence[Plan], catalog: Catalog, part: Slice) -> None:
    """Build all libraries for the subjects of a slice."""
    work = files.connection
    values = {
        item: part.by_item[item] for item in _fields(column for plan in plans for column in plan.columns)
    }
    footprints = {plan.footprint: _counted(plan.library, catalog) for plan in plans}
    work.execute(render("slice.sql", records=part.records, values=values, footprints=footprints))
    for plan in plans:
        if not part.by_item.keys() & set(plan.library.members):
            continue
        work.execute(
            render(
                "library.sql",
                library=plan.library.id,
                members=plan.library.members,
                columns=plan.columns,
                values=_fields(plan.columns),
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


def _fields(columns: Iterable[Column]) -> dict[str, list[str]]:
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


def _limited(plan: Plan, known: set[Source]) -> Plan:
    """The plan with columns from sources that there are."""
    return replace(
        plan,
        columns=tuple(
            replace(column, sources=tuple(source for source in column.sources if source in known))
            for column in plan.columns
        ),
    )


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
