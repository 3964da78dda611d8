"""Monthly returns (报送情况月报表): how many records each provider says it produced; none is a zero report (零报告).

A return lists items and numbers. It is what tells "nothing happened" from "nothing was sent" (domain notes 4.6, 6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.period import Period
from catalog.personal import redact
from catalog.types.base_sql import quote
from transforms.extract.admission import expect_provider
from transforms.extract.drop import MonthlyReturn, day_named
from transforms.stage.header import Template, ignore_reason_sql, recognise
from transforms.stage.rawfile import first_rows
from transforms.stage.read import read_raw
from warehouse.commits import DECLARE
from warehouse.home import Home
from warehouse.lake import Lake, connect

TEMPLATE = Template(
    name="return",
    title="报送情况月报表",
    headers={
        "目录": "item",
        "目录编号": "item",
        "目录名称": "title",
        "产生数": "produced",
        "本期产生数": "produced",
        "说明": "note",
    },
    ignored=frozenset(("序号", "单位", "填报单位")),
    required=frozenset(("produced",)),
)


@dataclass(frozen=True)
class Declaration:
    """What one provider says of one item: `produced` records in the period."""

    division: str
    department: str
    item_id: str
    produced: int
    note: str | None
    source: MonthlyReturn


@contextmanager
def returns_reader(catalog: Catalog, home: Home) -> Iterator[Callable[[MonthlyReturn], list[Declaration]]]:
    """Gives a function that reads landed returns, one after the other: a month has hundreds of them, each a few rows."""
    names = [(name, i.id) for i in catalog.items.values() for name in (i.id, i.code, i.title)]
    with connect(temporary=home.scratch()) as connection:
        connection.register(
            "item_name", pa.table({"name": [n for n, _ in names], "item_id": [i for _, i in names]})
        )
        yield lambda delivered: _read_return(connection, delivered, catalog, home)


def _read_return(
    connection: duckdb.DuckDBPyConnection, delivered: MonthlyReturn, catalog: Catalog, home: Home
) -> list[Declaration]:
    """The declarations of one landed return.

    Raises `UserError` for an unknown department, division, day, item or number, or an item named twice, with its line.
    """
    where = delivered.path.name
    expect_provider(delivered.department, delivered.division, catalog, where=where)
    day_named(where)
    scratch = home.scratch() / f"return-{delivered.sha256[:12]}.parquet"
    try:
        rows = _rows(connection, delivered.path, scratch)
    finally:
        scratch.unlink(missing_ok=True)
    found: dict[str, Declaration] = {}
    for line, named, item_id, produced, note in rows:
        at = f"{where} 第{line}行"
        if item_id is None:
            raise UserError(f"目录“{named or ''}”不存在", where=at, remedy="写目录编号（XT001）、标识或全称")
        if produced is None:
            raise UserError("产生数不是0或正整数", where=at, remedy="没有产生的写0")
        if item_id in found:
            raise UserError(f"目录“{named}”写了两次", where=at, remedy="合并为一行")
        text = redact(note) if note else None
        found[item_id] = Declaration(
            delivered.division, delivered.department, item_id, produced, text, delivered
        )
    return list(found.values())


def _rows(
    connection: duckdb.DuckDBPyConnection, source: Path, scratch: Path
) -> list[tuple[int, str | None, str | None, int | None, str | None]]:
    """Line, item as written, its id, number and note of each row that is one."""
    raw = read_raw(source, scratch, connection)
    table = f"read_parquet({quote(str(scratch))}, file_row_number = true)"
    layout = recognise(first_rows(scratch, raw.columns, connection), [TEMPLATE], where=source.name)
    cell = {name: f"nullif(trim(c{index}), '')" for name, index in layout.columns.items()}
    if not (naming := [cell[name] for name in ("item", "title") if name in cell]):
        raise UserError(
            "没有“目录编号”或“目录名称”列",
            where=f"{source.name} 第{layout.header_row + 1}行",
            remedy="补上其中一列",
        )
    return connection.execute(
        f"""
        SELECT line, written, item_id, produced, note FROM (
            SELECT file_row_number + 1 AS line, coalesce({", ".join(naming)}) AS written, {cell.get("note", "NULL")} AS note,
                try_cast(nullif(regexp_extract(trim(c{layout.columns["produced"]}), '^[0-9]{{1,9}}(\\.0+)?$'), '') AS DOUBLE)::BIGINT AS produced
            FROM {table}
            WHERE file_row_number > {layout.header_row} AND {ignore_reason_sql(layout, raw.columns)} IS NULL
        ) LEFT JOIN item_name ON name = upper(written) OR name = written
        ORDER BY line"""
    ).fetchall()


def replace_declarations(lake: Lake, period: Period, declarations: Sequence[Declaration]) -> int:
    """Make the period's declarations those given, the latest of each provider and item; how many."""
    latest = {(d.division, d.department, d.item_id): d for d in declarations}
    columns = {
        "period": [str(period)] * len(latest),
        "division": [d.division for d in latest.values()],
        "department": [d.department for d in latest.values()],
        "item_id": [d.item_id for d in latest.values()],
        "produced": [d.produced for d in latest.values()],
        "note": pa.array([d.note for d in latest.values()], pa.string()),
        "declared_on": [d.source.day for d in latest.values()],
        "source_file": [d.source.path.name for d in latest.values()],
        "sha256": [d.source.sha256 for d in latest.values()],
    }
    with lake.transaction(f"{DECLARE}{period}") as tx:
        tx.execute("DELETE FROM ops.declaration WHERE period = ?", [str(period)])
        if latest:
            tx.register("declarations", pa.table(columns))
            tx.execute("INSERT INTO ops.declaration BY NAME FROM declarations")
            tx.unregister("declarations")
    return len(latest)
