"""What a re-run of a delivery would change, said before it does: staged in a scratch folder, loaded into a copy.

The lake is read only. The load itself is the one that would run (`warehouse.load.rehearse`), on copies of the rows it
would touch; what differs between lake and copy afterwards is what the re-run would change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from catalog.divisions import CITY
from catalog.loader import Catalog
from catalog.model import Item
from catalog.period import Period
from catalog.types.base_sql import quote
from quality.gate import examine, read_history
from quality.suite import History
from quality.vanish import vanished
from transforms.assess.facts import CITY_LEVEL_NAME
from transforms.extract.admission import expect_admissible
from transforms.extract.collect import collect
from transforms.extract.connection import Connections, from_environment
from transforms.extract.drop import land
from transforms.stage.batch import stage_delivery
from warehouse.batch import Counts, Delivery, Document, StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake, Present, present_tables
from warehouse.load import LoadResult, rehearse

_EXPLAINED = {
    "rows": "报送的行有增减或改动",
    "rule": "规则有变，原隔离的行现有效，或原有效的行现隔离",
    "reading": "同一文件现在读作另一内容：解析、规范、更正或关键项有变",
    "attribution": "属地判定有变",
}
_KINDS = {"added": "新增", "removed": "移除", "changed": "改内容", "moved": "改属地"}
_NUMBERS = {
    "read": "上报",
    "new": "新增",
    "updated": "更新",
    "duplicate": "重复",
    "quarantined": "隔离",
    "set_aside": "其中搁置",
    "ignored": "忽略",
}


class CountyChange(Document):
    """An item's records in one county, by each record's own evidence, before and after; and where the difference comes from."""

    county_code: str
    county_name: str
    before: int
    after: int
    added: int
    removed: int
    moved_in: int
    moved_out: int


class Change(Document):
    """How many records of the ledger are `added`, `removed`, `changed` or `moved`, and why (`rows`, `rule`, `reading`, `attribution`)."""

    kind: str
    reason: str
    records: int

    @property
    def words(self) -> str:
        return f"台账{_KINDS[self.kind]} {self.records} 条：{_EXPLAINED[self.reason]}"


class Preview(Document):
    """What loading one delivery would do. `now` are the loaded batch's numbers (None if there is none), `then` those after."""

    batch_id: str
    source_file: str
    notes: tuple[str, ...]
    """Facts that bear on the difference: file, catalog version, format."""
    refused: tuple[str, ...]
    """Checks on the whole that would stop the load."""
    counts: Counts
    now: dict[str, int] | None
    then: dict[str, int]
    changes: tuple[Change, ...]
    rules: tuple[tuple[str, int, int], ...]
    """Rows quarantined by rule and field, now and then, where they differ."""
    counties: tuple[CountyChange, ...]
    other_batches: int
    """Batches of other deliveries whose numbers would change with it."""

    @property
    def nothing(self) -> bool:
        return not (self.refused or self.changes or self.rules or self.now != self.then)

    def lines(self) -> Iterator[str]:
        """The preview in words, a line each; for logs."""
        yield f"预览 {self.batch_id}（{self.source_file}）：上报 {self.counts.read} 行，有效 {self.counts.valid}，隔离 {self.counts.quarantined}（其中搁置 {self.counts.set_aside}），忽略 {self.counts.ignored}"
        yield from self.notes
        yield from (f"不会入库：{line}" for line in self.refused)
        for name, then in self.then.items():
            now = (self.now or {}).get(name, 0)
            if now != then:
                yield f"本批{_NUMBERS[name]}：{now} → {then}"
        yield from (change.words for change in self.changes)
        for rule, before, after in self.rules:
            yield f"隔离 {rule}：{before} → {after} 行"
        for c in self.counties:
            yield f"{c.county_name}：{c.before} → {c.after}（新增 {c.added}，移除 {c.removed}，转入 {c.moved_in}，转出 {c.moved_out}）"
        if self.other_batches:
            yield f"另有 {self.other_batches} 个批次的新增、更新、重复数随之改变"
        if self.nothing:
            yield "重跑不会改变任何数据"


