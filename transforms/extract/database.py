"""A department's front-end database (前置库) to a landed Parquet file, streamed.

PostgreSQL sends its own COPY, which is read as it comes; every other engine is read through SQLAlchemy's server-side
cursor. Each column lands as text, and an empty text stays apart from NULL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from sqlalchemy.dialects import postgresql

from catalog.channel import OPERATION, SOURCE_ID, WITHDRAWN, DatabaseSource, Watermark
from catalog.errors import UserError
from catalog.headers import headings
from catalog.model import Item
from catalog.period import Period
from transforms.extract.connection import Endpoint, Patience, unreachable
from transforms.extract.landing import being_pulled, interval, land_pulled
from warehouse.home import Home

BLOCK = 4 << 20
"""Bytes of COPY's text that are taken at a time."""
ROWS = 20_000
"""Rows that a cursor gives at a time."""
_WRITTEN = "U"
"""The operation of a row that was not withdrawn: inserted or updated, which the ledger finds out itself."""
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "oracle": "oracle+oracledb",
    "mssql": "mssql+pyodbc",
}
# What each engine needs to be told once per connection: China's time for its instants, and that nothing is written.
_PULL_SESSION = {
    "postgresql": (
        "SET TIME ZONE 'Asia/Shanghai'",
        "SET datestyle = 'ISO'",
        "SET default_transaction_read_only = on",
        # The order of the rows must not depend on who else is reading.
        "SET synchronize_seqscans = off",
        "SET max_parallel_workers_per_gather = 0",
    ),
    "mysql": ("SET time_zone = '+08:00'", "SET SESSION TRANSACTION READ ONLY"),
}
_PASSING_MYSQL = {0, 1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2014, 2055}
_PASSING_STATES = ("08", "40", "53", "57P", "55P03")


def pull(
    source: DatabaseSource,
    item: Item,
    period: Period,
    home: Home,
    uri: str,
    *,
    patience: Patience | None = None,
) -> Path | None:
    """Land the source's rows of the period; the manifest's path, None when there is none.

    With a watermark these are the rows last written within the period (in China's time), without it all rows. A server
    that breaks off is asked again from the beginning. Raises `PassingError` when it does not come back, `UserError` when
    it refuses or does not know a table or column.
    """
    endpoint = Endpoint.parse(source.connection, uri)
    engine = make_engine(endpoint, uri, _PULL_SESSION)
    names = [column.name for column in _statement(source, item, period).selected_columns]
    schema = pa.schema([(name, pa.string()) for name in names])
    try:
        with being_pulled(source, item, period, home) as path:
            for attempt in (patience or Patience()).retrying():
                with attempt, told(endpoint, source.table):
                    rows = 0
                    # Every attempt begins a new file: rows of two snapshots must not stand in one.
                    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
                        for batch in _batches(engine, _statement(source, item, period), schema):
                            writer.write_batch(batch)
                            rows += batch.num_rows
            if rows == 0:
                return None
            return land_pulled(path, f"{source.connection}.{source.table}.parquet", source, item, period)
    finally:
        engine.dispose()


