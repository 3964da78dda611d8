"""A draft of a catalog item from a sample: what the content tells; what only people know stays TODO."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from catalog.errors import UserError
from catalog.forbidden import load_forbidden
from catalog.headers import has_text, headings, normalise_header
from catalog.loader import Catalog
from catalog.model import IDENTIFIERS, Field
from catalog.types import TYPES, Use
from catalog.types.base_sql import quote
from transforms.stage.county import division_macros, division_maps
from transforms.stage.rawfile import first_rows
from transforms.stage.read import read_raw

_CLEAN_SHARE = 0.9  # of the filled cells, for a type guessed from content
_KNOWN_SHARE = 0.5  # for a type the heading already speaks for
_FEW = 12
_LENGTHS = (20, 50, 100, 200, 500, 1000, 2000, 4000)
_LAYOUT_OF = date(2019, 12, 31)  # names of divisions of any date lead to those of this one
_PLAIN_SCALAR = re.compile(r"[^\W\d][\w（）、，。；：/()·-]*")


@dataclass(frozen=True)
class _Column:
    """One column of the sample: where it stands, what it is called, what its cells look like."""

    index: int
    title: str
    filled: int
    distinct: int
    longest: int
    breaks: bool


@dataclass(frozen=True)
class _Drafted:
    column: _Column
    field: Field
    share: float
    values: tuple[str, ...] = ()


def draft_item(item_id: str, sample: Path, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> str:
    """YAML of a new item, drafted from a sample file; `catalog check` finds in it just the lines marked TODO.

    `connection` needs the macros of the semantic types (`warehouse.lake.connect`). Raises `UserError` for a
    malformed or known id, an unreadable file, a file without header or rows.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", item_id):
        raise UserError(
            f"目录标识“{item_id}”写法不符", remedy="用小写英文字母开头，只含小写字母、数字和下划线"
        )
    if item_id in catalog.items:
        raise UserError(f"目录“{item_id}”已经存在", remedy="换一个标识，或直接修改该目录文件")
    with tempfile.TemporaryDirectory(prefix="xtcredit-draft-") as folder:
        raw = read_raw(sample, Path(folder) / "raw.parquet", connection)
        for statement in division_macros(division_maps(catalog.divisions, _LAYOUT_OF)):
            connection.execute(statement)
        draft = _Draft(connection, Path(folder) / "raw.parquet", raw.columns, catalog, sample.name)
        return draft.yaml(item_id)


