"""A city of any number of rows for the benchmark: CSV deliveries of twelve items over twelve months, made once and kept.

The catalog's own generator writes the templates, a month of clean rows of each item. DuckDB makes the year of them: row `n`
of an item is a template row with an identifier, a document number and a record of its own, so that what is said of a row by
its codes' check digits, dates and lists stays true. The new records of a delivery have a template each: names and
addresses that come again and again would compress, and be read, as no city's do. Of an item's rows 5 % repeat an earlier record, 3 % change one and
2 % have a fault.
"""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb

from catalog.loader import Catalog
from catalog.model import Field, Item
from catalog.period import Period
from catalog.sample import generate
from transforms.stage.header import ignore_reason_sql, recognise
from transforms.stage.read import read_raw
from transforms.stage.template import item_templates
from warehouse.lake import connect

ITEMS = (
    "enterprise_registration",
    "individual_business_registration",
    "permanent_residents",
    "driving_licences",
    "residence_permits",
    "admin_permits",
    "admin_penalties",
    "transport_staff",
    "nurse_registration",
    "physician_registration",
    "food_permits",
    "utility_arrears",
)
PERIODS = Period.parse_range("2019-01:2019-12")
DUPLICATES, UPDATES, FAULTS = 0.05, 0.03, 0.02
_NUMBERED = ("certificate_no", "document_no", "case_no", "qualification_no")
_CHANGEABLE = ("person_name", "address", "line", "text", "amount", "certificate_no")

# GB 11714 and GB 32100: the check characters of the eight and of the seventeen characters before them; GB 11643: of seventeen digits.
_MACROS = """
CREATE MACRO org_check(body) AS '0123456789X'[1 + (11 - list_sum(list_transform(generate_series(1, 8),
    lambda i: body[i]::INTEGER * [3, 7, 9, 10, 5, 8, 4, 2][i]))::INTEGER % 11) % 11];
CREATE MACRO uscc_check(body) AS '0123456789ABCDEFGHJKLMNPQRTUWXY'[1 + (31 - list_sum(list_transform(generate_series(1, 17),
    lambda i: (position(body[i] IN '0123456789ABCDEFGHJKLMNPQRTUWXY') - 1) * [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28][i]))::INTEGER % 31) % 31];
CREATE MACRO id_check(body) AS '10X98765432'[1 + list_sum(list_transform(generate_series(1, 17),
    lambda i: body[i]::INTEGER * [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2][i]))::INTEGER % 11];
CREATE MACRO numbered(body, n) AS regexp_replace(body, '[0-9]{1,9}([^0-9]*)$', lpad(n::VARCHAR, 9, '0') || '\\1');
"""


@dataclass(frozen=True)
class City:
    """Where the deliveries lie and how many rows they have: `files[item][period]`."""

    folder: str
    rows: int
    files: dict[str, dict[str, str]]

    def paths(self) -> list[Path]:
        """Every delivery."""
        return [Path(path) for months in self.files.values() for path in months.values()]


