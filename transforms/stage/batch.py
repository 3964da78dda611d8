"""One landed file to one staged batch: read, recognise, normalise, judge; nothing touches the lake.

The file is read once into raw.parquet; one pass over that gives every row its fault (0 = none), and the valid ones are
written as they will lie in the lake. The few faulty and repaired rows are looked at once more for the words that quarantine
and issues need.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path

import duckdb

from catalog.correction import Correction
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import SUBJECT, Field
from catalog.period import Period
from catalog.types import TYPES
from catalog.types.base import Repair
from catalog.types.base_sql import literal_list, quote
from quality.rules import (
    RowRule,
    RowRules,
    Scope,
    delivered,
    exchanged,
    plain,
    routed_fields,
    routed_groups,
    row_rules,
    stood_in_for,
    text,
)
from transforms.stage.county import county_sql, division_macros, division_maps
from transforms.stage.header import Layout, ignore_reason_sql, listed, recognise
from transforms.stage.rawfile import RawTable
from transforms.stage.read import read_raw
from transforms.stage.template import item_layouts, item_templates
from warehouse.batch import Counts, Delivery, StagedBatch, digest
from warehouse.home import Home
from warehouse.lake import connect
from warehouse.schema import LINEAGE
from warehouse.sealed import clear_copy
from warehouse.secret import identity_key, pseudonym_macro

_HEADER_ROWS = 50
# Read back once or twice and then removed: packing it tightly costs more than it saves.
_PARQUET = "(FORMAT parquet, COMPRESSION snappy)"
# The load makes this file one of the lake's as it is.
_LAKE_PARQUET = "(FORMAT parquet, COMPRESSION zstd)"
# A file of so many rows is worth a look at which columns repeat: at most this share of their cells differ.
_LARGE, _REPEATING = 20_000, 0.5
_VALID = "ignored IS NULL AND fault = 0"
_EXCEPTION = 0.1
"""Share of a column's codes up to which names among them (or codes among names) are an exception worth telling."""


def stage_delivery(delivery: Delivery, catalog: Catalog, home: Home, folder: Path) -> StagedBatch:
    """Stage one landed file into `folder` (made anew) and describe what was found.

    Writes the valid rows as staged.parquet, with the columns of `rec.<item>`; the pseudonyms in it with their clear numbers
    as vault_identifier; quarantine, issue, ignored and vault_quarantine Parquet files; and batch.json last.
    Raises `UserError` when the file as a whole cannot be taken, or is not what was landed.
    """
    if folder.exists():
        shutil.rmtree(folder)
    home.private_dir(folder)
    period = Period.parse(delivery.period)
    item = catalog.item(delivery.item_id)
    with connect(temporary=home.private_dir(home.root / "tmp")) as connection:
        connection.execute(pseudonym_macro(identity_key(home)))
        for statement in division_macros(division_maps(catalog.divisions, period.last_day)):
            connection.execute(statement)
        with clear_copy(delivery, home, folder) as source:
            raw = read_raw(source, folder / "raw.parquet", connection, item_layouts(item))
        templates = item_templates(item, raw.template)
        layout = recognise(_first_rows(connection, raw), templates, where=delivery.source_file)
        scope = Scope(item, item.format(layout.template), catalog, period)
        known = catalog.corrections.get(item.id)
        corrections = [
            c
            for c in (known.corrections if known else ())
            if c.concerns(delivery.department, delivery.division, delivery.period)
        ]
        staging = _Staging(connection, raw, layout, scope, folder, corrections, delivery)
        counts = staging.run()
        if counts.read - counts.ignored == 0:
            raise UserError(
                "文件只有表头，没有数据行",
                where=delivery.source_file,
                remedy="核对后重新报送；确无数据的请作零报告",
            )
    batch = StagedBatch(
        delivery=delivery,
        folder=str(folder),
        format=layout.template,
        counts=counts,
        catalog_version=catalog.version,
        digests={path.stem: digest(path) for path in sorted(folder.glob("*.parquet"))},
        notes=(*raw.notes, *_incident(layout)),
    )
    batch.to_file(folder / "batch.json")
    return batch


def _incident(layout: Layout) -> list[str]:
    """What must not be collected came all the same: said, so that the provider stops sending it."""
    if not layout.banned:
        return []
    return [
        f"含有不得归集的列：{listed(layout.header, layout.banned)}；未读取、未保存，请提供单位今后删除后再报送"
    ]


def _first_rows(connection: duckdb.DuckDBPyConnection, raw: RawTable) -> list[tuple[str | None, ...]]:
    columns = ", ".join(f"c{i}" for i in range(raw.columns))
    return connection.execute(
        f"SELECT {columns} FROM read_parquet({quote(str(raw.path))}, file_row_number = true)"
        f" WHERE file_row_number < {_HEADER_ROWS} ORDER BY file_row_number"
    ).fetchall()


