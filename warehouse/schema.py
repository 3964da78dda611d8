"""The lake's tables: the fixed ones here, `rec.*`, `lib.*` and `ref.*` from the catalog. All carry Chinese comments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import BigInteger, Column, Date, DateTime, Double, Integer, MetaData, String, Table, Uuid
from sqlalchemy.types import TypeEngine

from catalog.describe import LINEAGE as LINEAGE
from catalog.describe import field_comment, item_comment
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import Item
from catalog.types import TYPES
from catalog.types.base_sql import quote
from warehouse.commits import SCHEMA
from warehouse.datafiles import CATALOG
from warehouse.ends import delivered_otherwise, settle_ends
from warehouse.evolution import Change, Loss, changes, renamed
from warehouse.lake import SCHEMAS, Lake, present_tables

METADATA = MetaData()


def _table(schema: str, name: str, comment: str, *columns: tuple[str, type[TypeEngine[Any]], str]) -> Table:
    return Table(
        name, METADATA, *(Column(n, t, comment=c) for n, t, c in columns), schema=schema, comment=comment
    )


BATCH = _table(
    "ops",
    "batch",
    "批次：一个已入库的报送文件及其行数",
    ("batch_id", String, "批次标识：目录/期次/报送"),
    ("item_id", String, "目录标识"),
    ("period", String, "期次（YYYY-MM）"),
    ("delivery", String, "报送标识，按文本先后排序"),
    ("division", String, "报送单位区划"),
    ("department", String, "来源部门标识"),
    ("source_file", String, "原文件名"),
    ("sha256", String, "原文件摘要"),
    ("received_at", DateTime, "收到时间"),
    ("format", String, "识别出的格式版本"),
    ("rows_read", BigInteger, "上报行数"),
    ("rows_accepted", BigInteger, "有效行数＝新增＋更新"),
    ("rows_new", BigInteger, "入库：首次出现的记录"),
    ("rows_updated", BigInteger, "更新：内容有变的已有记录"),
    ("rows_duplicate", BigInteger, "重复：与当前版本相同或更旧"),
    ("rows_quarantined", BigInteger, "隔离：未通过行规则（含搁置）"),
    ("rows_set_aside", BigInteger, "其中搁置：不属本市或本目录，非差错"),
    ("rows_ignored", BigInteger, "忽略：空行、重复表头、页脚、来源库中已标为删除"),
    ("status", String, "loaded 已入库；warned 已入库但有警告"),
    ("catalog_version", String, "判定所用目录版本"),
    ("loaded_at", DateTime, "入库时间"),
)
QUARANTINE = _table(
    "ops",
    "quarantine",
    "隔离行：每行一条，个人号码已遮盖",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("period", String, "期次"),
    ("row_number", BigInteger, "文件中的行号（从1起，含标题行；有几张表的从头数到尾）"),
    ("level", String, "quarantine 疑问；set_aside 搁置"),
    ("field", String, "首个出错的数据项"),
    ("rule", String, "首个违反的规则"),
    ("value", String, "该项原值"),
    ("message", String, "说明与处理办法"),
    ("faults", String, "全部问题（JSON）"),
    ("raw", String, "原行（JSON：表头→原文）"),
    ("record_key", Uuid, "记录键，关键项齐全的才有：据以认出更正后的重报"),
    ("sheet", String, "工作簿有几张表、压缩包有几个文件的，行在其中哪一个；否则为空"),
    ("sheet_row", BigInteger, "在该表（文件）中的行号（从1起，含标题行）"),
)
RECTIFICATION = _table(
    "ops",
    "rectification",
    "整改：每条疑问行一行，由同一单位其后报送的同一记录关闭",
    ("item_id", String, "目录标识"),
    ("period", String, "疑问行的期次"),
    ("batch_id", String, "疑问行的批次"),
    ("row_number", BigInteger, "疑问行的行号"),
    ("department", String, "报送部门标识"),
    ("division", String, "报送单位区划"),
    ("found_on", Date, "疑问行的报送日期"),
    ("matched_by", String, "record 按关键项；row 整份重报的按行号；空为未整改"),
    ("closed_batch_id", String, "更正所在批次；空为未整改"),
    ("closed_row_number", BigInteger, "更正所在行"),
    ("closed_on", Date, "更正的报送日期"),
    ("days", Integer, "整改用时（日历日）"),
)
ISSUE = _table(
    "ops",
    "issue",
    "问题登记：已入库行中被规范或值得提醒的值",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("period", String, "期次"),
    ("row_number", BigInteger, "行号"),
    ("field", String, "数据项"),
    ("rule", String, "问题种类"),
    ("before", String, "原值（个人号码已遮盖）"),
    ("after", String, "规范后的值"),
    ("message", String, "说明"),
)
IGNORED = _table(
    "ops",
    "ignored",
    "忽略行：空行、重复表头、页脚、来源库中已标为删除",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("period", String, "期次"),
    ("row_number", BigInteger, "行号"),
    (
        "reason",
        String,
        "blank 空行；repeated_header 重复表头；footer 页脚或说明；withdrawn 来源库中已标为删除",
    ),
)
EXPECTATION = _table(
    "ops",
    "expectation",
    "整批检查结果（Great Expectations）",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("period", String, "期次"),
    ("expectation", String, "检查项"),
    ("field", String, "数据项"),
    ("level", String, "fail 阻断；warn 提醒"),
    ("success", Integer, "1 通过；0 未通过"),
    ("observed", String, "实际值"),
    ("message", String, "说明"),
)
OUTCOME = _table(
    "ops",
    "outcome",
    "步骤结果：被拒收的文件与原因（流水，不参与状态）",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("period", String, "期次"),
    ("step", String, "步骤"),
    ("success", Integer, "1 成功；0 失败"),
    ("source_file", String, "原文件名"),
    ("sha256", String, "原文件摘要"),
    ("message", String, "说明"),
    ("occurred_at", DateTime, "时间"),
)
DECLARATION = _table(
    "ops",
    "declaration",
    "报送情况月报表：各单位自报的本期产生数，零为零报告",
    ("period", String, "期次"),
    ("division", String, "报送单位区划"),
    ("department", String, "部门标识"),
    ("item_id", String, "目录标识"),
    ("produced", BigInteger, "本期产生数；0 即零报告"),
    ("note", String, "说明（个人号码已遮盖）"),
    ("declared_on", Date, "文件名所载日期"),
    ("source_file", String, "原文件名"),
    ("sha256", String, "原文件摘要"),
)
PUBLICATION = _table(
    "ops",
    "publication",
    "已发布的期次：通报所依据的快照与所用文字（流水，回退不改）",
    ("period", String, "期次"),
    ("snapshot", BigInteger, "数据仓库快照号"),
    ("wording", String, "发布时的通报文字（JSON）"),
    ("targets", String, "发布时的任务目标（JSON）；无目标的年份为空"),
    ("reference", String, "发布时双公示的参照线（JSON）"),
)
RECORD = _table(
    "core",
    "record",
    "台账：每条记录一行，指向其当前版本",
    ("item_id", String, "目录标识"),
    ("record_key", Uuid, "记录键：目录与自然键的摘要"),
    ("subject_key", String, "主体键：uscc:/org:/reg:/person:，空为未关联"),
    (
        "identity_rule",
        String,
        "主体识别依据：uscc、org_code、registration_no、resident_id、other_document、masked、none",
    ),
    ("county_code", String, "归属县（市、区）"),
    ("county_rule", String, "归属依据"),
    ("local_county_code", String, "仅凭本记录判定的归属"),
    ("local_county_rule", String, "仅凭本记录判定的依据"),
    ("division_code", String, "记录所载最细区划"),
    ("first_period", String, "首次出现的期次"),
    ("last_period", String, "当前版本的期次"),
    ("versions", BigInteger, "版本数"),
    ("content_hash", Uuid, "当前版本内容摘要"),
    ("status", String, "active 有效；ended 已从报送单位的全量清单中消失"),
    ("ended_period", String, "消失的期次；再次出现即清空"),
    ("batch_id", String, "当前版本所在批次"),
    ("row_number", BigInteger, "当前版本所在行"),
)
VAULT_IDENTIFIER = _table(
    "vault",
    "identifier",
    "号码库（限权）：个人号码与其假名；号码用号码库密钥封存",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("pseudonym", String, "假名（带密钥摘要）"),
    ("number", String, "号码，已封存"),
)
VAULT_QUARANTINE = _table(
    "vault",
    "quarantine",
    "号码库（限权）：隔离行原文，已封存",
    ("batch_id", String, "批次标识"),
    ("item_id", String, "目录标识"),
    ("row_number", BigInteger, "行号"),
    ("raw", String, "原行（JSON），已封存"),
)

_LINEAGE_TYPES = {name: kind for name, kind, _ in LINEAGE}

# Tables kept per item in files of their own: a load touches one item's files only.
PARTITIONS = {
    "core.record": "item_id",
    "ops.quarantine": "item_id",
    "ops.rectification": "item_id",
    "vault.identifier": "item_id",
}


@dataclass(frozen=True)
class Columns:
    """A table from the catalog: its columns with types and comments, in order."""

    schema: str
    name: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]

    @property
    def qualified(self) -> str:
        return f'{self.schema}."{self.name}"'

    @property
    def definition(self) -> str:
        """Name, columns and types, as they follow CREATE TABLE."""
        return f"{self.qualified} ({self.typed_columns})"

    @property
    def typed_columns(self) -> str:
        """Columns and types alone, for another table of the same shape."""
        return ", ".join(f'"{name}" {kind}' for name, kind, _ in self.columns)


def _reference(name: str, comment: str, *columns: tuple[str, str, str]) -> Columns:
    return Columns("ref", name, comment, columns)


REFERENCE: tuple[Columns, ...] = (
    _reference(
        "item",
        "目录",
        ("item_id", "VARCHAR", "目录标识"),
        ("code", "VARCHAR", "目录编号"),
        ("title", "VARCHAR", "目录名称"),
        ("department", "VARCHAR", "来源部门标识"),
        ("library", "VARCHAR", "归入的库"),
        ("category", "VARCHAR", "信息类别代码"),
        ("subject", "VARCHAR", "主体类别"),
        ("frequency", "VARCHAR", "报送频率"),
        ("share", "VARCHAR", "共享属性：public 社会公开；government 政务共享；authorised 授权查询"),
        ("natural_key", "VARCHAR", "关键项"),
        ("delivery", "VARCHAR", "报送方式：adds 增量；replaces 全量"),
    ),
    _reference(
        "apart",
        "另库目录：存于须另行开通的库，不计入公共信用信息归集量",
        ("item_id", "VARCHAR", "目录标识"),
    ),
    _reference(
        "field",
        "数据项",
        ("item_id", "VARCHAR", "目录标识"),
        ("field", "VARCHAR", "数据项，即列名"),
        ("title", "VARCHAR", "数据项名称"),
        ("type", "VARCHAR", "语义类型"),
        ("type_title", "VARCHAR", "含义"),
        ("required", "VARCHAR", "True 必填；False 选填；其他为决定是否必填的数据项"),
        ("share", "VARCHAR", "共享属性"),
        ("unit", "VARCHAR", "单位"),
        ("list", "VARCHAR", "代码表标识"),
    ),
    _reference(
        "department",
        "部门",
        ("department", "VARCHAR", "部门标识"),
        ("name", "VARCHAR", "简称"),
        ("full_name", "VARCHAR", "全称"),
        ("in_plan", "BOOLEAN", "是否列入归集方案的责任单位"),
    ),
    _reference(
        "division",
        "行政区划",
        ("code", "VARCHAR", "区划代码"),
        ("name", "VARCHAR", "名称"),
        ("level", "VARCHAR", "级别"),
        ("parent", "VARCHAR", "上级区划代码"),
        ("valid_from", "DATE", "启用日期，0001-01-01 为不详"),
        ("valid_to", "DATE", "停用日期，9999-12-31 为仍在用"),
        ("kind", "VARCHAR", "种类"),
    ),
    _reference(
        "code",
        "代码表",
        ("list", "VARCHAR", "代码表标识"),
        ("code", "VARCHAR", "代码"),
        ("title", "VARCHAR", "代码名称"),
        ("list_title", "VARCHAR", "代码表名称"),
    ),
    _reference("catalog_version", "目录版本", ("version", "VARCHAR", "湖中各表所依据的目录与表结构的版本")),
)


def record_table(item: Item) -> Columns:
    """`rec.<item>`: lineage, then the item's fields in catalog order, then those it had once."""
    fields = tuple((f.name, TYPES[f.type].storage, field_comment(f, item)) for f in item.fields)
    retired = tuple(
        (r.name, TYPES[r.type].storage, f"{r.title}（{r.until}后不再归集）") for r in item.retired
    )
    return Columns("rec", item.id, item_comment(item), (*LINEAGE, *fields, *retired))


