"""One SELECT of an analyst on the lake, kept away from the numbers of persons.

What is refused is decided on the parsed statement, by what is allowed and not by what is forbidden: a table may be
reached by its name in an open schema only, never as a file of the lake's folder, through the lake's own catalog
(whose column statistics quote values), or through a function that takes a table's name as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from catalog.errors import UserError
from warehouse.lake import SCHEMAS, Lake

OPEN_SCHEMAS = (*(schema for schema in SCHEMAS if schema != "vault"), "information_schema")
_OPEN_FUNCTIONS = {"unnest", "range", "generate_series"}
_REMEDY = f"只用 {'、'.join(OPEN_SCHEMAS)} 各库中的表；按假名关联，不需要号码原文"
# A name with a dot or slash would be opened as a file; the engine's own views tell about every schema.
_BARE_NAME = re.compile(r"(?!duckdb_|pragma_|sqlite_)\w+", re.IGNORECASE)


def run_query(lake: Lake, statement: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """The columns and rows of one SELECT.

    `lake` is spent on it: its connection loses the macro behind the pseudonyms, which knows the key. Raises `UserError`
    for another kind of statement, for one that reaches beyond `OPEN_SCHEMAS`, and for one that DuckDB cannot run.
    """
    try:
        for node in _nodes(_parsed(lake, statement)):
            _refuse_closed(node)
        lake.execute("DROP MACRO IF EXISTS xt_pseudonym")
        lake.execute("SET python_enable_replacements = false")
        return lake.table(statement)
    except duckdb.Error as error:
        raise UserError(f"查询有误：{str(error).splitlines()[0]}", remedy="核对表名、列名与语法") from error


def _parsed(lake: Lake, statement: str) -> Any:
    found = duckdb.extract_statements(statement)
    if len(found) == 1 and found[0].type == duckdb.StatementType.SELECT:
        tree = json.loads(lake.scalar("SELECT json_serialize_sql(?)", [statement]))
        if not tree["error"]:
            return tree
    raise UserError("只接受一条查询语句（SELECT）", remedy="改写为一条 SELECT；PIVOT 须写明 IN 的各值")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)


def _refuse_closed(node: dict[str, Any]) -> None:
    match node.get("type"):
        case "BASE_TABLE":
            catalog, schema, table = (node[f"{part}_name"] for part in ("catalog", "schema", "table"))
            if catalog.lower() in ("", "lake") and schema.lower() in OPEN_SCHEMAS:
                return
            if not catalog and not schema and _BARE_NAME.fullmatch(table):  # a CTE, or no table at all
                return
            name = ".".join(filter(None, (catalog, schema, table)))
            what = "号码库（vault）不可查询" if schema.lower() == "vault" else f"“{name}”不可查询"
            raise UserError(what, remedy=_REMEDY)
        case "TABLE_FUNCTION":
            name = (node.get("function") or {}).get("function_name", "")
            if name.lower() not in _OPEN_FUNCTIONS:
                raise UserError(f"查询中不能用表函数“{name}”", remedy=_REMEDY)
        case "SHOW_REF" if not node.get("query"):
            raise UserError(
                "不能用 SHOW 查看", remedy="查 information_schema.tables 与 information_schema.columns"
            )
