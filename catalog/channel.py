"""Where an item's data are fetched from: a department's front-end database, its file server, its web service.

A source names a connection; address and password belong to the connection, never to the catalog. The file that
`extract` lands from a source has the headings of the item's format, so that the rest of the way is that of any file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field as Key
from pydantic import field_validator, model_validator

from catalog.base import Model, Name, Values

OPERATION = "_operation"
"""Heading of the column that says what a row does to its record: I, U, or D (the department withdrew it)."""
SOURCE_ID = "_source_id"
"""Heading of the column with the row's number at its source, for receipts."""
WITHDRAWN = "D"

_TABLE = r"^[^\W\d][\w$#]*(\.[^\W\d][\w$#]*)?$"
Table = Annotated[str, Key(pattern=_TABLE)]
Column = Annotated[str, Key(pattern=r"^[^\W\d][\w$#]*$")]


class Watermark(Model):
    """The column that says when a row was last written; a pull takes the rows whose value lies in its period.

    `kind` `text` compares texts written by `format` (strftime), such as 20211028154247.
    """

    column: Column
    kind: Literal["timestamp", "date", "text"] = "timestamp"
    format: str = "%Y-%m-%d %H:%M:%S"

    @field_validator("format")
    @classmethod
    def _keeps_order(cls, value: str) -> str:
        texts = [
            datetime(*when).strftime(value)  # noqa: DTZ001 - a form of writing, no instant
            for when in ((2019, 9, 30), (2019, 10, 2), (2020, 1, 1))
        ]
        if texts != sorted(set(texts)):
            raise ValueError("此写法的先后与时间的先后不一致，须从年到日写全")
        return value


class Operation(Model):
    """The column with the row's operation flag, and the values by which the department withdraws a row."""

    column: Column
    withdrawn: Values = (WITHDRAWN,)


class Receipt(Model):
    """The table into which the outcome of every row is written back, where the department grants it; `id` is the row's number."""

    table: Table
    id: Column


class Origin(Model):
    """What all sources state: a name of their own within the item, the connection, and whose data they hold."""

    id: Name
    connection: Name
    department: str | None = None
    """Whose data it is; None: the item's department."""
    division: str | None = None
    """The division whose department it is, six digits."""


class DatabaseSource(Origin):
    """A table or view of a front-end database (前置库)."""

    kind: Literal["database"]
    table: Table
    columns: dict[Name, Column]
    """Column of each field. Nothing else is read, so that what must not be collected never leaves the department."""
    format: str | None = None
    """The format whose code lists the table follows; None: the item's own."""
    filter: dict[Column, Values] = Key({})
    """Values a column must have; the department's server leaves the other rows out."""
    watermark: Watermark | None = None
    """None: every pull is a full snapshot."""
    order_by: Values = ()
    operation: Operation | None = None
    receipt: Receipt | None = None

    @model_validator(mode="after")
    def _some_column(self) -> DatabaseSource:
        if not self.columns:
            raise ValueError("columns 须写明至少一项的列")
        return self


class FolderSource(Origin):
    """A folder of a file server: `folder` (mounted), `sftp` or `s3`; files are named by the convention of the inbox.

    `path` may hold `{period}`. With `marker`, a file is taken only once its `.ok` is there; without, once it has not
    changed for `settle` seconds (objects of S3 appear whole).
    """

    kind: Literal["folder", "sftp", "s3"]
    path: str = ""
    marker: bool = False
    settle: int = Key(60, ge=0)


class HttpSource(Origin):
    """A paged REST service that answers JSON. `parameters` may hold `{start}`, `{end}` (the day after the last) and `{period}`.

    A page is asked for by `page` and `size`; the records stand at `records`, as keys with dots between them. The service
    ends with a page of fewer than `page_size` records.
    """

    kind: Literal["http"]
    path: str
    parameters: dict[str, str] = Key({})
    page: str = "page"
    size: str = "size"
    page_size: int = Key(500, ge=1)
    first_page: int = 1
    records: str = "data"
    total: str | None = None
    """Where the answer says how many records there are in all; the pull must end with as many."""
    token: str = "Authorization"
    """The header that carries the connection's password, after `Bearer ` where it is Authorization."""


Source = Annotated[DatabaseSource | FolderSource | HttpSource, Key(discriminator="kind")]
