"""The words of quarantine and issues, for the few rows that need them: what is wrong or was repaired, and the row itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from catalog.model import Item
from catalog.types import TYPES
from catalog.types.base_sql import quote
from quality.rules import RowRules, plain, repaired, text
from transforms.stage.cells import Source
from transforms.stage.keys import key_given_sql
from transforms.stage.normalise import normalised_sql
from transforms.stage.value_tables import ValueTables


@dataclass(frozen=True)
class _Remark:
    """What is said of a row when `when` (SQL) holds: the value before (and after), as SQL."""

    when: str
    field: str
    rule: str
    message: str
    before: str
    after: str = "NULL::VARCHAR"
    level: str = ""


def look_again(connection: duckdb.DuckDBPyConnection, tables: ValueTables) -> None:
    """`xt_suspect`: the plain rows of the faulty and the flagged, worked out once for all that is said of them."""
    wanted = "SELECT row_number FROM xt_staged WHERE (fault > 0 OR flag) AND ignored IS NULL"
    key_given = key_given_sql(tables.source.item, "plain")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE xt_suspect AS SELECT plain.*, fault > 0 AS faulty, CASE WHEN {key_given} THEN record_key END AS key"
        f" FROM ({normalised_sql(tables.source, tables, wanted)}) plain JOIN xt_staged USING (row_number)"
    )


def quarantine_sql(source: Source, rules: RowRules) -> str:
    """One row per quarantined row: its first fault, all faults, the original row with personal numbers hidden."""
    remarks = [_Remark(r.when, r.field, r.rule, r.message, r.value, level=r.level) for r in rules.rejecting]
    clear, hidden = _row_json(source)
    return f"""
            SELECT judged.row_number, faults[1].level AS level, faults[1].field AS field, faults[1].rule AS rule,
                faults[1].before AS value, faults[1].message AS message,
                to_json(list_transform(faults, f -> {{'field': f.field, 'rule': f.rule, 'value': f.before, 'message': f.message}}))::VARCHAR AS faults,
                original.raw, original.clear, key AS record_key, sheet, sheet_row
            FROM (
                SELECT row_number, list(remark ORDER BY place) AS faults
                FROM ({_remarks_sql(source.item, remarks, "faulty")}) GROUP BY row_number
            ) judged
            JOIN (SELECT row_number, key, {hidden} AS raw, {clear} AS clear FROM xt_suspect WHERE faulty) original
                USING (row_number)
            LEFT JOIN ({_sheets_sql(source)}) USING (row_number)"""


def _sheets_sql(source: Source) -> str:
    """`row_number`, `sheet`, `sheet_row` of the lines of a file of several sheets, or of a packed one of several files."""
    return f"""
                SELECT file_row_number + 1 AS row_number, _sheet AS sheet, file_row_number - first + 1 AS sheet_row
                FROM {source.lines}
                JOIN (SELECT _sheet, min(file_row_number) AS first FROM {source.lines} WHERE _sheet IS NOT NULL GROUP BY _sheet QUALIFY count(*) OVER () > 1)
                    USING (_sheet)"""


def issue_sql(item: Item, rules: RowRules) -> str:
    """One row per warning or repair of a valid row."""
    remarks = [_Remark(r.when, r.field, r.rule, r.message, r.value) for r in rules.warnings] + [
        _Remark(
            repaired(name, repair),
            name,
            repair.rule,
            repair.message,
            text(name),
            f"{plain(name)}::VARCHAR",
        )
        for name, repair in rules.repairs
    ]
    return f"""
            SELECT row_number, remark.field, remark.rule, remark.before, remark.after, remark.message
            FROM ({_remarks_sql(item, remarks, "NOT faulty")})
            ORDER BY row_number, remark.field, remark.rule"""


def _remarks_sql(item: Item, remarks: Sequence[_Remark], which: str) -> str:
    """`row_number`, `place`, `remark` of every remark that holds of the suspect rows.

    What is to be shown stands once per row and not once per remark: a statement's parts cost time even if no row needs them.
    """
    shown = list(dict.fromkeys(["NULL::VARCHAR", *(v for r in remarks for v in (r.before, r.after))]))
    facts = ", ".join(
        f"({place}, {quote(r.field)}, {quote(r.rule)}, {quote(r.level)}, {quote(r.message)},"
        f" {shown.index(r.before) + 1}, {shown.index(r.after) + 1}, {_is_private(item, r.field)})"
        for place, r in enumerate(remarks)
    )
    holding = ", ".join(f"CASE WHEN {r.when} THEN {place} END" for place, r in enumerate(remarks))

    def hidden(at: str) -> str:
        return f"CASE WHEN private THEN xt_hide_id(shown[{at}]) ELSE xt_hide(shown[{at}]) END"

    return f"""
            SELECT row_number, place, {{'field': field, 'rule': rule, 'level': level, 'message': message,
                'before': {hidden("before_at")}, 'after': {hidden("after_at")}}} AS remark
            FROM (
                SELECT row_number, unnest(list_filter([{holding or "NULL"}], place -> place IS NOT NULL)) AS place,
                    [{", ".join(shown)}] AS shown
                FROM xt_suspect WHERE {which}
            )
            JOIN (VALUES {facts or "(0, '', '', '', '', 1, 1, FALSE)"})
                fact(place, field, rule, level, message, before_at, after_at, private) USING (place)"""


def _is_private(item: Item, field: str) -> bool:
    return bool(field) and TYPES[item.field(field).type].private


def _row_json(source: Source) -> tuple[str, str]:
    """The row as delivered, as a JSON object header -> text: once in clear, once with personal numbers hidden."""
    layout, width = source.layout, source.raw.columns
    private = {layout.columns.get(f.name) for f in source.item.fields if TYPES[f.type].private}
    titles = [
        (i, (layout.header[i] if i < len(layout.header) else None) or f"第{i + 1}列")
        for i in range(width)
        if i not in layout.banned
    ]
    clear = ", ".join(f"{quote(title)}, c{i}" for i, title in titles)
    hidden = ", ".join(
        f"{quote(title)}, {f'xt_hide_id(c{i})' if i in private else f'xt_hide(c{i})'}" for i, title in titles
    )
    return (
        f"CASE WHEN _line IS NOT NULL THEN to_json(_line)::VARCHAR ELSE json_object({clear})::VARCHAR END",
        f"CASE WHEN _line IS NOT NULL THEN to_json(xt_hide(_line))::VARCHAR ELSE json_object({hidden})::VARCHAR END",
    )