@dataclass(frozen=True)
class _Remark:
    """What is said of a row when `when` (SQL) holds: the value before (and after), as SQL."""

    when: str
    field: str
    rule: str
    message: str
    before: str
    after: str = "NULL::VARCHAR"
    level: str = ""


class _Staging:
    """The staging pass of one file, from raw.parquet to the batch's Parquet files."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        raw: RawTable,
        layout: Layout,
        scope: Scope,
        folder: Path,
        corrections: Sequence[Correction],
        delivery: Delivery,
    ) -> None:
        self.connection = connection
        self.raw = raw
        self.layout = layout
        self.scope = scope
        self.item = scope.item
        self.folder = folder
        self.delivery = delivery
        self.corrections: dict[str, list[Correction]] = {}
        for correction in corrections:
            self.corrections.setdefault(correction.field, []).append(correction)
        self.tabled: set[str] = set()
        rules = row_rules(scope)
        self.rules: RowRules = replace(rules, warnings=(*rules.warnings, *self._corrected()))

    def run(self) -> Counts:
        self._expect_corrections()
        self.rules = replace(self.rules, repairs=(*self.rules.repairs, *self._swapped()))
        self._tabulate()
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE xt_staged AS {self._staged_sql()}")
        self._copy(self._valid_sql(), "staged", _LAKE_PARQUET)
        self._copy(self._identifier_sql(), "vault_identifier")
        self._copy(
            "SELECT row_number, ignored AS reason FROM xt_staged WHERE ignored IS NOT NULL ORDER BY row_number",
            "ignored",
        )
        self._look_again()
        self._copy(self._quarantine_sql(), "quarantine_full")
        full = f"read_parquet({quote(str(self.folder / 'quarantine_full.parquet'))})"
        self._copy(f"SELECT * EXCLUDE clear FROM {full} ORDER BY row_number", "quarantine")
        self._copy(
            f"SELECT row_number, clear AS raw FROM {full} WHERE clear <> raw ORDER BY row_number",
            "vault_quarantine",
        )
        self._copy(self._issue_sql(), "issue")
        for spent in ("quarantine_full", "raw"):
            (self.folder / f"{spent}.parquet").unlink()
        aside = [str(code) for code, rule in self._coded() if rule.level == "set_aside"]
        row = self.connection.execute(
            f"SELECT count(*) FILTER (fault = 0 AND ignored IS NULL), count(*) FILTER (fault > 0),"
            f" count(*) FILTER (fault IN ({', '.join(aside) or 'NULL'})), count(*) FILTER (ignored IS NOT NULL) FROM xt_staged"
        ).fetchone()
        assert row is not None
        valid, quarantined, set_aside, ignored = row
        read = self.raw.rows - self.layout.header_row - 1
        if read != valid + quarantined + ignored:
            raise RuntimeError(
                f"rows lost while staging: read {read}, valid {valid}, quarantined {quarantined}, ignored {ignored}"
            )
        return Counts(read=read, valid=valid, quarantined=quarantined, set_aside=set_aside, ignored=ignored)

    def _copy(self, select: str, name: str, form: str = _PARQUET) -> None:
        self.connection.execute(f"COPY ({select}) TO {quote(str(self.folder / f'{name}.parquet'))} {form}")

    def _coded(self) -> list[tuple[int, RowRule]]:
        return list(enumerate(self.rules.rejecting, 1))

    # -- SQL, inside out ---------------------------------------------------------------------------------------------

    def _plain_sql(self, only: str | None = None) -> str:
        """Row by row: `row_number`, `ignored`, `_malformed`, `t_<field>`, plain `<field>`, and of fields with a table of values
        `f_<field>` and `w_<field>` (see `_tabulate`); `only` limits the row numbers and adds the cells as delivered.
        """
        cells = [
            f"c{index} AS {_cell_of(f.name)}"
            if (index := self._lone_cell(f)) is not None and f.name in self.tabled
            else f"{self._text_sql(f)} AS {text(f.name)}"
            for f in self.item.fields
        ]
        plains = [
            self._value_columns(f) if f.name in self.tabled else f"{self._plain_of(f)} AS {plain(f.name)}"
            for f in self.item.fields
        ]
        looked_up = " ".join(
            f"LEFT JOIN {_values(f.name)} ON line.{self._value_key(f)} IS NOT DISTINCT FROM {_values(f.name)}.cell"
            for f in self.item.fields
            if f.name in self.tabled
        )
        wanted = f" AND file_row_number + 1 IN ({only})" if only else ""
        delivered_cells = [f"c{i}" for i in range(self.raw.columns)] if only else []
        return f"""
            SELECT line.*, {", ".join(plains)} FROM (
                SELECT * REPLACE ({", ".join(self._routed()) or "row_number AS row_number"}) FROM (
                    SELECT {", ".join(["*", *self._misplaced()])} FROM (
                    SELECT file_row_number + 1 AS row_number, {self._malformed_sql()} AS _malformed, _line,
                        {ignore_reason_sql(self.layout, self.raw.columns)} AS ignored, {", ".join((*cells, *self._delivered(), *delivered_cells))}
                    FROM {self._raw_sql()}
                    WHERE file_row_number > {self.layout.header_row}{wanted}
                ))
            ) line {looked_up}"""

    def _raw_sql(self) -> str:
        return f"read_parquet({quote(str(self.raw.path))}, file_row_number = true)"

    def _delivered(self) -> list[str]:
        """The routed codes, and the fields with known mistakes, as they stood in the file."""
        routed = [
            f"{self._text_sql(self.item.field(name))} AS {delivered(name)}"
            for name in routed_fields(self.scope)
        ]
        filled = [f"{self._own_sql(name)} AS {delivered(name)}" for name in stood_in_for(self.scope)]
        return [*routed, *filled] + [
            f"{self._delivered_sql(self.item.field(name))} AS {_before(name)}" for name in self.corrections
        ]

    def _malformed_sql(self) -> str:
        """A value in a column without a title has no meaning and must not be dropped unseen."""
        stray = " OR ".join(f"c{i} IS NOT NULL" for i in self.layout.unnamed)
        return (
            f"CASE WHEN _malformed IS NULL AND ({stray}) THEN 'unnamed_column' ELSE _malformed END"
            if stray
            else "_malformed"
        )

    def _corrected(self) -> Iterator[RowRule]:
        """What is said of each row in which a known mistake was put right."""
        for name, corrections in self.corrections.items():
            for c in corrections:
                when = f"{_before(name)} = {quote(c.find)}"
                message = f"已知差错，按更正“{c.id}”改为“{c.replace}”：{c.reason}"
                yield RowRule("corrected", name, "warn", when, message, _before(name))

    def _swapped(self) -> Iterator[tuple[str, Repair]]:
        """Names in a column of codes, and codes in a column of names: understood, and told where they are the exception."""
        columns: dict[str, tuple[str, str]] = {}
        for field in self.item.fields:
            listed = self.scope.use(field).codes
            if listed is None or self.scope.absent(field.name) or field.name not in self.layout.columns:
                continue
            codes = {code.code for code in listed.codes}
            names = {spelling for spelling in listed.spellings() if spelling not in codes}
            if all(code.isdigit() for code in codes) and not any(name.isdigit() for name in names):
                cell = f"xt_half({self._text_sql(field)})"
                columns[field.name] = (
                    f"{cell} IN ({literal_list(tuple(sorted(codes)))})",
                    f"{cell} IN ({literal_list(tuple(sorted(names)))})",
                )
        if not columns:
            return
        counts = ", ".join(f"count(*) FILTER ({case})" for pair in columns.values() for case in pair)
        row = self.connection.execute(
            f"SELECT {counts} FROM {self._raw_sql()} WHERE file_row_number > {self.layout.header_row}"
        ).fetchone()
        assert row is not None
        for (name, _), coded, named in zip(columns.items(), row[::2], row[1::2], strict=True):
            if 0 < min(coded, named) <= _EXCEPTION * max(coded, named):
                few, most = ("名称", "代码") if named < coded else ("代码", "名称")
                half = f"xt_half({text(name)})"
                digits = f"regexp_full_match({half}, '[0-9]+')"
                when = f"NOT ({digits})" if named < coded else digits
                yield name, Repair("code_and_name", when, f"同列多填{most}，此处填的是{few}，已换算为代码")

    def _expect_corrections(self) -> None:
        """Raises `UserError` for a correction that finds less than it expects: it is out of date."""
        for name, corrections in self.corrections.items():
            cell = self._delivered_sql(self.item.field(name))
            for c in corrections:
                row = self.connection.execute(
                    f"SELECT count(*) FROM read_parquet({quote(str(self.raw.path))}, file_row_number = true)"
                    f" WHERE file_row_number > {self.layout.header_row} AND {cell} = {quote(c.find)}"
                ).fetchone()
                found = row[0] if row else 0
                if found < c.rows:
                    raise UserError(
                        f"更正“{c.id}”应在“{self.item.field(name).title}”中找到“{c.find}”至少{c.rows}行，实有{found}行",
                        where=f"catalog/corrections/{self.item.id}.yml",
                        remedy="报送单位已改正的，把 status 改为 closed；否则核对 find、rows 与期次，再重跑这一批",
                    )

    def _text_sql(self, field: Field) -> str:
        """A field's text with its provider's known mistakes put right."""
        cell = self._delivered_sql(field)
        if not (corrections := self.corrections.get(field.name)):
            return cell
        cases = " ".join(f"WHEN {quote(c.find)} THEN {quote(c.replace)}" for c in corrections)
        return f"CASE {cell} {cases} ELSE {cell} END"

    def _delivered_sql(self, field: Field) -> str:
        """The cleaned text of a field's own column, or of the columns that stand in for it."""
        names = [field.same_column_as or field.name, *filter(None, [field.fallback])]
        cells = [cell for name in names if not self.scope.absent(name) and (cell := self._cell(name))]
        if self.scope.absent(field.name) or not cells:
            return "NULL::VARCHAR"
        if len(cells) == 1:
            return cells[0]
        own, other = cells
        nothing = TYPES[field.type].says_nothing(own)
        return f"CASE WHEN {own} IS NULL{f' OR {nothing}' if nothing else ''} THEN coalesce({other}, {own}) ELSE {own} END"

    def _own_sql(self, name: str) -> str:
        """The cleaned text of the field's own column alone."""
        return self._cell(name) or "NULL::VARCHAR"

    def _cell(self, name: str) -> str | None:
        index = self.layout.columns.get(name)
        return None if index is None else f"xt_clean(c{index})"

    def _plain_of(self, field: Field) -> str:
        kind = TYPES[field.type]
        if self.scope.absent(field.name):
            return f"NULL::{'VARCHAR' if kind.private else kind.storage}"
        return kind.plain(text(field.name), self.scope.use(field))

    # -- tables of values --------------------------------------------------------------------------------------------

    def _lone_cell(self, field: Field) -> int | None:
        """The column that alone makes the field's text; None where several do, or another field's code may move in."""
        names = [field.same_column_as or field.name, *filter(None, [field.fallback])]
        found = [
            self.layout.columns[n] for n in names if n in self.layout.columns and not self.scope.absent(n)
        ]
        apart = field.name in self.corrections or field.name in routed_fields(self.scope)
        return found[0] if len(found) == 1 and not apart and not self.scope.absent(field.name) else None

    def _repeating(self) -> list[str]:
        """Fields of a large file whose cells repeat: to look at each value once is cheaper than at every cell."""
        if self.raw.rows < _LARGE:
            return []
        lone = {
            f.name: index
            for f in self.item.fields
            if (index := self._lone_cell(f)) is not None and not TYPES[f.type].looks_beside
        }
        counts = ", ".join(f"approx_count_distinct(c{index})" for index in lone.values())
        found = self.connection.execute(f"SELECT {counts or 0} FROM {self._raw_sql()}").fetchone()
        assert found is not None
        return [
            name
            for name, distinct in zip(lone, found, strict=False)
            if distinct <= self.raw.rows * _REPEATING
        ]

    def _tabulate(self) -> None:
        """A table per field that repeats or is dear to read: `cell` as delivered, text, plain value, `f_<field>`: the first of
        the rules about the value alone that it breaks, `w_<field>`: whether there is something to remark about it.
        """
        dear = [f.name for f in self.item.fields if TYPES[f.type].by_value and not self.scope.absent(f.name)]
        self.tabled = {*dear, *self._repeating()}
        for field in self.item.fields:
            if field.name not in self.tabled:
                continue
            t, p = text(field.name), plain(field.name)
            lone = self._lone_cell(field)
            cell, cleaned = (
                (self._text_sql(field), "cell") if lone is None else (f"c{lone}", "xt_clean(cell)")
            )
            faults = " ".join(
                f"WHEN {rule.when} THEN {code}"
                for code, rule in self._coded()
                if rule.field == field.name and self._tells_of_value(rule)
            )
            flags = [
                rule.when
                for rule in self.rules.warnings
                if rule.field == field.name and self._tells_of_value(rule)
            ]
            flags += [f"{t} IS NOT NULL AND {r.when}" for name, r in self.rules.repairs if name == field.name]
            stored = (
                f"{self._stored_of(field)} AS {_stored_in(field.name)}," if self._stored_apart(field) else ""
            )
            self.connection.execute(f"""
                CREATE OR REPLACE TEMP TABLE {_values(field.name)} AS
                SELECT *, {stored}
                    {f"CASE {faults} END" if faults else "NULL"}::USMALLINT AS {_fault_of(field.name)},
                    {_any(flags)} AS {_flag_of(field.name)}
                FROM (SELECT *, {self._plain_of(field)} AS {p} FROM (SELECT cell, {cleaned} AS {t} FROM (
                    SELECT DISTINCT {cell} AS cell FROM {self._raw_sql()}
                    WHERE file_row_number > {self.layout.header_row})))""")

    def _stored_apart(self, field: Field) -> bool:
        """Whether something else is stored than the plain value: a pseudonym, a text without the numbers in it."""
        return self._stored_of(field) != plain(field.name)

    def _stored_of(self, field: Field) -> str:
        return TYPES[field.type].stored(plain(field.name), self.scope.use(field))

    def _tells_of_value(self, rule: RowRule) -> bool:
        """Whether the table of the field's values says where the rule holds."""
        return rule.alone and rule.field in self.tabled

    def _value_columns(self, field: Field) -> str:
        """What a row takes from the table of a field's values."""
        columns = [plain(field.name), _fault_of(field.name), _flag_of(field.name)]
        if self._stored_apart(field):
            columns.append(_stored_in(field.name))
        if self._lone_cell(field) is not None:
            columns.append(text(field.name))
        return ", ".join(f"{_values(field.name)}.{column}" for column in columns)

    def _value_key(self, field: Field) -> str:
        return text(field.name) if self._lone_cell(field) is None else _cell_of(field.name)

    def _routed(self) -> list[str]:
        """Codes of one group are told apart by their form: one that stands in a neighbour's column moves there."""
        routed: list[str] = []
        swapped = self._exchanged()
        for group in routed_groups(self.item):
            forms = {
                name: form for name in group if (form := TYPES[self.item.field(name).type].form(text(name)))
            }
            # Nearly every row has each code in its own column, and for it nothing else is worked out.
            in_order = " AND ".join(
                [f"({text(name)} IS NULL OR {form})" for name, form in forms.items()]
                + [f"NOT {_misplaced_in(name)}" for name in swapped]
            )
            for name, form in forms.items():
                others = [other for other in forms if other != name]
                own = f"NOT ({form})"
                arrives = [
                    f"WHEN ({text(name)} IS NULL OR {own}) AND {TYPES[self.item.field(name).type].form(text(other))}"
                    f" AND NOT ({forms[other]}) THEN {text(other)}"
                    for other in others
                ]
                # What its own column holds as well is a copy; two different codes of one kind are the provider's to explain.
                leaves = [
                    f"WHEN {own} AND {TYPES[self.item.field(other).type].form(text(name))}"
                    f" AND ({text(other)} IS NULL OR NOT ({forms[other]}) OR xt_code({text(other)}) = xt_code({text(name)})) THEN NULL"
                    for other in others
                ]
                first = swapped.pop(name, "")
                routed.append(
                    f"CASE WHEN {in_order} THEN {text(name)} {first} {' '.join(arrives)} {' '.join(leaves)} ELSE {text(name)} END AS {text(name)}"
                )
        return routed + [
            f"CASE {cases} ELSE {text(name)} END AS {text(name)}" for name, cases in swapped.items()
        ]

    def _misplaced(self) -> list[str]:
        """Of a USCC's and a person's number's column, whether each holds what belongs in the other (see `_misplaced_in`)."""
        if (pair := exchanged(self.scope)) is None:
            return []
        certain = {name: TYPES[self.item.field(name).type] for name in pair}

        def misplaced(there: str, here: str) -> str:
            """Whether `there` holds what belongs to `here`, and `here` nothing that would be lost."""
            held = (
                f"{text(here)} IS NULL OR {certain[there].certain(text(here))}"
                f" OR xt_code({text(here)}) = xt_code({text(there)})"
            )
            return (
                f"CASE WHEN {certain[here].certain(text(there))}"
                f" THEN coalesce(NOT ({certain[there].certain(text(there))}) AND ({held}), FALSE) ELSE FALSE END"
            )

        return [f"{misplaced(a, b)} AS {_misplaced_in(a)}" for a, b in (pair, pair[::-1])]

    def _exchanged(self) -> dict[str, str]:
        """CASE branches that bring a person's number out of the USCC's column, and a USCC out of the number's."""
        if (pair := exchanged(self.scope)) is None:
            return {}
        return {
            here: f"WHEN {_misplaced_in(there)} THEN {text(there)} WHEN {_misplaced_in(here)} THEN NULL"
            for here, there in (pair, pair[::-1])
        }

    @cached_property
    def _worked_out(self) -> dict[str, str]:
        """Dear parts of the rules and of the subject, each with the column that holds it: DuckDB would work them out anew in
        every branch of a CASE.
        """
        found: dict[str, str] = {}
        for field in self.item.fields:
            kind = TYPES[field.type]
            if self.scope.absent(field.name):
                continue
            if field.name not in self.tabled and (sound := kind.sound(plain(field.name))):
                found[sound] = f'"s_{field.name}"'
            if kind.private or (field.name in self.tabled and self._stored_apart(field)):
                found[self._stored_of(field)] = _stored_in(field.name)
        return found

    def _by_column(self, sql: str) -> str:
        """`sql` with the dear parts taken from their columns."""
        for part, column in self._worked_out.items():
            sql = sql.replace(part, column)
        return sql

    def _judged_sql(self) -> str:
        given = {_stored_in(name) for name in self.tabled}
        of_row = self._by_column(
            " ".join(
                f"WHEN {rule.when} THEN {code}"
                for code, rule in self._coded()
                if not self._tells_of_value(rule)
            )
        )
        tabled = sorted(self.tabled)
        faults = ", ".join([*map(_fault_of, tabled), f"CASE {of_row} END" if of_row else "NULL"])
        flags = [rule.when for rule in self.rules.warnings if not self._tells_of_value(rule)]
        flags += [
            f"{text(name)} IS NOT NULL AND {r.when}"
            for name, r in self.rules.repairs
            if name not in self.tabled
        ]
        return f"""
            SELECT *, CASE WHEN ignored IS NULL THEN coalesce(least({faults}), 0) ELSE 0 END::USMALLINT AS fault,
                ignored IS NULL AND ({_any([*map(_flag_of, tabled), *flags])}) AS flag
            FROM (SELECT {", ".join(["*", *(f"{part} AS {column}" for part, column in self._worked_out.items() if column not in given)])}
                FROM ({self._plain_sql()}))"""

    def _staged_sql(self) -> str:
        subject, identity = map(self._by_column, _subject_sql(self.scope))
        county, county_rule, division = county_sql(self.scope)
        stored = [self._by_column(f"{self._stored_of(f)} AS {plain(f.name)}") for f in self.item.fields]
        private = [f'{plain(f.name)} AS "p_{f.name}"' for f in self.item.fields if TYPES[f.type].private]
        time = f"{plain(self.item.source_time)}::TIMESTAMP" if self.item.source_time else "NULL::TIMESTAMP"
        inner = f"""
            SELECT row_number, ignored, fault, flag, {subject} AS subject_key, {identity} AS identity_rule,
                {county} AS county_code, {county_rule} AS county_rule, {division} AS division_code,
                {time} AS source_time, {", ".join((*stored, *private))}
            FROM ({self._judged_sql()})"""
        return f"SELECT *, {self._record_key()} AS record_key, {self._content_hash()} AS content_hash FROM ({inner})"

    def _valid_sql(self) -> str:
        """The valid rows with the columns of `rec.<item>`."""
        d = self.delivery
        given = {"batch_id": quote(d.batch_id), "period": quote(d.period), "delivery": quote(d.delivery)}
        names = [*(name for name, _, _ in LINEAGE), *(f.name for f in self.item.fields)]
        columns = ", ".join(f'{given[name]} AS "{name}"' if name in given else f'"{name}"' for name in names)
        return f"SELECT {columns} FROM xt_staged WHERE {_VALID}"

    def _identifier_sql(self) -> str:
        """Every pseudonym of the valid rows with its number. Masked numbers, and those of organisations, are stored as they
        came: they stand for nobody.
        """
        pairs = [
            f'SELECT "{f.name}" AS pseudonym, "p_{f.name}" AS number FROM xt_staged WHERE {_VALID} AND "{f.name}" <> "p_{f.name}"'
            for f in self.item.fields
            if TYPES[f.type].private
        ]
        return (
            " UNION ".join(pairs) or "SELECT NULL::VARCHAR AS pseudonym, NULL::VARCHAR AS number WHERE FALSE"
        )

    def _record_key(self) -> str:
        parts = [
            self._subject_part() if name == SUBJECT else f"coalesce({plain(name)}::VARCHAR, '')"
            for name in self.item.key
        ]
        return f"md5(concat_ws(chr(31), {quote(self.item.id)}, {', '.join(parts)}))::UUID"

    def _subject_part(self) -> str:
        """Who the row is about, as far as it says: a key, else the masked identifiers with the name."""
        named = [*self._identifiers(), *filter(None, [self.item.subject.name])]
        loose = ", ".join(f"coalesce({plain(name)}, '')" for name in named)
        return f"coalesce(subject_key, concat_ws('|', {loose}))"

    def _identifiers(self) -> list[str]:
        subject = self.item.subject
        found = (subject.uscc, subject.org_code, subject.registration_no, subject.mixed, subject.person)
        return [name for name in found if name]

    def _content_hash(self) -> str:
        """Hash of what is filled, under each field's first name and in their order: a field that the catalog adds, renames,
        widens or moves later changes no hash.
        """
        named = sorted(
            (((f.renamed_from or (f.name,))[0], f) for f in self.item.fields if f.change), key=itemgetter(0)
        )
        parts = [f"{quote(name + '=')} || {_canonical(f)}" for name, f in named]
        return f"md5(concat_ws(chr(31), {', '.join(parts)}))::UUID"

    # -- words for the few rows that need them -----------------------------------------------------------------------

    def _look_again(self) -> None:
        """`xt_suspect`: the plain rows of the faulty and the flagged, worked out once for all that is said of them."""
        wanted = "SELECT row_number FROM xt_staged WHERE (fault > 0 OR flag) AND ignored IS NULL"
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE xt_suspect AS SELECT plain.*, fault > 0 AS faulty, CASE WHEN {self._keyed()} THEN record_key END AS key"
            f" FROM ({self._plain_sql(wanted)}) plain JOIN xt_staged USING (row_number)"
        )

    def _keyed(self) -> str:
        """Whether a row, faulty as it is, says which record it is: every part of the key is there."""
        parts = [
            f"({' OR '.join(f'plain.{plain(n)} IS NOT NULL' for n in self._identifiers())})"
            if name == SUBJECT
            else f"plain.{plain(name)} IS NOT NULL"
            for name in self.item.key
        ]
        return " AND ".join(["_malformed IS NULL", *parts])

    def _quarantine_sql(self) -> str:
        """One row per quarantined row: its first fault, all faults, the original row with personal numbers hidden."""
        rules = [rule for _, rule in self._coded()]
        remarks = [_Remark(r.when, r.field, r.rule, r.message, r.value, level=r.level) for r in rules]
        clear, hidden = self._row_json()
        return f"""
            SELECT judged.row_number, faults[1].level AS level, faults[1].field AS field, faults[1].rule AS rule,
                faults[1].before AS value, faults[1].message AS message,
                to_json(list_transform(faults, f -> {{'field': f.field, 'rule': f.rule, 'value': f.before, 'message': f.message}}))::VARCHAR AS faults,
                original.raw, original.clear, key AS record_key
            FROM (
                SELECT row_number, list(remark ORDER BY place) AS faults
                FROM ({self._remarks_sql(remarks, "faulty")}) GROUP BY row_number
            ) judged
            JOIN (SELECT row_number, key, {hidden} AS raw, {clear} AS clear FROM xt_suspect WHERE faulty) original
                USING (row_number)"""

    def _issue_sql(self) -> str:
        """One row per warning or repair of a valid row."""
        remarks = [_Remark(r.when, r.field, r.rule, r.message, r.value) for r in self.rules.warnings] + [
            _Remark(
                f"{text(name)} IS NOT NULL AND {repair.when}",
                name,
                repair.rule,
                repair.message,
                text(name),
                f"{plain(name)}::VARCHAR",
            )
            for name, repair in self.rules.repairs
        ]
        return f"""
            SELECT row_number, remark.field, remark.rule, remark.before, remark.after, remark.message
            FROM ({self._remarks_sql(remarks, "NOT faulty")})
            ORDER BY row_number, remark.field, remark.rule"""

    def _remarks_sql(self, remarks: Sequence[_Remark], which: str) -> str:
        """`row_number`, `place`, `remark` of every remark that holds of the suspect rows.

        What is to be shown stands once per row and not once per remark: a statement's parts cost time even if no row needs them.
        """
        shown = list(dict.fromkeys(["NULL::VARCHAR", *(v for r in remarks for v in (r.before, r.after))]))
        facts = ", ".join(
            f"({place}, {quote(r.field)}, {quote(r.rule)}, {quote(r.level)}, {quote(r.message)},"
            f" {shown.index(r.before) + 1}, {shown.index(r.after) + 1}, {self._is_private(r.field)})"
            for place, r in enumerate(remarks)
        )
        holding = ", ".join(f"CASE WHEN {r.when} THEN {place} END" for place, r in enumerate(remarks))

        def hidden(at: str) -> str:
            return f"CASE WHEN private THEN xt_hide_id(shown[{at}]) ELSE xt_hide(shown[{at}]) END"

        return f"""
            SELECT row_number, place, {{'field': field, 'rule': rule, 'level': level, 'message': message,
                'before': {hidden("before_at")}, 'after': {hidden("after_at")}}} AS remark
            FROM (
                SELECT row_number, unnest(list_filter([{holding or "NULL"}], place -> place IS NOT NULL)) AS place,
                    [{", ".join(shown)}] AS shown
                FROM xt_suspect WHERE {which}
            )
            JOIN (VALUES {facts or "(0, '', '', '', '', 1, 1, FALSE)"})
                fact(place, field, rule, level, message, before_at, after_at, private) USING (place)"""

    def _is_private(self, field: str) -> bool:
        return bool(field) and TYPES[self.item.field(field).type].private

    def _row_json(self) -> tuple[str, str]:
        """The row as delivered, as a JSON object header -> text: once in clear, once with personal numbers hidden."""
        private = {self.layout.columns.get(f.name) for f in self.item.fields if TYPES[f.type].private}
        titles = [
            (i, (self.layout.header[i] if i < len(self.layout.header) else None) or f"第{i + 1}列")
            for i in range(self.raw.columns)
            if i not in self.layout.banned
        ]
        clear = ", ".join(f"{quote(title)}, c{i}" for i, title in titles)
        hidden = ", ".join(
            f"{quote(title)}, {f'xt_hide_id(c{i})' if i in private else f'xt_hide(c{i})'}"
            for i, title in titles
        )
        return (
            f"CASE WHEN _line IS NOT NULL THEN to_json(_line)::VARCHAR ELSE json_object({clear})::VARCHAR END",
            f"CASE WHEN _line IS NOT NULL THEN to_json(xt_hide(_line))::VARCHAR ELSE json_object({hidden})::VARCHAR END",
        )