def fixed_tables() -> tuple[Columns, ...]:
    """The tables that are there whatever the catalog says: `ops`, `core.record`, `vault`."""
    return tuple(
        Columns(
            table.schema or "",
            table.name,
            table.comment or "",
            tuple((c.name, _sql_type(c.type), c.comment or "") for c in table.columns),
        )
        for table in METADATA.sorted_tables
    )


def schema_tables(catalog: Catalog) -> tuple[Columns, ...]:
    """All tables that `ensure_schema` makes, as they shall be."""
    return (*fixed_tables(), *REFERENCE, *(record_table(item) for item in catalog.items.values()))


def ensure_schema(lake: Lake, catalog: Catalog) -> None:
    """Bring the lake's tables and reference data up to the catalog; does nothing when they are."""
    version = f"{catalog.version}-{_code_version()}"
    if version == _present_version(lake):
        return
    tables = schema_tables(catalog)
    with lake.transaction(f"{SCHEMA}{version}") as tx:
        if version == _present_version(lake):  # another process was first
            return
        # Half the disk of the default, at the same price.
        tx.execute("CALL lake.set_option('parquet_compression', 'zstd')")
        for schema in SCHEMAS:
            tx.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        existing = present_tables(tx)
        for table in tables:
            present = existing.get(f"{table.schema}.{table.name}")
            if present is None or table.schema != "rec":
                _extend(tx, table, present)
        for item in catalog.items.values():
            if present := existing.get(f"rec.{item.id}"):
                _evolve(tx, item, present)
                settle_names(tx, item)
        apply_comments(tx, tables)
        for item in delivered_otherwise(tx, catalog):
            settle_ends(tx, item)
        _fill_reference(tx, catalog, version)


