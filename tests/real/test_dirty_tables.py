"""Edge-case tables that others published: each reads as they say it should, or is refused with a reason.

docs/dirty-files.md lists every file; the list is held against what happens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from catalog.errors import UserError
from transforms.stage.read import read_raw
from warehouse.home import Resources
from warehouse.lake import connect

DOCUMENT = Path(__file__).parents[2] / "docs" / "dirty-files.md"
LISTED = re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
WRONG_ANSWERS = {"location_coordinates": {"Contact Phone Number": "2095257564"}}
"""What an answer states otherwise than its own file."""
Read = Callable[[Path], list[tuple[str | None, ...]]]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(Resources(1, "1GiB")) as opened:
        yield opened


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    """The records of a file, title and header included; malformed ones as None."""

    def run(path: Path) -> list[tuple[str | None, ...]]:
        raw = read_raw(path, tmp_path / "raw.parquet", connection)
        columns = ", ".join(f"c{i}" for i in range(raw.columns))
        return connection.execute(
            f"SELECT {columns} FROM read_parquet('{raw.path}', file_row_number = true)"
            " WHERE _malformed IS NULL ORDER BY file_row_number"
        ).fetchall()

    return run


@pytest.fixture(scope="module")
def folder(real: Path) -> Path:
    found = real / "dirty_tables"
    if not found.is_dir():
        pytest.skip("the published edge-case tables are not beside the checkout")
    return found


def test_csv_spectrum_equals_its_answers(folder: Path, read: Read) -> None:
    """As the suite states: header and records. Empty text and an absent value are one here; line ends inside a cell are LF."""
    files = sorted((folder / "csv-spectrum" / "csvs").glob("*.csv"))
    assert len(files) == 12
    for path in files:
        told: Any = json.loads((folder / "csv-spectrum" / "json" / f"{path.stem}.json").read_text("utf-8"))
        answers: list[dict[str, Any]] = told if isinstance(told, list) else [told]
        for answer in answers:
            answer |= WRONG_ANSWERS.get(path.stem, {})
        header, *rows = read(path)
        found = [dict(zip(header, (_plain(cell) for cell in row), strict=True)) for row in rows]
        assert found == [{k: _plain(v) for k, v in answer.items()} for answer in answers], path.name


def _plain(value: str | None) -> str:
    return (value or "").replace("\r\n", "\n")


def test_every_file_is_listed(folder: Path) -> None:
    names = {
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.is_file() and "json/" not in p.as_posix()
    }
    assert names == {name for name, _ in LISTED}


def outcome(path: Path, read: Read) -> str:
    """What the document says of a file: records and columns, or the refusal's first words."""
    try:
        rows = read(path)
    except UserError as error:
        return "拒收：" + error.what.split("（")[0]
    return f"读出 {len(rows)} 行 {len(rows[0]) if rows else 0} 列"


@pytest.mark.parametrize("name", [name for name, _ in LISTED])
def test_it_reads_or_is_refused_as_listed(name: str, folder: Path, read: Read) -> None:
    assert outcome(folder / name, read) == dict(LISTED)[name]
