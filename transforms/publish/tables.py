"""What is published to whom: every table of the file as SQL over the lake, with its comments and signature."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from catalog.describe import field_comment, item_comment
from catalog.loader import Catalog
from catalog.model import Field, Item
from catalog.personal import CONTACTS, LONG, SHORT
from catalog.types import TYPES
from catalog.types.base_sql import literal_list, quote
from transforms.assess.facts import Places
from transforms.assess.tables import MARTS
from transforms.integrate.plan import OWN_COLUMNS, Plan, column_comments, resolve
from transforms.publish.questions import QUESTIONS
from transforms.publish.state import LINKED, SUBJECT_KEY, current_rows
from transforms.publish.suppress import SMALL, small, suppress, told_by_batch
from warehouse.datafiles import CATALOG
from warehouse.lake import Lake
from warehouse.publish import PublishedTable
from warehouse.schema import REFERENCE

_STRICTNESS = ("public", "government", "authorised")
_LINEAGE: tuple[tuple[str, str], ...] = (
    (
        "subject_key",
        "主体：uscc:/org:/reg: 为机构代码；person: 与 masked: 为本文件专用的假名，不能与别处对照",
    ),
    ("county_code", "归属县（市、区）代码；130500 为市本级"),
    ("division_code", "记录所载最细区划（乡镇、村）；内容遮盖的、行政相对人是自然人的只到县"),
    ("first_period", "首次归集的期次"),
    ("last_period", "当前内容所在的期次"),
    ("batch_id", "来源批次，见 ref.batch"),
    ("row_number", "来源文件中的行号；不公开主体的为空"),
)
_LEFT_OUT = f"；涉及自然人的计数小于{SMALL}的，连同能据以推出它的，为空"
# What staging left of a number (region and last digits) still leaves few persons to choose from.
_REMNANT = r"[1-9][0-9]{5}[*]{6,8}[0-9]{3,4}[0-9Xx]?"


@dataclass(frozen=True)
class Audience:
    """For whom a file is made. `granted` items' government-shared fields are shown in full; `county` limits to one county."""

    id: str
    granted: frozenset[str] = frozenset()
    county: str | None = None


def published_tables(lake: Lake, catalog: Catalog, audience: Audience, as_of: date) -> list[PublishedTable]:
    """All tables for an audience. The lake's connection must have `xt_hidden` and the macro `xt_public`."""
    return list(_Tables(lake, catalog, audience, as_of).all())


def strictest(shares: Iterator[str]) -> str:
    """The sharing class of what is made of several."""
    return max(shares, key=_STRICTNESS.index, default="public")


