"""The rows as the lake keeps them: subject, county, stored values, keys; and the numbers behind their pseudonyms."""

from __future__ import annotations

from catalog.model import Item
from catalog.types import TYPES
from catalog.types.base_sql import quote
from quality.rules import RowRules, plain
from transforms.stage.county import county_sql
from transforms.stage.judge import CommonExpressions, judged_sql
from transforms.stage.keys import content_hash_sql, record_key_sql, subject_sql
from transforms.stage.value_tables import ValueTables
from warehouse.batch import Delivery
from warehouse.schema import LINEAGE

_VALID = "ignored IS NULL AND fault = 0"


def staged_sql(tables: ValueTables, rules: RowRules) -> str:
    """All rows, judged; what `valid_sql`, `identifier_sql` and the counts of a batch are read from, as `xt_staged`."""
    source = tables.source
    scope, item = source.scope, source.item
    common = CommonExpressions.of(tables)
    subject, identity = map(common.taken_from_columns, subject_sql(scope))
    county, county_rule, division = county_sql(scope)
    stored = [common.taken_from_columns(f"{source.stored(f)} AS {plain(f.name)}") for f in item.fields]
    private = [f"{plain(f.name)} AS {_number(f.name)}" for f in item.fields if TYPES[f.type].private]
    time = f"{plain(item.source_time)}::TIMESTAMP" if item.source_time else "NULL::TIMESTAMP"
    inner = f"""
            SELECT row_number, ignored, fault, flag, {subject} AS subject_key, {identity} AS identity_rule,
                {county} AS county_code, {county_rule} AS county_rule, {division} AS division_code,
                {time} AS source_time, {", ".join((*stored, *private))}
            FROM ({judged_sql(tables, rules, common)})"""
    return f"SELECT *, {record_key_sql(item)} AS record_key, {content_hash_sql(item)} AS content_hash FROM ({inner})"


def valid_sql(item: Item, delivery: Delivery) -> str:
    """The valid rows with the columns of `rec.<item>`."""
    given = {
        "batch_id": quote(delivery.batch_id),
        "period": quote(delivery.period),
        "delivery": quote(delivery.delivery),
    }
    names = [*(name for name, _, _ in LINEAGE), *(f.name for f in item.fields)]
    columns = ", ".join(f'{given[name]} AS "{name}"' if name in given else f'"{name}"' for name in names)
    return f"SELECT {columns} FROM xt_staged WHERE {_VALID}"


def identifier_sql(item: Item) -> str:
    """Every pseudonym of the valid rows with its number. Masked numbers, and those of organisations, are stored as they
    came: they stand for nobody.
    """
    pairs = [
        f"SELECT {plain(f.name)} AS pseudonym, {_number(f.name)} AS number FROM xt_staged"
        f" WHERE {_VALID} AND {plain(f.name)} <> {_number(f.name)}"
        for f in item.fields
        if TYPES[f.type].private
    ]
    return " UNION ".join(pairs) or "SELECT NULL::VARCHAR AS pseudonym, NULL::VARCHAR AS number WHERE FALSE"


def _number(name: str) -> str:
    """SQL name of a private field's plain value, which only the vault keeps."""
    return f'"p_{name}"'