def city(catalog: Catalog, folder: Path, rows: int) -> City:
    """The deliveries of `rows` rows in `folder`, made unless they are there."""
    told = folder / "city.json"
    if told.exists():
        return City(**json.loads(told.read_text("utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    per_month = rows // (len(ITEMS) * len(PERIODS))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("fork")) as pool:
        made = pool.map(_year, ((catalog, folder, number, per_month) for number in range(len(ITEMS))))
        files = dict(zip(ITEMS, made, strict=True))
    made = City(str(folder), per_month * len(ITEMS) * len(PERIODS), files)
    told.write_text(json.dumps(asdict(made)), "utf-8")
    return made


def _year(given: tuple[Catalog, Path, int, int]) -> dict[str, str]:
    """Write an item's deliveries of `per_month` rows; their paths by period."""
    catalog, folder, number, per_month = given
    item = catalog.item(ITEMS[number])
    files = {}
    with _connect(folder) as connection:
        filled = _template(connection, catalog, item, folder, number, per_month)
        for month, period in enumerate(PERIODS):
            path = _path(folder, item, period)
            select = _month(connection, item, filled, month, per_month)
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT csv, HEADER)")
            files[str(period)] = str(path)
    print(f"  {item.id}: {per_month * len(PERIODS):,} rows", flush=True)
    return files


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = connect(temporary=folder)
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(_MACROS)
    return connection


def _path(folder: Path, item: Item, period: Period) -> Path:
    sent = str(period.shift(1)).replace("-", "")
    path = folder / "inbox" / str(period) / f"130500_{item.department}_{item.id}_{sent}05_01.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def day(catalog: Catalog, made: City, rows: int) -> tuple[str, str, Path]:
    """Another delivery after the year, of the first item: item, period, file."""
    folder, item, period = Path(made.folder), catalog.item(ITEMS[0]), PERIODS[-1].shift(1)
    path = _path(folder, item, period)
    with _connect(folder) as connection:
        per_month = made.rows // (len(ITEMS) * len(PERIODS))
        filled = _template(connection, catalog, item, folder, 0, per_month)
        before = made.rows // len(ITEMS) // rows
        connection.execute(
            f"COPY ({_month(connection, item, filled, before + 1, rows)}) TO '{path}' (FORMAT csv, HEADER)"
        )
    return item.id, str(period), path


def _template(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, item: Item, city: Path, seed: int, rows: int
) -> list[Field]:
    """Table `template`: `rows` clean rows of the item as text by field, numbered from 0; the fields that it has."""
    folder = city / "templates"
    made = generate(
        catalog, folder / item.id, items=[item.id], periods=[PERIODS[0]], rows=rows, seed=seed, kinds=("csv",),
        fault_share=0, duplicate_share=0, update_share=0, set_aside_share=0, noise_share=0,
    )  # fmt: skip
    parts: dict[str, list[str]] = {}
    found: dict[str, dict[str, Field]] = {}
    for number, file in enumerate(made):
        path = folder / item.id / f"{number}.parquet"
        raw = read_raw(file.path, path, connection)
        table = f"read_parquet('{path}', file_row_number = true)"
        cells = ", ".join(f"c{i}" for i in range(raw.columns))
        head = connection.execute(f"SELECT {cells} FROM {table} ORDER BY file_row_number LIMIT 50").fetchall()
        layout = recognise(head, item_templates(item), where=file.path.name)
        columns = {name: i for name, i in layout.columns.items() if name in {f.name for f in item.fields}}
        found.setdefault(layout.template, {}).update({name: item.field(name) for name in columns})
        named = ", ".join(f'c{i} AS "{name}"' for name, i in columns.items())
        parts.setdefault(layout.template, []).append(
            f"SELECT {named} FROM {table} WHERE file_row_number > {layout.header_row}"
            f" AND {ignore_reason_sql(layout, raw.columns)} IS NULL"
        )
    # One format, as a department's file has one: the fullest.
    fullest = max(found, key=lambda name: len(found[name]))
    connection.execute(
        f"CREATE OR REPLACE TABLE template AS SELECT *, row_number() OVER () - 1 AS n"
        f" FROM ({' UNION ALL BY NAME '.join(parts[fullest])})"
    )
    return [field for field in item.fields if field.name in found[fullest]]


def _month(
    connection: duckdb.DuckDBPyConnection, item: Item, fields: list[Field], month: int, rows: int
) -> str:
    """SELECT of the rows of one month under their titles."""
    counted = connection.execute("SELECT count(*) FROM template").fetchone()
    assert counted is not None
    templates = counted[0]
    subject = item.subject
    identifying = {subject.uscc, subject.org_code, subject.registration_no, subject.mixed, subject.person}
    changed = next(
        f.name
        for f in fields
        if f.change and f.name not in identifying and f.name not in item.key and f.type in _CHANGEABLE
    )
    broken = next((f.name for f in fields if f.required and f.type == "date"), changed)
    cells = ", ".join(f'{_cell(item, fields, f, changed, broken)} AS "{f.title}"' for f in fields)
    again = int(rows * (DUPLICATES + UPDATES))
    first = month * (rows - again)
    return f"""
        WITH numbered AS (
            SELECT i, CASE WHEN i < {again} AND {first} > 0 THEN (hash(i, {month}) % {max(1, first)})::BIGINT
                ELSE {first} + greatest(0, i - {again}) END AS s,
                i < {int(rows * UPDATES)} AS changed, hash(i, 'fault', {month}) % 1000 < {int(FAULTS * 1000)} AS faulty
            FROM range({rows}) r(i)
        ), placed AS (SELECT *, s % {templates} AS n, s // {templates} AS round FROM numbered)
        SELECT {cells}
        FROM placed JOIN template t USING (n) JOIN (SELECT n AS m, "{changed}" AS other FROM template) o
            ON o.m = (placed.n + 1 + {month}) % {templates}"""


def _cell(item: Item, fields: list[Field], field: Field, changed: str, broken: str) -> str:
    """SQL of one cell: the template's value, or what makes the row a record of its own."""
    value = f't."{field.name}"'
    present = {f.name for f in fields}
    subject = item.subject
    cases = ""
    if field.name == broken:
        cases += " WHEN faulty THEN '2019-13-45'"
    if subject.uscc in present:
        old, body = f't."{subject.uscc}"', "lpad((s % 100000000)::VARCHAR, 8, '0')"
        whole = f"left({old}, 8) || {body} || org_check({body})"
        cases += f" WHEN {value} = {old} THEN {whole} || uscc_check({whole})"
        cases += f" WHEN {value} = substr({old}, 9, 9) THEN {body} || org_check({body})"
    if subject.person in present:
        old = f't."{subject.person}"'
        # The 15th to 17th digit are the template's, counted on in each round by steps that keep the sex and meet no round before.
        body = f"left({old}, 14) || lpad((({old}[15:17]::INTEGER + round * 82) % 1000)::VARCHAR, 3, '0')"
        cases += f" WHEN {value} = {old} AND regexp_full_match({old}, '[0-9]{{17}}[0-9X]') THEN {body} || id_check({body})"
    if field.name == changed:
        cases += " WHEN changed THEN other"
    numbered = field.name in item.key and field.type in _NUMBERED
    own = f"numbered({value}, s)" if numbered else value
    return f"CASE{cases} ELSE {own} END" if cases else own