def _present_version(lake: Lake) -> str | None:
    try:
        found = lake.scalar("SELECT version FROM ref.catalog_version")
    except duckdb.CatalogException:
        return None
    return None if found is None else str(found)


@lru_cache(maxsize=1)
def _code_version() -> str:
    """A fingerprint of the code that says how tables look: its wording too must reach the tables that exist."""
    here = Path(__file__)
    catalog = here.parents[1] / "catalog"
    digest = hashlib.sha256()
    for path in (
        here,
        here.with_name("evolution.py"),
        catalog / "describe.py",
        *sorted((catalog / "types").glob("*.py")),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:6]


def lake_losses(lake: Lake, catalog: Catalog) -> Iterator[tuple[str, Loss]]:
    """What of the lake the catalog would lose: item and `Loss`, none for a catalog that the lake can follow."""
    existing = present_tables(lake.connection)
    for item in catalog.items.values():
        if present := existing.get(f"rec.{item.id}"):
            yield from ((item.id, loss) for loss in _losses(lake.connection, item, present))


def _losses(tx: duckdb.DuckDBPyConnection, item: Item, present: Mapping[str, str]) -> Iterator[Loss]:
    yield from (step for step in changes(item, _LINEAGE_TYPES, present) if isinstance(step, Loss))
    known = tx.execute("SELECT natural_key FROM ref.item WHERE item_id = ?", [item.id]).fetchone()
    if known and known[0] not in (None, natural_key(item)):
        loaded = tx.execute("SELECT count(*) FROM ops.batch WHERE item_id = ?", [item.id]).fetchone()
        if loaded and loaded[0]:
            yield Loss(
                "key",
                f"关键项由 {known[0]} 改为 {natural_key(item)}，已入库的记录将与新报的对不上",
                "保留原关键项；确须改变的，另立目录编号",
            )