def preview(
    item: Item,
    period: Period,
    catalog: Catalog,
    home: Home,
    *,
    file: Path | None = None,
    connections: Connections = from_environment,
    confirm_ends: bool = False,
) -> list[Preview]:
    """What loading the item's files of a period (or `file` alone) would change; one for each delivered file.

    `confirm_ends` as for the load. Nothing is landed and the lake is not written. Raises `UserError` when a file as a whole cannot be taken.
    """
    with tempfile.TemporaryDirectory(dir=home.scratch(), prefix="preview-") as folder:
        scratch = Home(Path(folder))
        manifests = (
            [land(file, item, period, scratch)]
            if file
            else collect(item, period, home, connections, into=scratch)
        )
        found = []
        for number, manifest in enumerate(manifests):
            delivery = Delivery.from_file(manifest)
            expect_admissible(delivery, catalog)
            batch = stage_delivery(delivery, catalog, home, scratch.staged / str(number))
            with Lake(home) as lake:
                found.append(_preview(lake, catalog, batch, confirm_ends=confirm_ends))
        return found


def _preview(lake: Lake, catalog: Catalog, batch: StagedBatch, *, confirm_ends: bool) -> Preview:
    delivery = batch.delivery
    known = present_tables(lake.connection)
    loaded = _loaded(lake, delivery) if "ops.batch" in known else None
    history = History(delivery.period, ())
    if "ops.batch" in known:
        history = read_history(lake, delivery.item_id, delivery.period, division=delivery.division)
    findings = examine(batch, catalog, history)
    ends = None
    if {"ops.batch", "ops.quarantine", f"rec.{delivery.item_id}"} <= known.keys():
        ends = vanished(lake, catalog.item(delivery.item_id), batch, confirmed=confirm_ends)
    if ends:
        findings = (*findings, ends)
    failed = [f for f in findings if not f.success]
    refused = tuple(f.words for f in failed if f.level == "fail")
    now = {name: int(loaded[f"rows_{name}"]) for name in _NUMBERS} if loaded else None
    told = Preview(
        batch_id=delivery.batch_id,
        source_file=delivery.source_file,
        notes=(*_notes(batch, loaded), *([f"与上期全量清单相比：{ends.observed}"] if ends else ())),
        refused=refused,
        counts=batch.counts,
        now=now,
        then=now or dict.fromkeys(_NUMBERS, 0),
        changes=(),
        rules=(),
        counties=(),
        other_batches=0,
    )
    if refused:
        return told
    verdict = Verdict(batch=batch, status="warned" if failed else "loaded", findings=findings)
    with rehearse(lake, catalog, verdict) as result:
        _compare(lake, batch, known, same_file=loaded is not None and loaded["sha256"] == delivery.sha256)
        return told.model_copy(
            update={
                "then": _numbers(result),
                "changes": _changes(lake),
                "rules": _rules(lake, delivery, known),
                "counties": _counties(lake, catalog, delivery, known),
                "other_batches": _other_batches(lake, delivery, known),
            }
        )


def _loaded(lake: Lake, delivery: Delivery) -> dict[str, Any] | None:
    rows = lake.rows("SELECT * FROM ops.batch WHERE batch_id = ?", [delivery.batch_id])
    return rows[0] if rows else None


def _notes(batch: StagedBatch, loaded: dict[str, Any] | None) -> Iterator[str]:
    if loaded is None:
        yield "这一批尚未入库"
        return
    same = loaded["sha256"] == batch.delivery.sha256
    yield "文件与已入库的相同" if same else "文件内容与已入库的不同"
    for name, before, after in (
        ("目录版本", loaded["catalog_version"], batch.catalog_version),
        ("识别的格式", loaded["format"], batch.format),
    ):
        if before != after:
            yield f"{name}由 {before} 变为 {after}"


def _numbers(result: LoadResult) -> dict[str, int]:
    return {name: getattr(result, name) for name in _NUMBERS}