class _Draft:
    """Looks at the raw table column by column; holds what was found."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path, width: int, catalog: Catalog, name: str
    ) -> None:
        self.connection = connection
        self.catalog = catalog
        self.file = name
        header_row, self.header = self._find_header(path, width)
        cells = ", ".join(f"xt_clean(c{i}) AS c{i}" for i in range(width))
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE draft_cells AS SELECT * FROM (SELECT {cells}"
            f" FROM read_parquet({quote(str(path))}, file_row_number = true)"
            f" WHERE file_row_number > {header_row} AND _malformed IS NULL)"
            f" WHERE coalesce({', '.join(f'c{i}' for i in range(width))}) IS NOT NULL"
        )
        self.rows = self._number("SELECT count(*) FROM draft_cells")
        if not self.rows:
            raise UserError("样例只有表头，没有数据行", where=name, remedy="请提供含数据的样例")
        self.known = _known_headings(catalog)
        self.never_read = _ignored_headings(catalog)
        self.forbidden = load_forbidden()
        self.ignored: list[str] = []
        self.warnings: list[str] = []
        self.fields = list(self._fields())
        if not self.fields:
            raise UserError("样例中没有可以归集的列", where=name, remedy="核对样例；不得归集的列不能起草")

    # -- looking -----------------------------------------------------------------------------------------

    def _find_header(self, path: Path, width: int) -> tuple[int, list[str]]:
        """The first of the rows with most words: records hold codes and dates beside theirs."""
        rows = first_rows(path, width, self.connection)
        scores = [
            sum(has_text(c) and bool(re.search(r"[^\W\d]", c)) and not re.search(r"\d{4}", c) for c in row)
            for row in rows
        ]
        best = max(range(len(rows)), key=lambda i: (scores[i], -i), default=-1)
        if best < 0 or not scores[best]:
            raise UserError("样例中没有找到表头", where=self.file, remedy="请提供首行为列名的样例")
        return best, [" ".join((cell or "").split()) for cell in rows[best]]

    def _fields(self) -> Iterator[_Drafted]:
        taken: Counter[str] = Counter()
        seen: set[str] = set()
        for i, title in enumerate(self.header):
            heading = normalise_header(title)
            if not heading or heading in seen:
                if self._number(f"SELECT count(c{i}) FROM draft_cells"):
                    self.warnings.append(
                        f"样例第{i + 1}列“{title}”没有列名或与前面的列同名，未列入。请提供单位改正表头。"
                    )
                continue
            seen.add(heading)
            rule = self.forbidden.find(heading)
            if rule is not None:
                self.warnings.append(
                    f"样例中的“{title}”不得归集，未列入：{rule.reason}（{rule.source}）。请通知提供单位停止报送。"
                )
                continue
            if self.never_read[heading] > len(self.known.get(heading, ())):
                self.ignored.append(title)
                continue
            column = self._column(i, title)
            field, share = self._field(column)
            taken[field.name] += 1
            if taken[field.name] > 1:
                field = field.model_copy(update={"name": f"{field.name}_{taken[field.name]}"})
            few = (
                0 < column.distinct <= _FEW and 3 * column.distinct <= column.filled and column.longest <= 20
            )
            # Only of a column nobody knows: names of persons have no place in a catalog file.
            unknown = (
                field.name == f"c{i + 1}"
                and TYPES[field.type].storage == "VARCHAR"
                and not TYPES[field.type].telling
            )
            yield _Drafted(column, field, share, self._values(i) if few and unknown else ())

    def _column(self, index: int, title: str) -> _Column:
        found = self.connection.execute(
            f"SELECT count(c{index}), count(DISTINCT c{index}), coalesce(max(length(c{index})), 0),"
            f" coalesce(bool_or(contains(c{index}, chr(10))), FALSE) FROM draft_cells"
        ).fetchone()
        assert found is not None
        return _Column(index, title, *found)

    def _values(self, index: int) -> tuple[str, ...]:
        found = self.connection.execute(
            f"SELECT c{index} FROM draft_cells WHERE c{index} IS NOT NULL"
            " GROUP BY 1 ORDER BY count(*) DESC, 1"
        ).fetchall()
        return tuple(value for (value,) in found)

    def _field(self, column: _Column) -> tuple[Field, float]:
        """What the heading is known to mean, if the content agrees; else what the content looks like."""
        required = column.filled == self.rows
        for known in self.known.get(normalise_header(column.title), ()):
            field = known.model_copy(update={"title": column.title, "headers": (), "required": required})
            share = self._clean_share(column, field)
            if share >= _KNOWN_SHARE:
                return field, share
        name = f"c{column.index + 1}"
        for kind in (k for k in TYPES.values() if k.units):
            unit = next((u for u in kind.units if normalise_header(column.title).endswith(f"({u})")), None)
            most = str(10 ** (column.longest + 2))
            field = Field(name=name, title=column.title, type=kind.id, required=required, unit=unit, max=most)
            if unit and (share := self._clean_share(column, field)) >= _CLEAN_SHARE:
                return field, share
        for kind in sorted(TYPES.values(), key=lambda t: (-t.telling, t.id)):
            if kind.telling > 0 and column.filled:
                field = Field(name=name, title=column.title, type=kind.id, required=required)
                share = self._clean_share(column, field)
                if share >= _CLEAN_SHARE:
                    return field, share
        length = next((n for n in _LENGTHS if 1.5 * column.longest <= n), None)
        long = column.longest > 100 or column.breaks
        return Field(
            name=name, title=column.title, type="text" if long else "line", length=length, required=required
        ), 1.0

    def _clean_share(self, column: _Column, field: Field) -> float:
        """Share of the filled cells that the type reads without a fault."""
        if not column.filled:
            return 1.0
        kind, use = TYPES[field.type], Use(field, self.catalog.lists.get(field.list or ""))
        faults = (
            " OR ".join(f"coalesce({fault.when}, FALSE)" for fault in kind.faults("t", "p", use)) or "FALSE"
        )
        clean = self._number(
            f"SELECT count(*) FROM (SELECT t, {kind.plain('t', use)} AS p"
            f" FROM (SELECT c{column.index} AS t FROM draft_cells)"
            f" WHERE t IS NOT NULL) WHERE p IS NOT NULL AND NOT ({faults})"
        )
        return clean / column.filled

    def _number(self, sql: str) -> int:
        row = self.connection.execute(sql).fetchone()
        assert row is not None
        return int(row[0])

    # -- writing -----------------------------------------------------------------------------------------

    def yaml(self, item_id: str) -> str:
        """The draft, in the order and style of the catalog's items."""
        return "\n".join(self._lines(item_id)) + "\n"

    def _lines(self, item_id: str) -> Iterator[str]:
        yield f"# 由样例 {self.file}（{self.rows} 行）起草。"
        yield "# 逐项核对，补完标有 TODO 的各行，再运行 xtcredit catalog check。"
        yield from (f"# 警告：{warning}" for warning in self.warnings)
        yield f"id: {item_id}"
        yield f"code: {self._free_code()}  # TODO 目录编号，按公共信用信息目录核定"
        yield "title: 待定  # TODO 目录名称"
        yield "english: to be named  # TODO 英文名称"
        yield "department: TODO  # TODO 来源部门，departments.csv 中的标识，也是文件夹名"
        yield "library: TODO  # TODO 归入哪个库"
        yield "category: TODO  # TODO 信息类别，见代码表 category"
        subject = ", ".join(f"{role}: {name}" for role, name in self._subject().items())
        yield f"subject: {{{subject}}}  # TODO 核对主体类别与标识"
        yield "share: authorised  # TODO 共享属性 public、government 或 authorised"
        yield "frequency: monthly  # TODO 报送频率"
        yield "due: {day: 5}  # TODO 次月几日前报送"
        yield "legal_basis:"
        yield "  - {document: TODO}  # TODO 归集依据的文件与条款"
        yield "owner: {provider: TODO}  # TODO 提供单位"
        yield 'provision: {role: city_department, since: "2019-10", reason: TODO}  # TODO 谁报、自何时、因何'
        yield "retention: TODO  # TODO 保存期限"
        yield from self._key()
        yield "fields:"
        for drafted in self.fields:
            yield f"  - {{{', '.join(self._pairs(drafted.field))}}}"
            yield from (f"    # {remark}" for remark in self._remarks(drafted))
        county = list(self._county())
        yield "county:" if county else "county: []  # TODO 没有可据以判定属地的列，全部计入市本级"
        yield from county
        if self.ignored:
            yield f"ignore: [{', '.join(map(_scalar, self.ignored))}]"
        most = max(1000, 10 ** (len(str(self.rows)) + 2))
        yield f"rows: {{min: 1, max: {most}}}  # TODO 正常一次报送的行数范围"
        yield "reject_rate: {warn: 0.02, fail: 0.3}"

    def _free_code(self) -> str:
        numbers = [int(item.code[2:5]) for item in self.catalog.items.values()]
        return f"XT{max([106, *numbers]) + 1:03d}"

    def _key(self) -> Iterator[str]:
        sure = [d.field.name for d in self.fields if d.column.filled == self.rows]
        unique = [d for d in self.fields if d.column.distinct == self.rows and d.field.name in sure]
        # Numbers and dates that happen not to repeat come last.
        unique.sort(key=lambda d: (TYPES[d.field.type].storage != "VARCHAR", -TYPES[d.field.type].telling))
        candidates = "、".join(d.field.name for d in unique) or "无"
        key = [unique[0].field.name] if unique else sure or ["subject"]
        yield f"key: [{', '.join(key)}]  # TODO 核对关键项；样例中取值不重复且不空的列：{candidates}"

    def _pairs(self, field: Field) -> Iterator[str]:
        yield f"name: {field.name}"
        yield f"title: {_scalar(field.title)}"
        yield f"type: {field.type}"
        for key in ("list", "unit", "length", "min", "max", "document_kind"):
            value = getattr(field, key)
            if value is not None:
                yield f"{key}: {value if key == 'length' else _scalar(value)}"
        if field.required is True:
            yield "required: true"
        if TYPES[field.type].private:
            yield "share: authorised"

    def _remarks(self, drafted: _Drafted) -> Iterator[str]:
        column = drafted.column
        if column.filled < self.rows:
            yield f"样例中空值 {self.rows - column.filled} 行，占 {1 - column.filled / self.rows:.1%}"
        if drafted.share < 1:
            title = TYPES[drafted.field.type].title
            yield f"样例中有 {1 - drafted.share:.1%} 的值不符合类型 {drafted.field.type}（{title}）"
        if drafted.values:
            values = "、".join(" ".join(value.split()) for value in drafted.values)
            yield f"只有 {len(drafted.values)} 种取值，可做代码表：{values}"

    def _subject(self) -> dict[str, str]:
        """Roles by the types that the catalog's items give them."""
        roles: dict[str, Counter[str]] = {}
        for item in self.catalog.items.values():
            for role in ("name", *IDENTIFIERS):
                if (name := getattr(item.subject, role)) is not None:
                    roles.setdefault(role, Counter())[item.field(name).type] += 1
        found: dict[str, str] = {}
        for role, types in roles.items():
            fitting = [
                d.field for d in self.fields if d.field.type in types and d.field.name not in found.values()
            ]
            if fitting:
                found[role] = max(fitting, key=lambda f: types[f.type]).name
        kind = "person" if "person" in found else "organization"
        kind = "any" if "person" in found and len(found.keys() - {"name", "person"}) else kind
        name = found.pop("name", None) or next(
            (d.field.name for d in self.fields if d.field.name not in found.values()),
            self.fields[0].field.name,
        )
        return {"kind": kind, "name": name, **found}

    def _county(self) -> Iterator[str]:
        """The ways in which the catalog's items place fields of these types."""
        ways: dict[tuple[str, str], int] = Counter(
            (rule.by, item.field(rule.field).type)
            for item in self.catalog.items.values()
            for rule in item.county
            if rule.field
        )
        placed: set[str] = set()
        for by in ("authority", "registrar", "division", "address", "household"):
            for drafted in self.fields:
                name, kind = drafted.field.name, drafted.field.type
                best = max((n for (_, t), n in ways.items() if t == kind), default=0)
                if name not in placed and best and ways.get((by, kind)) == best:
                    placed.add(name)
                    yield f"  - {{by: {by}, field: {name}}}"