def natural_key(item: Item) -> str:
    """The item's key as text, each field under its first name."""
    first = {f.name: (f.renamed_from or (f.name,))[0] for f in item.fields}
    return "+".join(first.get(name, name) for name in item.key)


def _evolve(tx: duckdb.DuckDBPyConnection, item: Item, present: Mapping[str, str]) -> None:
    """Bring an item's table up to the catalog; raises `UserError` for a change that would lose data."""
    for loss in _losses(tx, item, present):
        raise UserError(f"目录的改动会丢失数据：{loss.what}", where=item.id, remedy=loss.remedy)
    table = f'rec."{item.id}"'
    for step in changes(item, _LINEAGE_TYPES, present):
        match step:
            case Change(kind="add"):
                tx.execute(f'ALTER TABLE {table} ADD COLUMN "{step.column}" {step.type}')
            case Change(kind="rename"):
                tx.execute(f'ALTER TABLE {table} RENAME COLUMN "{step.before}" TO "{step.column}"')
            case Change(kind="widen"):
                # The lake widens few types in place: the column is copied.
                tx.execute(f'ALTER TABLE {table} ADD COLUMN "{step.column}_wider" {step.type}')
                tx.execute(f'UPDATE {table} SET "{step.column}_wider" = "{step.column}"')
                tx.execute(f'ALTER TABLE {table} DROP COLUMN "{step.column}"')
                tx.execute(f'ALTER TABLE {table} RENAME COLUMN "{step.column}_wider" TO "{step.column}"')


