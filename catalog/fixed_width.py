"""The layout of a fixed-width text file (定长文本): which field stands where in a record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Key
from pydantic import model_validator

from catalog.base import Model, Name


class Place(Model):
    """A part of a record: the first byte or character (counted from 1) and how many there are."""

    start: int = Key(ge=1)
    length: int = Key(ge=1)

    @property
    def end(self) -> int:
        """The last byte or character."""
        return self.start + self.length - 1


class FixedColumn(Place):
    """Where a field stands."""

    field: Name


class Control(Model):
    """A record before or behind the data: how it begins, and where it says how many records there are."""

    starts: str = Key(min_length=1)
    count: Place | None = None


class FixedWidth(Model):
    """Records of one width, one a line, without a header of titles."""

    unit: Literal["bytes", "characters"] = "bytes"
    """What `start` and `length` count; old systems count the bytes of their encoding, in which a Chinese character has two."""
    encoding: Literal["gb18030", "utf-8"] = "gb18030"
    columns: tuple[FixedColumn, ...] = Key(min_length=1)
    width: int | None = Key(None, ge=1)
    """Width of a whole record; None: it ends with the last column."""
    trimmed: bool = False
    """Whether the blanks at a record's end are cut off: then a short record is none that was cut."""
    header: Control | None = None
    trailer: Control | None = None

    @model_validator(mode="after")
    def _within(self) -> FixedWidth:
        if self.width is not None and self.width < max(column.end for column in self.columns):
            raise ValueError("width 小于最后一列的末位")
        return self

    @property
    def record(self) -> int:
        """Width of a whole record."""
        return self.width or max(column.end for column in self.columns)