def make_engine(endpoint: Endpoint, uri: str, session: dict[str, tuple[str, ...]] | None = None) -> sa.Engine:
    """An engine for a connection's URI, Airflow's short names of engines included; `session` is said at connecting.

    Raises `UserError` when the URI cannot be read or the engine's driver is not installed.
    """
    try:
        url = sa.make_url(uri)
        dialect, _, driver = url.drivername.partition("+")
        url = url.set(drivername=url.drivername if driver else _DRIVERS.get(dialect, dialect))
        if url.get_backend_name() == "mysql" and "charset" not in url.query:
            url = url.update_query_dict({"charset": "utf8mb4"})
        engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    except sa.exc.ArgumentError as error:
        raise UserError(
            "来源连接的写法有误", where=endpoint.name, remedy="写法见 docs/sources.md 的“数据库”"
        ) from error
    except ImportError as error:
        raise UserError(
            f"没有安装数据库驱动（{error.name}）", where=endpoint.name, remedy=f"pip install {error.name}"
        ) from error

    if session:

        @sa.event.listens_for(engine, "connect")
        def _say(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:
                for statement in session.get(engine.dialect.name, ()):
                    cursor.execute(statement)
            connection.commit()

    return engine


def _statement(source: DatabaseSource, item: Item, period: Period) -> sa.Select[Any]:
    """What is asked of the server: the fields' columns under the format's headings, filtered there."""
    fmt = item.format(source.format) if source.format else None
    chosen: list[sa.ColumnElement[Any]] = [
        sa.column(column).label(headings(item.field(name), fmt)[0]) for name, column in source.columns.items()
    ]
    if source.operation:
        withdrawn = sa.column(source.operation.column).in_(source.operation.withdrawn)
        chosen.append(sa.case((withdrawn, WITHDRAWN), else_=_WRITTEN).label(OPERATION))
    if source.receipt:
        chosen.append(sa.column(source.receipt.id).label(SOURCE_ID))
    statement = sa.select(*chosen).select_from(table_named(source.table))
    for column, values in source.filter.items():
        statement = statement.where(sa.column(column).in_(values))
    order = list(source.order_by)
    if source.watermark:
        first, end = (_mark(source.watermark, day) for day in interval(item, period))
        mark: sa.ColumnClause[Any] = sa.column(source.watermark.column)
        statement = statement.where(mark >= first, mark < end)
        order = order or [source.watermark.column]
    return statement.order_by(*map(sa.column, order))


def table_named(name: str, *columns: str) -> sa.TableClause:
    """A table by its name in the catalog, `schema.table` or `table`."""
    schema, _, table = name.rpartition(".")
    return sa.table(table, *map(sa.column, columns), schema=schema or None)


def _mark(watermark: Watermark, day: date) -> str | date:
    """Midnight of a day as the watermark's column has it."""
    midnight = datetime.combine(day, time())
    if watermark.kind == "text":
        return midnight.strftime(watermark.format)
    return day if watermark.kind == "date" else midnight


def _batches(engine: sa.Engine, statement: sa.Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            yield from _copied(connection, statement, schema)
            return
        streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS)
        for rows in streamed.execute(statement).partitions(ROWS):
            yield pa.RecordBatch.from_arrays(
                [_texts(values) for values in zip(*rows, strict=True)], schema=schema
            )


def _texts(values: Sequence[object]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: object) -> str:
    """A value as PostgreSQL would write it."""
    if isinstance(value, bytes):
        raise UserError("列中是二进制数据", remedy="让提供单位在视图中转换为文字，或从 columns 中删去")
    if isinstance(value, bool):
        return "t" if value else "f"
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)  # a Decimal without exponent


def _copied(
    connection: sa.Connection, statement: sa.Select[Any], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    # COPY takes no parameters: the values, all from the catalog, are written into it by SQLAlchemy. With another
    # parameter style it would double each percent sign.
    query = statement.compile(
        dialect=postgresql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')") as copy,
    ):
        stream = _CopyStream(copy)
        if stream.empty():
            return
        reader = arrow_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=arrow_csv.ReadOptions(
                column_names=schema.names, block_size=BLOCK, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        yield from reader


class _CopyStream:
    """COPY's rows as a file that gives exactly as many bytes as it is asked for: the same blocks at every repetition."""

    def __init__(self, copy: Any) -> None:
        self._rows: Iterator[bytes] = iter(copy)
        self._left = bytes(next(self._rows, b""))
        self.closed = False

    def empty(self) -> bool:
        """Whether not one row came."""
        return not self._left

    def read(self, size: int) -> bytes:
        # One growing buffer: kept apart, each row would keep the memory libpq gave for it.
        found = bytearray(self._left)
        if len(found) < size:
            for row in self._rows:
                found += row
                if len(found) >= size:
                    break
        self._left = bytes(found[size:])
        del found[size:]
        return bytes(found)

    def close(self) -> None:
        self.closed = True


@contextmanager
def told(endpoint: Endpoint, table: str) -> Iterator[None]:
    """Turn a driver's error into one for the user; no password is in it."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error, pa.ArrowException) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
        reason = " ".join(str(cause).split())
        if passing(error):
            raise unreachable(endpoint, reason) from error
        raise UserError(
            f"来源数据库不能读写（{endpoint.hide(reason)}）",
            where=f"{endpoint.name} 的 {table}",
            remedy="核对目录中的表名、列名与连接的用户和权限",
        ) from error


def passing(error: BaseException) -> bool:
    """Whether a database's error is one that ends by itself: it is down, restarting, full, or in a deadlock."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return True
    if not any(c.__name__ in ("OperationalError", "InterfaceError") for c in type(cause).__mro__):
        return False
    if cause is not None and cause.args and isinstance(cause.args[0], int):
        return cause.args[0] in _PASSING_MYSQL
    if (state := getattr(cause, "sqlstate", None)) is not None:
        return str(state).startswith(_PASSING_STATES)
    return "authentication" not in str(cause) and "does not exist" not in str(cause)