def _values(name: str) -> str:
    """SQL name of the table of a field's values."""
    return f'"v_{name}"'


def _cell_of(name: str) -> str:
    """SQL name of a field's cell as delivered."""
    return f'"k_{name}"'


def _fault_of(name: str) -> str:
    """SQL name of the first rule about its value alone that a field breaks."""
    return f'"f_{name}"'


def _flag_of(name: str) -> str:
    """SQL name of whether something is to be remarked about a field's value."""
    return f'"w_{name}"'


def _stored_in(name: str) -> str:
    """SQL name of what is stored of a private field."""
    return f'"h_{name}"'


def _misplaced_in(name: str) -> str:
    """SQL name of whether a field's column holds a code that belongs in its neighbour's."""
    return f'"x_{name}"'


def _any(conditions: Sequence[str]) -> str:
    """SQL that is true where one of the conditions is, and never NULL."""
    return " OR ".join(f"coalesce({condition}, FALSE)" for condition in conditions) or "FALSE"


def _before(name: str) -> str:
    """SQL name of a field's text before a known mistake in it was put right."""
    return f'"b_{name}"'


def _canonical(field: Field) -> str:
    """The stored value as text; a number reads alike with and without decimals."""
    value = f"{plain(field.name)}::VARCHAR"
    decimal = TYPES[field.type].storage.startswith("DECIMAL")
    return f"rtrim(rtrim({value}, '0'), '.')" if decimal else value