def settle_names(tx: duckdb.DuckDBPyConnection, item: Item) -> None:
    """What was found of a field's values before it was renamed tells of it by the name it has now."""
    for old, new in renamed(item).items():
        for table in (QUARANTINE, ISSUE, EXPECTATION):
            told = f"WHERE item_id = {quote(item.id)} AND field = {quote(old)}"
            if tx.execute(f"SELECT 1 FROM ops.{table.name} {told} LIMIT 1").fetchone():
                tx.execute(f"UPDATE ops.{table.name} SET field = {quote(new)} {told}")


def _sql_type(kind: TypeEngine[Any]) -> str:
    names: dict[type, str] = {
        String: "VARCHAR",
        BigInteger: "BIGINT",
        Integer: "INTEGER",
        Double: "DOUBLE",
        DateTime: "TIMESTAMP",
        Date: "DATE",
        Uuid: "UUID",
    }
    return names[type(kind)]


def _extend(tx: duckdb.DuckDBPyConnection, table: Columns, present: Mapping[str, str] | None) -> None:
    if present is None:
        tx.execute(f"CREATE TABLE {table.definition}")
        partition = "period" if table.schema == "rec" else PARTITIONS.get(f"{table.schema}.{table.name}")
        if partition is not None:
            tx.execute(f"ALTER TABLE {table.qualified} SET PARTITIONED BY ({partition})")
        return
    for name, kind, _ in table.columns:
        if name not in present:
            tx.execute(f'ALTER TABLE {table.qualified} ADD COLUMN "{name}" {kind}')