def _known_headings(catalog: Catalog) -> dict[str, list[Field]]:
    """What each heading means in the catalog, the most frequent first; only fields that stand alone."""
    votes: dict[str, Counter[tuple[str, str]]] = {}
    fields: dict[tuple[str, str], Field] = {}
    for item in catalog.items.values():
        for field in item.fields:
            if field.document_kind or field.same_column_as:
                continue
            meaning = (field.name, field.type)
            fields.setdefault(meaning, _bare(field))
            for heading in {normalise_header(h) for h in headings(field, None)}:
                votes.setdefault(heading, Counter())[meaning] += 1
    return {
        heading: [fields[meaning] for meaning, _ in counted.most_common()]
        for heading, counted in votes.items()
    }


def _bare(field: Field) -> Field:
    """The field without what holds only in its own item."""
    most = field.max if TYPES[field.type].units else None
    keep = {key: getattr(field, key) for key in ("name", "title", "type", "list", "unit", "length")}
    return Field(**keep, max=most)


def _ignored_headings(catalog: Catalog) -> Counter[str]:
    """How many items leave each heading out."""
    return Counter(normalise_header(heading) for item in catalog.items.values() for heading in item.ignore)


def _scalar(text: str) -> str:
    """The text as a YAML scalar inside a flow mapping."""
    if _PLAIN_SCALAR.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