def _subject_sql(scope: Scope) -> tuple[str, str]:
    """SQL for (subject_key, identity_rule): strongest identifier first; a masked one never makes a key."""
    subject = scope.item.subject
    steps: list[tuple[str, str, str]] = []

    def add(
        name: str | None, prefix: str, rule: str, condition: str = "TRUE", value: str | None = None
    ) -> None:
        if name is not None and not scope.absent(name):
            column = plain(name)
            steps.append(
                (
                    f"{column} IS NOT NULL AND NOT contains({column}, '*') AND {condition}",
                    f"'{prefix}:' || {value or column}",
                    rule,
                )
            )

    add(subject.uscc, "uscc", "uscc")
    mixed = plain(subject.mixed) if subject.mixed else ""
    add(subject.mixed, "uscc", "uscc", f"xt_is_uscc({mixed})")
    add(subject.org_code, "org", "org_code")
    add(subject.mixed, "org", "org_code", f"xt_is_org({mixed})")
    add(subject.registration_no, "reg", "registration_no")
    add(subject.mixed, "reg", "registration_no", f"xt_is_reg({mixed})")
    if subject.person:
        column, field = plain(subject.person), scope.item.field(subject.person)
        pseudonym = TYPES[field.type].stored(column, scope.use(field))
        add(subject.person, "person", "resident_id", f"xt_is_id({column})", pseudonym)
        add(subject.person, "person", "other_document", "TRUE", pseudonym)
    identifiers = [
        n
        for n in (subject.uscc, subject.mixed, subject.org_code, subject.registration_no, subject.person)
        if n and not scope.absent(n)
    ]
    masked = " OR ".join(f"coalesce(contains({plain(n)}, '*'), FALSE)" for n in identifiers) or "FALSE"
    # Two steps that give the same key need be told apart for the rule only.
    keys = " ".join(
        f"WHEN {when} THEN {key}"
        for (when, key, _), following in zip(steps, [*(key for _, key, _ in steps[1:]), None], strict=True)
        if key != following
    )
    rules = " ".join(f"WHEN {when} THEN {quote(rule)}" for when, _, rule in steps)
    return (
        f"CASE {keys} END" if steps else "NULL::VARCHAR",
        f"CASE {rules} WHEN {masked} THEN 'masked' ELSE 'none' END",
    )
