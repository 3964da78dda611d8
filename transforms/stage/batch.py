"""One landed file to one staged batch: read, recognise, normalise, judge, write; nothing touches the lake.

The file is read once into raw.parquet; one pass over that gives every row its fault (0 = none), and the valid ones are
written as they will lie in the lake. The few faulty and repaired rows are looked at once more for the words that quarantine
and issues need.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.period import Period
from catalog.types.base_sql import quote
from quality.rules import RowRules, Scope, row_rules
from transforms.stage.cells import Source
from transforms.stage.corrections import corrected, corrections_of, expect_mistakes
from transforms.stage.county import division_macros, division_maps
from transforms.stage.header import Layout, listed, recognise
from transforms.stage.mixed_codes import mixed_codes
from transforms.stage.rawfile import first_rows
from transforms.stage.read import read_raw
from transforms.stage.records import identifier_sql, staged_sql, valid_sql
from transforms.stage.remarks import issue_sql, look_again, quarantine_sql
from transforms.stage.template import item_layouts, item_templates
from transforms.stage.value_tables import tabulate
from warehouse.batch import Counts, Delivery, StagedBatch, digest
from warehouse.datafiles import LAKE_PARQUET
from warehouse.home import Home
from warehouse.lake import connect
from warehouse.sealed import clear_copy
from warehouse.secret import identity_key, pseudonym_macro

# Read back once or twice and then removed: packing it tightly costs more than it saves.
_PARQUET = "(FORMAT parquet, COMPRESSION snappy)"


def stage_delivery(delivery: Delivery, catalog: Catalog, home: Home, folder: Path) -> StagedBatch:
    """Stage one landed file into `folder` (made anew) and describe what was found.

    Writes the valid rows as staged.parquet, with the columns of `rec.<item>`; the pseudonyms in it with their clear numbers
    as vault_identifier; quarantine, issue, ignored and vault_quarantine Parquet files; and batch.json last.
    Raises `UserError` when the file as a whole cannot be taken, or is not what was landed.
    """
    if folder.exists():
        shutil.rmtree(folder)
    home.private_dir(folder)
    with connect(temporary=home.scratch()) as connection:
        source = _read(connection, delivery, catalog, home, folder)
        expect_mistakes(connection, source)
        rules = _rules(connection, source)
        tables = tabulate(connection, source, rules)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE xt_staged AS {staged_sql(tables, rules)}")
        _write_valid(connection, source, delivery, folder)
        look_again(connection, tables)
        _write_remarks(connection, source, rules, folder)
        source.raw.path.unlink()
        counts = _counts(connection, source, rules)
        if counts.read - counts.ignored == 0:
            raise UserError(
                "文件只有表头，没有数据行",
                where=delivery.source_file,
                remedy="核对后重新报送；确无数据的请作零报告",
            )
    batch = StagedBatch(
        delivery=delivery,
        folder=str(folder),
        format=source.layout.template,
        counts=counts,
        catalog_version=catalog.version,
        digests={path.stem: digest(path) for path in sorted(folder.glob("*.parquet"))},
        notes=(*source.raw.notes, *_incident(source.layout)),
    )
    batch.to_file(folder / "batch.json")
    return batch


def _read(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, catalog: Catalog, home: Home, folder: Path
) -> Source:
    """The file as raw.parquet, its header recognised; the connection knows the key and the divisions of its period."""
    period = Period.parse(delivery.period)
    item = catalog.item(delivery.item_id)
    connection.execute(pseudonym_macro(identity_key(home)))
    for statement in division_macros(division_maps(catalog.divisions, period.last_day)):
        connection.execute(statement)
    with clear_copy(delivery, home, folder) as landed:
        raw = read_raw(landed, folder / "raw.parquet", connection, item_layouts(item))
    templates = item_templates(item, raw.template)
    layout = recognise(first_rows(raw.path, raw.columns, connection), templates, where=delivery.source_file)
    scope = Scope(item, item.format(layout.template), catalog, period)
    return Source(raw, layout, scope, corrections_of(delivery, catalog))


def _rules(connection: duckdb.DuckDBPyConnection, source: Source) -> RowRules:
    """The item's rules, and what is to be said of this file's corrections and mixed columns."""
    rules = row_rules(source.scope)
    return replace(
        rules,
        warnings=(*rules.warnings, *corrected(source)),
        repairs=(*rules.repairs, *mixed_codes(connection, source)),
    )


def _write_valid(
    connection: duckdb.DuckDBPyConnection, source: Source, delivery: Delivery, folder: Path
) -> None:
    _write(connection, valid_sql(source.item, delivery), folder / "staged.parquet", LAKE_PARQUET)
    _write(connection, identifier_sql(source.item), folder / "vault_identifier.parquet")
    ignored = (
        "SELECT row_number, ignored AS reason FROM xt_staged WHERE ignored IS NOT NULL ORDER BY row_number"
    )
    _write(connection, ignored, folder / "ignored.parquet")


def _write_remarks(
    connection: duckdb.DuckDBPyConnection, source: Source, rules: RowRules, folder: Path
) -> None:
    """Quarantine and issues; the quarantined rows' numbers apart, for the vault."""
    both = folder / "quarantine_full.parquet"
    _write(connection, quarantine_sql(source, rules), both)
    full = f"read_parquet({quote(str(both))})"
    hidden = f"SELECT * EXCLUDE clear FROM {full} ORDER BY row_number"
    clear = f"SELECT row_number, clear AS raw FROM {full} WHERE clear <> raw ORDER BY row_number"
    _write(connection, hidden, folder / "quarantine.parquet")
    _write(connection, clear, folder / "vault_quarantine.parquet")
    _write(connection, issue_sql(source.item, rules), folder / "issue.parquet")
    both.unlink()


def _write(connection: duckdb.DuckDBPyConnection, select: str, to: Path, form: str = _PARQUET) -> None:
    connection.execute(f"COPY ({select}) TO {quote(str(to))} {form}")


def _counts(connection: duckdb.DuckDBPyConnection, source: Source, rules: RowRules) -> Counts:
    aside = [str(number) for number, rule in rules.numbered() if rule.level == "set_aside"]
    row = connection.execute(
        f"SELECT count(*) FILTER (fault = 0 AND ignored IS NULL), count(*) FILTER (fault > 0),"
        f" count(*) FILTER (fault IN ({', '.join(aside) or 'NULL'})), count(*) FILTER (ignored IS NOT NULL) FROM xt_staged"
    ).fetchone()
    assert row is not None
    valid, quarantined, set_aside, ignored = row
    read = source.raw.rows - source.layout.header_row - 1
    if read != valid + quarantined + ignored:
        raise RuntimeError(
            f"rows lost while staging: read {read}, valid {valid}, quarantined {quarantined}, ignored {ignored}"
        )
    return Counts(read=read, valid=valid, quarantined=quarantined, set_aside=set_aside, ignored=ignored)


def _incident(layout: Layout) -> list[str]:
    """What must not be collected came all the same: said, so that the provider stops sending it."""
    if not layout.banned:
        return []
    return [
        f"含有不得归集的列：{listed(layout.header, layout.banned)}；未读取、未保存，请提供单位今后删除后再报送"
    ]
