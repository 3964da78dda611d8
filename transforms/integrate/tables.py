"""Tables of the libraries: made from the catalog, remade only when their columns changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from catalog.types.base_sql import quote
from transforms.integrate.plan import Plan, column_comments
from warehouse.lake import Present
from warehouse.schema import Columns, apply_comments

Shape = tuple[str, dict[str, tuple[str, str]]]

FIXED: dict[str, Shape] = {
    "core.identity": (
        "机构标识对照：组织机构代码、注册号归于哪个统一社会信用代码",
        {
            "identifier": ("VARCHAR", "标识（org: 组织机构代码，reg: 注册号）"),
            "subject_key": ("VARCHAR", "所属主体（uscc:）；两个以上主体主张同一标识时为空，不作关联"),
            "claimants": ("BIGINT", "主张该标识的主体数"),
            "source_item": ("VARCHAR", "来源目录"),
        },
    ),
    "core.link": (
        "台账记录的主体归并：以组织机构代码或注册号报送的记录",
        {
            "item_id": ("VARCHAR", "目录标识"),
            "record_key": ("UUID", "记录键"),
            "subject_key": ("VARCHAR", "归并后的主体（uscc:）；空为不归并"),
            "rule": (
                "VARCHAR",
                "依据：org_code、registration_no；未归并：ambiguous 标识不唯一，unclaimed 无登记主体",
            ),
        },
    ),
    "lib.conflict": (
        "来源冲突：同一主体同一属性，不同来源取值不一致",
        {
            "library": ("VARCHAR", "库"),
            "subject_key": ("VARCHAR", "主体标识"),
            "attribute": ("VARCHAR", "属性"),
            "kept_value": ("VARCHAR", "采用的值"),
            "kept_source": ("VARCHAR", "采用的来源目录"),
            "other_value": ("VARCHAR", "另一来源的值"),
            "other_source": ("VARCHAR", "另一来源目录"),
        },
    ),
    "lib.member": (
        "各库的目录：member 有其中记录的主体入库，feed 的记录归该库而不因之入库",
        {
            "library": ("VARCHAR", "库"),
            "title": ("VARCHAR", "库名"),
            "kind": ("VARCHAR", "base 基础库；group 重点人群库；industry 重点行业库"),
            "subject": ("VARCHAR", "organisation 机构；person 自然人；any 机构或自然人"),
            "item_id": ("VARCHAR", "目录"),
            "role": ("VARCHAR", "member 有记录即入库；feed 有记录不因之入库"),
            "position": ("BIGINT", "次序"),
        },
    ),
    "lib.attribute": (
        "各库的属性与来源",
        {
            "library": ("VARCHAR", "库"),
            "attribute": ("VARCHAR", "属性"),
            "title": ("VARCHAR", "属性名称"),
            "item_id": ("VARCHAR", "来源目录"),
            "field": ("VARCHAR", "来源数据项"),
            "position": ("BIGINT", "取值次序，1 最优先"),
        },
    ),
}

SUBJECT_VIEW = "lib.subject"


def conflict_columns() -> str:
    """Columns of `lib.conflict` with their types, as they follow a table's name."""
    return _columns("lib.conflict", *FIXED["lib.conflict"]).typed_columns


def tables_differ(plans: Sequence[Plan], present: Present) -> bool:
    """Whether a table is missing or has other columns than it shall: `ensure_tables` makes it anew then, without content."""
    return any(_differs(table, present) for table in library_tables(plans))


def ensure_tables(tx: duckdb.DuckDBPyConnection, plans: Sequence[Plan], present: Present) -> None:
    """Bring `core.identity`, `core.link` and `lib.*`, as they are `present`, up to the catalog."""
    tables = library_tables(plans)
    for table in tables:
        if _differs(table, present):
            tx.execute(f"DROP TABLE IF EXISTS {table.qualified}")
            tx.execute(f"CREATE TABLE {table.definition}")
    apply_comments(tx, tables)
    wanted = {f"{table.schema}.{table.name}" for table in tables}
    for stale in sorted(name for name in present if name.startswith("lib.") and name not in wanted):
        tx.execute(f"DROP TABLE {_quoted(stale)}")
    _ensure_view(tx, plans)
    _describe(tx, plans)


def library_tables(plans: Sequence[Plan]) -> tuple[Columns, ...]:
    """All tables that integration makes, as they shall be: the fixed ones, then one per library."""
    fixed = (_columns(name, comment, columns) for name, (comment, columns) in FIXED.items())
    libraries = (
        _columns(
            plan.table,
            f"{plan.library.title}：每个主体一行（依据{plan.library.legal_basis}）",
            {name: (kind, column_comments(plan.library)[name]) for name, kind in plan.layout.items()},
        )
        for plan in plans
    )
    return (*fixed, *libraries)


def _columns(name: str, comment: str, columns: Mapping[str, tuple[str, str]]) -> Columns:
    schema, _, table = name.partition(".")
    shape = tuple((column, kind, text) for column, (kind, text) in columns.items())
    return Columns(schema, table, comment, shape)


def _differs(table: Columns, present: Present) -> bool:
    found = present.get(f"{table.schema}.{table.name}", {})
    return list(found.items()) != [(column, kind) for column, kind, _ in table.columns]


def _ensure_view(tx: duckdb.DuckDBPyConnection, plans: Sequence[Plan]) -> None:
    """`lib.subject`: the libraries a subject stands in. Remade only when that set changed."""
    parts = [
        f"SELECT {quote(plan.library.id)} AS library, subject_key, records, items, first_period, "
        f"last_period, county_code, conflict_count, sources FROM {_quoted(plan.table)}"
        for plan in plans
    ]
    fingerprint = f"主体所在的库（{'、'.join(plan.library.id for plan in plans)}）"
    found = tx.execute(
        "SELECT comment FROM duckdb_views() WHERE database_name = current_database() "
        "AND schema_name = 'lib' AND view_name = 'subject'"
    ).fetchone()
    if not parts or (found is not None and found[0] == fingerprint):
        return
    tx.execute(f"CREATE OR REPLACE VIEW {SUBJECT_VIEW} AS {' UNION ALL '.join(parts)}")
    tx.execute(f"COMMENT ON VIEW {SUBJECT_VIEW} IS {quote(fingerprint)}")


def _describe(tx: duckdb.DuckDBPyConnection, plans: Sequence[Plan]) -> None:
    """Fill `lib.member` and `lib.attribute`, from which the audit recomputes what belongs where."""
    members = [
        (
            plan.library.id,
            plan.library.title,
            plan.library.kind,
            plan.library.subject,
            item,
            "member" if item in plan.library.members else "feed",
            position,
        )
        for plan in plans
        for position, item in enumerate(plan.library.items, 1)
    ]
    attributes = [
        (plan.library.id, column.name, column.title, source.item, source.field, position)
        for plan in plans
        for column in plan.columns
        for position, source in enumerate(column.sources, 1)
    ]
    _replace(tx, "lib.member", members)
    _replace(tx, "lib.attribute", attributes)


def _replace(tx: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if sorted(tx.execute(f"FROM {table}").fetchall()) == sorted(rows):
        return
    tx.execute(f"DELETE FROM {table}")
    if rows:
        values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
        tx.execute(f"INSERT INTO {table} VALUES {values}")


def _literal(value: object) -> str:
    return quote(value) if isinstance(value, str) else str(value)


def _quoted(name: str) -> str:
    schema, _, table = name.partition(".")
    return f'{schema}."{table}"'
