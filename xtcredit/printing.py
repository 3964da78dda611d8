"""What commands print: results on standard output, as tables or for programs; all else on standard error."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)


def tell(line: str) -> None:
    """Say on standard error what is wrong, as it stands."""
    err.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def print_line(line: str, style: str | None = None) -> None:
    """Print a line of text as it stands, however long."""
    out.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


class Format(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"


@contextmanager
def progress(message: str) -> Iterator[None]:
    """Show on a terminal what is being done."""
    with err.status(message):
        yield


def _inert(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula, with the apostrophe that keeps it a text; numbers as they are."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def print_rows(columns: list[str], rows: list[tuple[Any, ...]], form: Format) -> None:
    """A table, CSV or a JSON list of objects."""
    if form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(tuple(map(_inert, row)) for row in rows)
    elif form is Format.json:
        print(
            json.dumps(
                [dict(zip(columns, row, strict=True)) for row in rows], ensure_ascii=False, default=str
            )
        )
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(Text(column), overflow="fold")  # a heading in brackets is no markup
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        out.print(table, markup=False)