class _Tables:
    def __init__(self, lake: Lake, catalog: Catalog, audience: Audience, as_of: date) -> None:
        self.lake, self.catalog, self.audience, self.as_of = lake, catalog, audience, as_of
        self.ledger = self._ledger_fingerprints()
        self.changed = self._last_changes()
        self.published: dict[str, Item] = {}

    def all(self) -> Iterator[PublishedTable]:
        made = []
        for table in self._contents():
            made.append(f"{table.schema}.{table.name}")
            yield table
        yield from self._about(frozenset(made))

    @cached_property
    def _places(self) -> tuple[str, str, str]:
        """As lists of SQL literals: codes that stand for the county, those of counties split since, and the county's towns."""
        places = Places(self.catalog.divisions, self.as_of)
        known = [(row.level, row.code) for row in self.catalog.divisions.rows]
        counties = sorted({code for level, code in known if level == "county"})
        mine = (code for code in counties if places.unit(code) == self.audience.county)
        split = (code for code in counties if places.is_split(code))
        towns = sorted(
            {c for level, c in known if level == "town" and places.unit(c) == self.audience.county}
        )
        listed = [literal_list(tuple(codes)) or "NULL" for codes in (mine, split, towns)]
        return listed[0], listed[1], listed[2]

    def _own(self, county: str, division: str | None = None) -> str:
        """SQL: whether what was placed there is the county's, whatever its code was then."""
        codes, split, towns = self._places
        whole = f"{county} IN ({codes})"
        part = f"({county} IN ({split}) AND left({division}, 9) IN ({towns}))" if division else ""
        return f"({whole} OR {part})" if part else whole

    def _contents(self) -> Iterator[PublishedTable]:
        for item in self.catalog.shown:
            if item.id in self.ledger:
                self.published[item.id] = item
                yield self._record(item)
        for library in self.catalog.libraries.values():
            plan = resolve(self.catalog, library)
            if not library.opt_in and (table := self._library(plan)) is not None:
                yield table
        yield from self._marts()
        yield from self._references()
        yield self._batches()
        yield self._withdrawn()
        if self.audience.county:
            yield self._faults()
            yield self._rollup()

    # -- signatures ----------------------------------------------------------------------------------------------------

    def _ledger_fingerprints(self) -> dict[str, str]:
        """Per item: what its published rows depend on in the lake, in one pass over the ledger."""
        rows = self.lake.execute(
            f"""
            SELECT r.item_id, concat_ws('-', count(*), bit_xor(hash(r.record_key, r.batch_id, r.row_number, r.content_hash, r.status,
                {SUBJECT_KEY}, r.county_code, r.division_code, r.first_period, r.last_period)),
                bit_xor(hash(b.sha256, b.catalog_version)), bit_xor(hash(h.record_key, h.reason)))
            FROM core.record r
            JOIN (SELECT batch_id, sha256, catalog_version FROM ops.batch) b ON b.batch_id = r.batch_id
            {LINKED}
            LEFT JOIN xt_hidden h ON h.item_id = r.item_id AND h.record_key = r.record_key
            GROUP BY r.item_id"""
        ).fetchall()
        return dict(rows)

    def _last_changes(self) -> dict[str, int]:
        """Per table of the lake: the last snapshot that changed its files, or which of their rows are deleted."""
        # Later deletions go into the file of the first, which then bears the last snapshot as `partial_max`.
        rows = self.lake.execute(
            f"""SELECT s.schema_name || '.' || t.table_name, max(greatest(f.begin_snapshot, coalesce(f.end_snapshot, 0), coalesce(f.partial_max, 0)))
            FROM (SELECT table_id, begin_snapshot, end_snapshot, partial_max FROM {CATALOG}data_file
                UNION ALL SELECT table_id, begin_snapshot, end_snapshot, partial_max FROM {CATALOG}delete_file) f JOIN {CATALOG}table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
            JOIN {CATALOG}schema s ON s.schema_id = t.schema_id GROUP BY 1"""
        ).fetchall()
        return dict(rows)

    def _table(
        self,
        schema: str,
        name: str,
        comment: str,
        columns: Mapping[str, tuple[str, str]],
        source: str,
        reads: str,
    ) -> PublishedTable:
        """`columns`: name -> (expression, comment); `reads`: what of the lake the rows depend on."""
        listed = ", ".join(f'{expression} AS "{column}"' for column, (expression, _) in columns.items())
        select = f"SELECT {listed} FROM {source}"
        comments = tuple((column, text) for column, (_, text) in columns.items())
        key = self.lake.scalar("SELECT xt_public('signature')")
        told = repr((schema, name, comment, comments, select, reads, key, sorted(self.audience.granted)))
        return PublishedTable(
            schema, name, comment, comments, select, hashlib.sha256(told.encode()).hexdigest()[:32]
        )

    # -- records -------------------------------------------------------------------------------------------------------

    def _in_full(self, item: Item) -> bool:
        return item.share == "public" or item.id in self.audience.granted

    def _record(self, item: Item) -> PublishedTable:
        person = _person(item)
        columns: dict[str, tuple[str, str]] = {}
        in_full = self._in_full(item)
        lineage = {
            "subject_key": _public_key(
                SUBJECT_KEY, SUBJECT_KEY if in_full else f"'masked:' || xt_public({SUBJECT_KEY})"
            ),
            # Where a natural person lives is told by the township and village, too.
            "division_code": f"CASE WHEN {(person or 'FALSE') if in_full else 'TRUE'} THEN left(r.division_code, 6) ELSE r.division_code END",
            "row_number": "r.row_number" if in_full else "NULL::BIGINT",
        }
        for name, comment in _LINEAGE:
            columns[name] = lineage.get(name, f"r.{name}"), comment
        for field in item.fields:
            expression = self._field(item, field, person)
            if expression is not None:
                columns[field.name] = expression, field_comment(field, item)
        county = f" AND {self._own('r.county_code', 'r.division_code')}" if self.audience.county else ""
        source = f"{_shown_rows(item)} WHERE TRUE{county}"
        shown = "" if in_full else "；政务共享，未经授权，内容已遮盖"
        comment = item_comment(item).replace("各批次的有效行", f"公示（共享）中的现行记录{shown}")
        return self._table("rec", item.id, comment, columns, source, self.ledger[item.id])

    def _field(self, item: Item, field: Field, person: str | None) -> str | None:
        """SQL for a field as this audience may see it; None where it may not."""
        kind = TYPES[field.type]
        share = field.share or item.share
        column = f'v."{field.name}"'
        if kind.private or share == "authorised":
            return None
        if share == "government" and item.id not in self.audience.granted:
            return kind.veiled(column)
        if kind.storage != "VARCHAR" or field.list or person is None:
            return _scrubbed(column, kind.running) if kind.storage == "VARCHAR" and not field.list else column
        # Of a natural person among the counterparties the name is published masked (domain notes 4.3), in texts, too.
        name = f'v."{item.subject.name}"'
        masked = TYPES["person_name"].mask(name)
        text = _scrubbed(column, kind.running)
        if field.name == item.subject.address:
            return f"CASE WHEN NOT {person} THEN {text} END"
        shown = masked if field.name == item.subject.name else f"replace({text}, {name}, {masked})"
        return f"CASE WHEN {person} THEN {shown} ELSE {text} END"

    # -- libraries -----------------------------------------------------------------------------------------------------

    def _library(self, plan: Plan) -> PublishedTable | None:
        library = plan.library
        if not self.changed.get(plan.table):
            return None
        key = "t.subject_key"
        person = library.subject == "person"
        # Whoever stands in an industry's library has a record there: only those who have one that is shown.
        members = [m for m in library.members if m in self.published and self._in_full(self.published[m])]
        narrowed = library.kind == "industry" and (
            len(members) < len(library.members)
            or any(self.catalog.items[m].publicity or self.catalog.items[m].process for m in members)
            or any(self.catalog.items[m].subject.person for m in members)
        )
        columns: dict[str, tuple[str, str]] = {"subject_key": (_public_key(key, key), _LINEAGE[0][1])}
        comments = column_comments(library)
        for column in plan.columns:
            if column.sources and (expression := self._attribute(plan, column.name)) is not None:
                columns[column.name] = expression, comments[column.name]
        open_items = [i.id for i in self.catalog.items.values() if self._in_full(i) and i.publicity is None]
        columns["items"] = (
            f"list_filter(t.items, lambda x: x IN ({literal_list(tuple(open_items))}))",
            "该主体有记录的目录（只列向本文件读者全部开放、没有公示期的）",
        )
        for name in ("first_period", "last_period", "county_code"):
            columns[name] = f"t.{name}", OWN_COLUMNS[name][1]
        where = [self._own("t.county_code")] if self.audience.county else []
        reads = f"{self.changed[plan.table]}"
        if narrowed:
            shown = [f"SELECT {SUBJECT_KEY} AS k FROM {_shown_rows(self.published[m])}" for m in members]
            where.append(f"t.subject_key IN ({' UNION ALL '.join(shown) or 'SELECT NULL'})")
            reads += "".join(self.ledger.get(m, "") for m in members)
        source = f'lib."{library.id}" t WHERE {" AND ".join(where) or "TRUE"}'
        note = "；自然人为假名" if person else ""
        comment = f"{library.title}：每个主体一行（依据{library.legal_basis}）{note}"
        return self._table("lib", library.id, comment, columns, source, reads)

    def _attribute(self, plan: Plan, name: str) -> str | None:
        """SQL for an attribute by the strictest class of its sources; none for what a period of publication governs."""
        column = next(c for c in plan.columns if c.name == name)
        fields = [
            (self.catalog.items[s.item], self.catalog.items[s.item].field(s.field)) for s in column.sources
        ]
        if any(item.publicity is not None for item, _ in fields):
            return None
        shares = {
            "public"
            if (f.share or i.share) == "government" and i.id in self.audience.granted
            else (f.share or i.share)
            for i, f in fields
        }
        share = strictest(iter(shares))
        kind, at = TYPES[fields[0][1].type], f't."{name}"'
        if share == "authorised":
            return None
        if share == "government":
            return kind.veiled(at)
        return _scrubbed(at, kind.running) if kind.storage == "VARCHAR" and not fields[0][1].list else at

    # -- marts, references ---------------------------------------------------------------------------------------------

    @cached_property
    def _persons(self) -> tuple[str, ...]:
        """The items that are about natural persons, too."""
        return tuple(i.id for i in self.catalog.items.values() if i.subject.person)

    @cached_property
    def _suppressed(self) -> Mapping[str, str]:
        assessed = any(f"mart.{mart.name}" in self.changed for mart in MARTS)
        return suppress(self.lake, {m.name: m for m in MARTS}, self._persons) if assessed else {}

    def _marts(self) -> Iterator[PublishedTable]:
        for mart in MARTS:
            names = [name for name, _, _ in mart.columns]
            # What somebody has yet to look into is the office's, not the public's.
            kept_back = mart.name == "review_flag" or (self.audience.county and "county_code" not in names)
            if kept_back or f"mart.{mart.name}" not in self.changed:
                continue
            source = self._suppressed.get(mart.name, mart.qualified)
            reads = str(self.changed[f"mart.{mart.name}"])
            note = ""
            if mart.name in self._suppressed:
                note = _LEFT_OUT
                # What is missing depends on the other marts, too.
                reads = str(
                    self.lake.scalar(f"SELECT concat_ws('-', count(*), bit_xor(hash(t))) FROM {source} t")
                )
            county = f" WHERE {self._own('county_code')}" if self.audience.county else ""
            columns = {name: (f'"{name}"', comment) for name, _, comment in mart.columns}
            yield self._table("mart", mart.name, mart.comment + note, columns, f"{source}{county}", reads)

    def _references(self) -> Iterator[PublishedTable]:
        for table in REFERENCE:
            columns = {name: (f'"{name}"', comment) for name, _, comment in table.columns}
            snapshot = str(self.changed.get(f"ref.{table.name}", 0))
            yield self._table("ref", table.name, table.comment, columns, table.qualified, snapshot)

    def _batches(self) -> PublishedTable:
        comments = {
            "batch_id": "批次标识：目录/期次/报送", "item_id": "目录标识", "period": "期次", "division": "报送单位区划",
            "department": "来源部门标识", "source_file": "原文件名", "sha256": "原文件摘要", "received_at": "收到时间",
            "rows_read": "上报行数", "rows_accepted": "有效行数", "rows_quarantined": "退回行数", "status": "状态",
        }  # fmt: skip
        source = f"ops.batch b WHERE item_id IN ({literal_list(tuple(self.published)) or 'NULL'})"
        if self.audience.county:
            # A county's records come in the city's files, too.
            held = f"SELECT batch_id FROM core.record WHERE {self._own('county_code', 'division_code')}"
            source += f" AND ({self._own('division')} OR batch_id IN ({held}))"
        counts = [name for name in comments if name.startswith("rows_")]
        told = small(counts, self._persons) + (f" OR {told_by_batch('b')}" if self._suppressed else "")
        columns = {
            name: (f"CASE WHEN {told} THEN NULL ELSE {name} END" if name in counts else name, text)
            for name, text in comments.items()
        }
        read = [f"{name} {self.changed.get(name, 0)}" for name in ("ops.batch", "mart.provider_item")]
        return self._table(
            "ref", "batch", f"批次：记录来自哪个文件（rec 各表的 batch_id、row_number）{_LEFT_OUT}", columns, source,
            " ".join(read + [f"core.record {self.changed.get('core.record', 0)}"] * bool(self.audience.county)),
        )  # fmt: skip

    def _withdrawn(self) -> PublishedTable:
        """How many records of each item are kept and not shown, by reason: for readers of an earlier version."""
        columns = {
            "item_id": ("item_id", "目录标识"),
            "reason": ("reason", "原因"),
            "records": (f"CASE WHEN count(*) >= {SMALL} THEN count(*) END", f"条数，小于{SMALL}的为空"),
            "last_since": (f"CASE WHEN count(*) >= {SMALL} THEN max(since) END", "其中最近一条自何日起"),
        }
        read = self.lake.scalar(
            "SELECT concat_ws('-', count(*), bit_xor(hash(item_id, record_key, reason))) FROM xt_hidden"
        )
        open_items = literal_list(tuple(self.published)) or "NULL"
        source = f"xt_hidden WHERE item_id IN ({open_items}) GROUP BY item_id, reason"
        if self.audience.county:
            source = (
                f"(SELECT h.* FROM xt_hidden h JOIN core.record r ON r.item_id = h.item_id AND r.record_key = h.record_key"
                f" WHERE {self._own('r.county_code', 'r.division_code')} AND h.item_id IN ({open_items})) GROUP BY item_id, reason"
            )
        comment = "不再公示的记录数：收到过旧版的，以本版为准，旧版中多出的记录停止使用"
        return self._table("main", "withdrawn", comment, columns, source, str(read))

    def _faults(self) -> PublishedTable:
        columns = {
            "batch_id": ("q.batch_id", "批次"),
            "item_id": ("q.item_id", "目录标识"),
            "period": ("q.period", "期次"),
            "source_file": ("b.source_file", "原文件名"),
            "row_number": ("q.row_number", "文件中的行号"),
            "sheet": ("q.sheet", "工作簿有几张表、压缩包有几个文件的，行在其中哪一个"),
            "sheet_row": ("q.sheet_row", "在该表（文件）中的行号"),
            "level": ("q.level", "quarantine 疑问；set_aside 搁置"),
            "field": ("q.field", "数据项"),
            "rule": ("q.rule", "规则"),
            "message": (_scrubbed("q.message"), "说明与处理办法"),
        }
        source = (
            f"ops.quarantine q JOIN ops.batch b ON b.batch_id = q.batch_id WHERE {self._own('b.division')}"
        )
        reads = f"{self.changed.get('ops.quarantine', 0)}-{self.changed.get('ops.batch', 0)}"
        return self._table(
            "main",
            "faults",
            "本县（市、区）报送文件中被退回的行（不含内容，按文件和行号查对）",
            columns,
            source,
            reads,
        )

    def _rollup(self) -> PublishedTable:
        """Records per town and village, as far as a record knows them and they are the county's: an authority's records are
        its county's wherever in the city they tell of.
        """
        codes, _, towns = self._places
        own = f"left(division_code, 6) IN ({codes}) OR left(division_code, 9) IN ({towns})"
        persons = literal_list(self._persons) or "NULL"
        # Where one place alone is small the item's sum would tell it: the next smallest goes, too.
        hide = f"CASE WHEN item_id NOT IN ({persons}) OR n >= {SMALL} AND (few <> 1 OR place > 1) THEN n END"
        columns = {
            "item_id": ("item_id", "目录标识"),
            "town_code": ("town", "乡镇（街道）代码；空为记录未载，或所载不在本县"),
            "village_code": ("village", "村（社区）代码；空为记录未载、只到乡镇，或所载不在本县"),
            "records": (hide, f"现行记录数{_LEFT_OUT}"),
        }
        source = (
            f"(SELECT *, count(*) FILTER (n < {SMALL}) OVER (PARTITION BY item_id) AS few,"
            f" row_number() OVER (PARTITION BY item_id, n < {SMALL} ORDER BY n, town, village) AS place"
            " FROM (SELECT item_id, town, village, count(*) AS n FROM (SELECT item_id, CASE WHEN length(division) >= 9 THEN left(division, 9) END AS town,"
            " CASE WHEN length(division) = 12 THEN division END AS village"
            f" FROM (SELECT *, CASE WHEN {own} THEN division_code END AS division FROM core.record)"
            f" WHERE status = 'active' AND {self._own('county_code', 'division_code')}"
            f" AND item_id IN ({literal_list(tuple(self.published)) or 'NULL'})) GROUP BY ALL))"
        )
        reads = str(self.changed.get("core.record", 0))
        return self._table("main", "town_village", "乡镇、村级汇总", columns, source, reads)

    def _about(self, made: frozenset[str]) -> Iterator[PublishedTable]:
        facts = {
            "读者": self.audience.id,
            "县（市、区）": self.audience.county or "",
            "公示状态截至": str(self.as_of),
            "数据湖快照": str(self.lake.snapshot_id()),
            "目录版本": self.catalog.version,
            "已授权的政务共享目录": "、".join(sorted(self.audience.granted)) or "无",
            "个人": "没有身份号码；person: 为本读者专用的假名，换一个读者就不同",
        }
        yield self._values("about", "本文件的来历", ("项", "内容"), list(facts.items()))
        questions = [
            (str(number), q.question, q.sql, q.note)
            for number, q in enumerate(QUESTIONS, 1)
            if q.reads <= made
        ]
        yield self._values(
            "README", "怎样查询：十个例子，可直接运行", ("序号", "问题", "SQL", "说明"), questions
        )

    def _values(
        self, name: str, comment: str, titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]
    ) -> PublishedTable:
        values = ", ".join(f"({', '.join(map(quote, row))})" for row in rows)
        names = ", ".join(f'"{title}"' for title in titles)
        columns = {title: (f'"{title}"', title) for title in titles}
        return self._table("main", name, comment, columns, f"(VALUES {values}) AS t({names})", "")