def _compare(lake: Lake, batch: StagedBatch, known: Present, *, same_file: bool) -> None:
    """A table `difference`: the records that the load adds, removes, changes or moves, with the reason."""
    d = batch.delivery
    mine = f"batch_id = {quote(d.batch_id)}"
    columns = (
        f"record_key, content_hash, coalesce(local_county_code, '{CITY}') AS county, batch_id, row_number"
    )
    before = f"SELECT {columns} FROM lake.core.record SEMI JOIN rehearsed USING (record_key) WHERE item_id = {quote(d.item_id)}"
    if "core.record" not in known:
        before = f"SELECT {columns} FROM rehearsal.core.record WHERE FALSE"
    quarantined = f"SELECT row_number FROM lake.ops.quarantine WHERE {mine}" if same_file else "SELECT NULL"
    faulty = f"SELECT row_number FROM read_parquet({quote(str(batch.parquet('quarantine')))})"
    reading = "reading" if same_file else "rows"
    lake.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE difference AS
        SELECT *, CASE kind
            WHEN 'moved' THEN 'attribution'
            WHEN 'added' THEN IF({same_file} AND after.{mine} AND after.row_number IN ({quarantined}), 'rule', '{reading}')
            WHEN 'removed' THEN IF({same_file} AND before.{mine} AND before.row_number IN ({faulty}), 'rule', '{reading}')
            ELSE '{reading}' END AS reason
        FROM (
            SELECT before, after, CASE
                WHEN before.record_key IS NULL THEN 'added'
                WHEN after.record_key IS NULL THEN 'removed'
                WHEN before.content_hash <> after.content_hash THEN 'changed'
                WHEN before.county <> after.county THEN 'moved' END AS kind
            FROM ({before}) before FULL JOIN (SELECT {columns} FROM rehearsal.core.record) after ON before.record_key = after.record_key
        ) WHERE kind IS NOT NULL"""
    )


def _changes(lake: Lake) -> tuple[Change, ...]:
    rows = lake.rows(
        "SELECT kind, reason, count(*) AS records FROM difference GROUP BY ALL ORDER BY records DESC, kind, reason"
    )
    return tuple(Change.model_validate(row) for row in rows)


def _rules(lake: Lake, delivery: Delivery, known: Present) -> tuple[tuple[str, int, int], ...]:
    by_rule = "SELECT field || '/' || rule AS rule, count(*) AS n FROM {} GROUP BY ALL"
    old = f"(FROM lake.ops.quarantine WHERE batch_id = {quote(delivery.batch_id)})"
    before = by_rule.format(
        old if "ops.quarantine" in known else "(FROM rehearsal.ops.quarantine WHERE FALSE)"
    )
    rows = lake.execute(
        f"SELECT rule, coalesce(b.n, 0), coalesce(a.n, 0) FROM ({before}) b"
        f" FULL JOIN ({by_rule.format('rehearsal.ops.quarantine')}) a USING (rule)"
        " WHERE b.n IS DISTINCT FROM a.n ORDER BY rule"
    ).fetchall()
    return tuple((str(rule), int(before), int(after)) for rule, before, after in rows)


def _counties(lake: Lake, catalog: Catalog, delivery: Delivery, known: Present) -> tuple[CountyChange, ...]:
    """The whole item's records by county: what the lake has, and with the difference."""
    all_of_item = f"SELECT coalesce(local_county_code, '{CITY}') AS county, count(*) AS n FROM lake.core.record WHERE item_id = {quote(delivery.item_id)} GROUP BY ALL"
    if "core.record" not in known:
        all_of_item = "SELECT NULL::VARCHAR AS county, 0 AS n WHERE FALSE"
    rows = lake.execute(
        f"""
        SELECT county, sum(n), sum(added), sum(removed), sum(moved_in), sum(moved_out) FROM (
            SELECT county, n, 0 AS added, 0 AS removed, 0 AS moved_in, 0 AS moved_out FROM ({all_of_item})
            UNION ALL
            SELECT after.county, 0, (kind = 'added')::INT, 0, (kind <> 'added')::INT, 0 FROM difference
            WHERE kind <> 'removed' AND after.county IS DISTINCT FROM before.county
            UNION ALL
            SELECT before.county, 0, 0, (kind = 'removed')::INT, 0, (kind <> 'removed')::INT FROM difference
            WHERE kind <> 'added' AND before.county IS DISTINCT FROM after.county
        ) GROUP BY county ORDER BY county"""
    ).fetchall()
    day = Period.parse(delivery.period).last_day
    names = {u.code: u.name for u in catalog.divisions.units(day, statistical=True)} | {CITY: CITY_LEVEL_NAME}
    return tuple(
        CountyChange(
            county_code=county,
            county_name=names.get(county, county),
            before=int(n),
            after=int(n + added - removed + moved_in - moved_out),
            added=int(added),
            removed=int(removed),
            moved_in=int(moved_in),
            moved_out=int(moved_out),
        )
        for county, n, added, removed, moved_in, moved_out in rows
    )


def _other_batches(lake: Lake, delivery: Delivery, known: Present) -> int:
    if "ops.batch" not in known:
        return 0
    return int(
        lake.scalar(
            "SELECT count(*) FROM lake.ops.batch b JOIN rehearsal.ops.batch a USING (batch_id) WHERE batch_id <> ?"
            " AND ROW(a.rows_new, a.rows_updated, a.rows_duplicate) <> ROW(b.rows_new, b.rows_updated, b.rows_duplicate)",
            [delivery.batch_id],
        )
    )