def extend_tables(tx: duckdb.DuckDBPyConnection, tables: Iterable[Columns]) -> None:
    """Create tables that are missing, and add columns that those present lack."""
    existing = present_tables(tx)
    for table in tables:
        _extend(tx, table, existing.get(f"{table.schema}.{table.name}"))


def apply_comments(tx: duckdb.DuckDBPyConnection, tables: Iterable[Columns]) -> None:
    """Give tables and columns the comments stated for them, changing only those that differ."""
    found: dict[tuple[str, str, str | None], str | None] = {
        (schema, table, column): comment
        for schema, table, column, comment in tx.execute(
            # Not what stands in duckdb_tables(), which counts the rows of all. What was committed says nothing of a table
            # that this transaction made anew; its columns have no comment yet.
            "SELECT s.schema_name, t.table_name, NULL, c.value FROM"
            f" (FROM {CATALOG}tag WHERE key = 'comment' AND end_snapshot IS NULL) AS c"
            f" JOIN (FROM {CATALOG}table WHERE end_snapshot IS NULL) AS t ON t.table_id = c.object_id"
            f" JOIN {CATALOG}schema AS s USING (schema_id)"
            " UNION ALL SELECT schema_name, table_name, column_name, comment FROM duckdb_columns()"
            " WHERE database_name = 'lake'"
        ).fetchall()
    }
    for table in tables:
        here = table.schema, table.name
        wrong = [(name, text) for name, _, text in table.columns if found[*here, name] != text]
        if wrong or found.get((*here, None)) != table.comment:
            tx.execute(f"COMMENT ON TABLE {table.qualified} IS {quote(table.comment)}")
        for name, text in wrong:
            tx.execute(f'COMMENT ON COLUMN {table.qualified}."{name}" IS {quote(text)}')


def _fill_reference(tx: duckdb.DuckDBPyConnection, catalog: Catalog, version: str) -> None:
    rows: dict[str, Iterable[tuple[object, ...]]] = {
        "item": (
            (
                *(i.id, i.code, i.title, i.department, i.library, i.category),
                *(i.subject.kind, i.frequency, i.share, natural_key(i), i.delivery),
            )
            for i in catalog.items.values()
        ),
        "apart": ((item_id,) for item_id in sorted(catalog.apart)),
        "field": _field_rows(catalog),
        "department": ((d.id, d.name, d.full_name, d.in_plan) for d in catalog.departments.values()),
        "division": (
            (d.code, d.name, d.level, d.parent, d.valid_from, d.valid_to, d.kind)
            for d in catalog.divisions.rows
        ),
        "code": (
            (listed.id, code.code, code.title, listed.title)
            for listed in catalog.lists.values()
            for code in listed.codes
        ),
        "catalog_version": ((version,),),
    }
    for table in REFERENCE:
        tx.execute(f"DELETE FROM {table.qualified}")
        names = [name for name, _, _ in table.columns]
        reference_rows = pa.Table.from_pylist(
            [dict(zip(names, row, strict=True)) for row in rows[table.name]]
        )
        if not reference_rows.num_rows:  # a table without rows has no columns to name either
            continue
        tx.register("reference_rows", reference_rows)
        tx.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM reference_rows")
        tx.unregister("reference_rows")


def _field_rows(catalog: Catalog) -> Iterator[tuple[object, ...]]:
    for item in catalog.items.values():
        for f in item.fields:
            required = f.required if isinstance(f.required, bool) else f"{f.required.field}"
            yield (
                item.id,
                f.name,
                f.title,
                f.type,
                TYPES[f.type].title,
                str(required),
                f.share or item.share,
                f.unit,
                f.list,
            )
        for r in item.retired:
            yield (item.id, r.name, r.title, r.type, TYPES[r.type].title, "False", item.share, None, None)
