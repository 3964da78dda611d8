"""Writing raw.parquet: rows that Python had to touch go through one well-formed CSV, which DuckDB reads."""

from __future__ import annotations

import csv
import glob
import math
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from catalog.errors import UserError
from catalog.types.base_sql import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

EXTRA_COLUMNS = ("_malformed", "_line", "_sheet")
PREAMBLE = "preamble"
"""`_malformed` of title rows of a second sheet; they are ignored, not faulty."""
DELETED = "deleted"
"""`_malformed` of a record that its program has marked as deleted and not yet removed; ignored as well."""
HEADER_ROWS = 50
"""Among so many first records a header must stand."""
MAX_COLUMNS = 500
"""No item has a fifth of it; DuckDB refuses the statements for a thousand, and takes gigabytes for ten thousand."""
MAX_RECORD_BYTES = 1_500_000
"""As written to the CSV; DuckDB refuses lines over 2,000,000, and what is kept of a malformed record goes on top."""
MAX_LINE_SHOWN = 100_000
EXACT_DIGITS = 10**15
"""A binary number keeps 15 significant digits: a longer whole number has lost some."""
_CELL_SHOWN = 1000


@dataclass(frozen=True)
class RawTable:
    """What `read_raw` wrote: columns c0.. (VARCHAR), then `_malformed`, `_line`, `_sheet`.

    `notes` are Chinese remarks the office should see.
    """

    path: Path
    columns: int
    rows: int
    format: str
    encoding: str | None = None
    delimiter: str | None = None
    notes: tuple[str, ...] = ()
    template: str | None = None
    """The item's format that the file is of, where the reader had to know it; else the header tells."""


class _LfStream:
    """Ends with LF what the csv module ends with CRLF."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text[:-2] + "\n")


class RowWriter:
    """Rows of a fixed width as CSV that DuckDB's strict reader takes without doubt."""

    def __init__(self, stream: TextIO, columns: int) -> None:
        self._stream = stream
        # The csv module quotes a value for the characters of its own line ending only, and a bare CR must be
        # quoted too; DuckDB however misreads quoted breaks in CRLF files, so the ending becomes LF in
        # `_LfStream`.
        self._writer = csv.writer(_LfStream(stream), lineterminator="\r\n")
        self._columns = columns

    def row(
        self,
        cells: Sequence[str | None],
        *,
        malformed: str | None = None,
        line: str | None = None,
        sheet: str | None = None,
    ) -> None:
        """Write one record; missing cells become NULL, cells beyond the width are dropped.

        Of a record that is too long to be read, the first cell's beginning and the text's are kept.
        """
        kept = list(cells[: self._columns])
        if _too_long(kept):
            text = line if line is not None else ",".join(cell or "" for cell in kept)
            kept, malformed = [(kept[0] or "")[:_CELL_SHOWN] or None], malformed or "record_too_long"
            line = text
        line = line and line[:MAX_LINE_SHOWN]
        kept.extend([None] * (self._columns - len(kept)))
        self._writer.writerow([*kept, malformed, line, sheet])

    def rows(self, records: list[list[str]]) -> None:
        """Write records that are known to be of full width."""
        self._writer.writerows([*record, None, None, None] for record in records)


def _too_long(cells: Sequence[str | None]) -> bool:
    filled = [cell for cell in cells if cell]
    if sum(map(len, filled)) * 4 <= MAX_RECORD_BYTES:
        return False
    return sum(len(cell.encode()) + cell.count('"') for cell in filled) > MAX_RECORD_BYTES


def cell_number(value: float) -> str:
    """Give a binary number as text: whole ones without ".0", those that have lost digits as 1.3E+17."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= EXACT_DIGITS:
        mantissa, exponent = f"{value:.14E}".split("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    return str(int(value)) if value == int(value) else repr(value)


def check_width(columns: int, name: str) -> None:
    """Raises `UserError` for a table of more columns than any item could have; `name` is the file's."""
    if columns > MAX_COLUMNS:
        raise UserError(
            f"表有 {columns} 列，超过 {MAX_COLUMNS} 列",
            where=name,
            remedy="请删除表格右侧多余的列，只留模板中的列后重新报送",
        )


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """Give a temporary directory on the target's disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".raw-") as name:
        yield Path(name)


def path_literal(path: Path) -> str:
    """Give the path as an SQL literal that DuckDB does not take for a pattern."""
    return quote(glob.escape(str(path)))


def first_rows(
    path: Path, columns: int, connection: duckdb.DuckDBPyConnection, rows: int = HEADER_ROWS
) -> list[tuple[str | None, ...]]:
    """The first records of a raw.parquet, in its order: only `c0`.. of each."""
    names = ", ".join(f"c{i}" for i in range(columns))
    return connection.execute(
        f"SELECT {names} FROM read_parquet({path_literal(path)}, file_row_number = true)"
        f" WHERE file_row_number < {rows} ORDER BY file_row_number"
    ).fetchall()


def csv_to_parquet(
    source: Path,
    target: Path,
    connection: duckdb.DuckDBPyConnection,
    columns: int,
    *,
    delimiter: str = ",",
    extras_in_file: bool = True,
) -> int:
    """Copy an LF-ended CSV of constant width to Parquet in file order; give the number of rows.

    Raises:
        duckdb.Error: the file is not of that width throughout, or not UTF-8.
    """
    names = [f"c{i}" for i in range(columns)] + (list(EXTRA_COLUMNS) if extras_in_file else [])
    types = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}"
    extras = "" if extras_in_file else "".join(f", NULL::VARCHAR AS {name}" for name in EXTRA_COLUMNS)
    part = target.with_name(target.name + ".part")
    try:
        done = connection.execute(
            f"COPY (SELECT *{extras} FROM read_csv({path_literal(source)}, columns = {types},"
            f" auto_detect = false, header = false, delim = {quote(delimiter)},"
            " quote = '\"', escape = '\"', strict_mode = true, new_line = '\\n'))"
            f" TO {quote(str(part))} (FORMAT parquet, COMPRESSION snappy, PRESERVE_ORDER true)"
        ).fetchone()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return int(done[0]) if done else 0