def _shown_rows(item: Item) -> str:
    """SQL: the current rows of an item that are shown, with what they are linked to as `l`."""
    return (
        f"{current_rows(item)} {LINKED}"
        f" ANTI JOIN (SELECT record_key FROM xt_hidden WHERE item_id = {quote(item.id)}) h ON h.record_key = r.record_key"
    )


def _public_key(key: str, other: str) -> str:
    """SQL: the pseudonym of a person for this file alone; `other` of anybody else."""
    return f"CASE WHEN starts_with({key}, 'person:') THEN 'person:' || xt_public({key}) ELSE {other} END"


def _person(item: Item) -> str | None:
    """Predicate for rows of an item of either kind of subject that are about a natural person; None for other items."""
    subject = item.subject
    if subject.kind != "any" or subject.person is None:
        return None
    nameless = " AND ".join(f'v."{c}" IS NULL' for c in subject.codes)
    # Files of 2016 do not say whether a counterparty is a person: a short name without any code is taken for one.
    return (
        f"(coalesce(starts_with(r.subject_key, 'person:'), FALSE) OR v.\"{subject.person}\" IS NOT NULL"
        f' OR ({nameless} AND length(v."{subject.name}") <= 4))'
    )


def _scrubbed(column: str, running: bool = False) -> str:
    """A text without personal numbers, whole or partly hidden: none of their digits remain; running text without telephone
    numbers and e-mail addresses, which in a column of numbers could be numbers of another kind.
    """
    looks = f"regexp_matches({column}, '[0-9*]{{6}}{'|@' if running else ''}')"
    cleaned = column
    for pattern in (_REMNANT, LONG, SHORT):
        cleaned = f"regexp_replace({cleaned}, {quote(pattern)}, '〔身份证号〕', 'g')"
    for pattern, sign in CONTACTS if running else ():
        cleaned = f"regexp_replace({cleaned}, {quote(pattern)}, {quote(sign)}, 'g')"
    return f"CASE WHEN {looks} THEN {cleaned} ELSE {column} END"
