"""A city of any number of rows for the benchmark: CSV deliveries of twelve items over twelve months, made once and kept.

The catalog's own generator writes the templates, clean rows of each item. DuckDB multiplies them: row `n` of an item is a
template row with an identifier, a document number and a record of its own, so that what is said of a row by its codes'
check digits, dates and lists stays true. Of an item's rows 5 % repeat an earlier record, 3 % change one and 2 % have a fault.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from catalog.loader import Catalog
from catalog.model import SUBJECT, Field, Item
from catalog.period import Period
from catalog.sample import generate

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
TEMPLATES = 20_000
DUPLICATES, UPDATES, FAULTS = 0.05, 0.03, 0.02

# GB 11714 and GB 32100: the check characters of the eight and of the seventeen characters before them; GB 11643: of seventeen digits.
_MACROS = """
CREATE MACRO org_check(body) AS '0123456789X'[1 + (11 - (SELECT 0) - list_sum(list_transform(generate_series(1, 8),
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
    files: dict[str, dict[str, str]] = {}
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(_MACROS)
        for number, name in enumerate(ITEMS):
            item = catalog.item(name)
            header = _template(connection, catalog, item, folder / "templates", number)
            files[name] = {}
            for month, period in enumerate(PERIODS):
                drop = period.shift(1)
                path = (
                    folder
                    / "inbox"
                    / str(period)
                    / f"130500_{item.department}_{name}_{str(drop).replace('-', '')}05_01.csv"
                )
                path.parent.mkdir(parents=True, exist_ok=True)
                select = _month(connection, item, header, month, per_month)
                connection.execute(f"COPY ({select}) TO '{path}' (FORMAT csv, HEADER)")
                files[name][str(period)] = str(path)
            print(f"  {name}: {per_month * len(PERIODS):,} rows", flush=True)
    made = City(str(folder), per_month * len(ITEMS) * len(PERIODS), files)
    told.write_text(json.dumps(asdict(made)), "utf-8")
    return made


def _template(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, item: Item, folder: Path, seed: int
) -> list[str]:
    """Table `template`: clean rows of the item, numbered from 0; its headings."""
    made = generate(
        catalog, folder / item.id, items=[item.id], periods=[PERIODS[0]], rows=TEMPLATES, seed=seed, kinds=("csv",),
        fault_share=0, duplicate_share=0, update_share=0, set_aside_share=0, noise_share=0,
    )  # fmt: skip
    paths = [str(file.path) for file in made]
    connection.execute(
        "CREATE OR REPLACE TABLE template AS SELECT *, row_number() OVER () - 1 AS n FROM"
        " read_csv(?, all_varchar = true, union_by_name = true, header = true)",
        [paths],
    )
    return [row[0] for row in connection.execute("DESCRIBE template").fetchall() if row[0] != "n"]


def _month(
    connection: duckdb.DuckDBPyConnection, item: Item, header: list[str], month: int, rows: int
) -> str:
    """SELECT of the rows of one month under the headings."""
    row = connection.execute("SELECT count(*) FROM template").fetchone()
    assert row is not None
    titles = {
        name: title for name in (f.name for f in item.fields) if (title := _title(item.field(name), header))
    }
    changed = next(
        f.name for f in item.fields if f.change and f.name in titles and f.name not in item.key
        and f.type in ("person_name", "address", "line", "text", "amount", "certificate_no") and f.name not in _identifying(item)
    )  # fmt: skip
    broken = (
        next(f.name for f in item.fields if f.required and f.type == "date" and f.name in titles)
        if any(f.required and f.type == "date" and f.name in titles for f in item.fields)
        else changed
    )
    cells = []
    for title in header:
        name = next((n for n, t in titles.items() if t == title), None)
        cells.append(f'{_cell(item, name, title, titles, changed, broken)} AS "{title}"')
    again = int(rows * (DUPLICATES + UPDATES))
    first = month * (rows - again)
    return f"""
        WITH numbered AS (
            SELECT i, CASE WHEN i < {again} AND {first} + i > 0 THEN (hash(i, {month}) % greatest(1, {first}))::BIGINT
                ELSE {first} + i - {again} END AS s,
                i < {int(rows * UPDATES)} AS changed, hash(i, 'fault', {month}) % 1000 < {int(FAULTS * 1000)} AS faulty
            FROM range({rows}) r(i)
        ), placed AS (SELECT *, s % {row[0]} AS n, s // {row[0]} AS round FROM numbered)
        SELECT {", ".join(cells)}
        FROM placed JOIN template t USING (n) JOIN (SELECT n, "{titles[changed]}" AS other FROM template) o
            ON o.n = (placed.n + 1 + {month}) % {row[0]}"""


def _title(field: Field, header: list[str]) -> str | None:
    return next((title for title in (field.title, *field.aliases) if title in header), None)


def _identifying(item: Item) -> set[str]:
    subject = item.subject
    return {
        n
        for n in (subject.uscc, subject.org_code, subject.registration_no, subject.mixed, subject.person)
        if n
    }


def _cell(item: Item, name: str | None, title: str, titles: dict[str, str], changed: str, broken: str) -> str:
    """SQL of one cell: the template's value, or what makes the row a record of its own."""
    value = f't."{title}"'
    if name is None:
        return value
    subject = item.subject
    uscc = titles.get(subject.uscc) if subject.uscc else None
    person = titles.get(subject.person) if subject.person else None
    cases = ""
    if uscc:
        old = f't."{uscc}"'
        body = f"left({old}, 8) || lpad((s % 100000000)::VARCHAR, 8, '0')"
        body = f"{body} || org_check(lpad((s % 100000000)::VARCHAR, 8, '0'))"
        cases += f" WHEN {value} = {old} THEN {body} || uscc_check({body}) WHEN {value} = substr({old}, 9, 9) THEN right({body}, 9)"
    if person:
        old = f't."{person}"'
        body = f"left({old}, 14) || lpad(((round % 500) * 2 + {old}[17]::INTEGER % 2)::VARCHAR, 3, '0')"
        cases += f" WHEN {value} = {old} AND length({old}) = 18 AND {old}[1] BETWEEN '0' AND '9' THEN {body} || id_check({body})"
    if name == broken:
        cases = f" WHEN faulty THEN '2019-13-45'{cases}"
    if name == changed:
        cases += " WHEN changed THEN other"
    own = f"numbered({value}, s)" if name in item.key and item.field(name).type in (
        "certificate_no", "document_no", "case_no", "qualification_no") else value  # fmt: skip
    if name == SUBJECT or not cases:
        return own
    return f"CASE{cases} ELSE {own} END"
