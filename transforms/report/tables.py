"""The bulletin's tables, once for HTML and XLSX: columns with title and kind, and rows from `Figures`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from transforms.report.figures import STATUS, Figures, Row
from transforms.report.words import percent, permille, whole

Kind = Literal["text", "whole", "rate", "permille", "date", "rank", "points"]


@dataclass(frozen=True)
class Column:
    """`key` of the row, Chinese title, kind, width in the workbook; `on_page`: not for the workbook only."""

    key: str
    title: str
    kind: Kind
    width: int = 12
    on_page: bool = True


@dataclass(frozen=True)
class Table:
    """A table with its caption, the unit line above it, and rows; the last `totals` rows are sums.

    The page shows the first `shown` rows, the workbook all.
    """

    id: str
    sheet: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: int = 0
    unit: str = "单位：条、%"
    shown: int = 200
    lines: tuple[tuple[str, float, Literal["at least", "at most"]], ...] = ()
    """Reference lines: column, value, and on which side of it a figure has to be."""

    def misses(self, row: Row, column: Column) -> bool:
        """Whether the row's figure is on the wrong side of a reference line."""
        value = row.get(column.key)
        return value is not None and any(
            column.key == key and (value < line if side == "at least" else value > line)
            for key, line, side in self.lines
        )


def tables(f: Figures) -> dict[str, Table]:
    """The tables of the bulletin, by id, in the order of the workbook's sheets."""
    if f.unit is None:
        made = [
            _counties(f),
            _scores(f),
            _departments(f),
            _department_scores(f),
            _double_publicity(f),
            _items(f),
            _duties(f),
            _faults(f),
            _forecast(f),
            _adjustments(f),
        ]
    elif f.unit.kind == "county":
        made = [_county_items(f), _faults(f), _rows(f)]
    else:
        made = [_items(f), _faults(f), _rows(f)]
    if f.targets is None:
        made = [table for table in made if table.id != "forecast"]
    return {table.id: table for table in made}


def _counties(f: Figures) -> Table:
    total = {
        "county_name": "全市合计",
        "floor_target": f.city["floor_total"],
        "quota_target": f.city["target"],
        "quota_rate": f.city["rate"],
    } | _sums(f.counties, "collected", "collected_in_period", "collected_before")
    columns: tuple[Column, ...] = (
        Column("rank", "排名", "rank", 6),
        Column("county_name", "县（市、区）", "text", 20),
        Column("collected", "累计归集量", "whole", 14),
        Column("collected_in_period", "本月新增", "whole", 12),
        Column("quota_target", "任务数", "whole", 13),
        Column("quota_rate", "任务完成率", "rate", 12),
        Column("floor_target", "保底目标", "whole", 13),
        Column("floor_rate", "保底完成率", "rate", 12),
    )
    if f.targets is None:
        columns = columns[1:4]
    return Table(
        "counties", "各县(市、区)进度", "各县（市、区）归集进度", columns, (*f.counties, total), totals=1
    )


def _departments(f: Figures) -> Table:
    rows = [d for d in f.departments if d["items"] or d["submitted"] or d["collected"]]
    keys = (
        "items_owed",
        "items_delivered",
        "submitted",
        "new",
        "updated",
        "duplicate",
        "questioned",
        "set_aside",
    )
    total = {"department_name": "合计", "valid_rate": f.city["valid_rate"]} | _sums(rows, *keys, "collected")
    columns = (
        Column("department_name", "部门", "text", 18),
        Column("items_owed", "应报项", "whole", 9),
        Column("items_delivered", "已报项", "whole", 9),
        *_SUBMITTED,
        Column("collected", "累计归集量", "whole", 14),
    )
    return Table(
        "departments",
        "市直部门",
        "市直部门报送情况",
        columns,
        (*rows, total),
        totals=1,
        unit="单位：项、条、%；一项目录由几个部门报送的，在各部门分别计项",
    )


_SUBMITTED = (
    Column("submitted", "上报", "whole", 12),
    Column("new", "入库", "whole", 12),
    Column("updated", "更新", "whole", 11),
    Column("duplicate", "重复", "whole", 11),
    Column("questioned", "疑问", "whole", 11),
    Column("set_aside", "搁置", "whole", 11),
    Column("valid_rate", "合规率", "rate", 10),
)


def _score_columns(f: Figures, kind: str) -> tuple[Column, ...]:
    titles = {
        name: f"{part['title']}（{part['weight'].normalize():f}分）"
        for (of, _), parts in f.parts.items()
        if of == kind
        for name, part in parts.items()
    }
    return (
        *(Column(name, title, "points", 12) for name, title in titles.items()),
        Column("deduction", "扣分", "points", 8),
        Column("concealed", "瞒报", "whole", 7),
        Column("missing", "漏报", "whole", 7),
        Column("late", "迟报", "whole", 7),
        Column("not_measured", "未计指标", "text", 24, on_page=False),
    )


def _points(f: Figures, kind: str, unit: str) -> Row:
    return {name: part["points"] for name, part in f.parts.get((kind, unit), {}).items()}


def _scores(f: Figures) -> Table:
    rows = [r | _points(f, "county", r["county_code"]) for r in f.county_scores]
    columns = (
        Column("rank", "名次", "rank", 6),
        Column("county_name", "县（市、区）", "text", 18),
        Column("score", "得分", "points", 9),
        *_score_columns(f, "county"),
    )
    return Table(
        "scores", "县(市、区)得分", "各县（市、区）考核得分", columns, tuple(rows), unit="单位：分、项"
    )


def _department_scores(f: Figures) -> Table:
    rows = [
        r | _points(f, "department", r["department"]) for r in f.department_scores if r["score"] is not None
    ]
    columns = (
        Column("rank", "名次", "rank", 6),
        Column("department_name", "部门", "text", 18),
        Column("score", "得分", "points", 9),
        *_score_columns(f, "department"),
    )
    return Table(
        "department_scores", "市直部门得分", "市直部门考核得分", columns, tuple(rows), unit="单位：分、项"
    )


def _double_publicity(f: Figures) -> Table:
    rows = [r | ({"county_name": "合计"} if r["county_code"] is None else {}) for r in f.double_publicity]
    lines = {
        "valid_rate": float(f.reference.compliance),
        "timely_rate": float(f.reference.timeliness),
        "concealed_rate": float(f.reference.concealed),
    }
    columns = (
        Column("title", "目录", "text", 24),
        Column("county_name", "报送单位", "text", 18),
        Column("submitted", "上报", "whole", 10),
        Column("valid", "合规", "whole", 10),
        Column("valid_rate", "合规率", "rate", 10),
        Column("timed", "应计时限", "whole", 10),
        Column("in_time", "及时", "whole", 10),
        Column("late_records", "迟报", "whole", 9),
        Column("timely_rate", "及时率", "rate", 10),
        Column("produced", "自报产生数", "whole", 11),
        Column("concealed_records", "瞒报", "whole", 9),
        Column("concealed_rate", "瞒报率", "permille", 14),
    )
    return Table(
        "double_publicity",
        "双公示",
        "“双公示”情况",
        columns,
        (*rows, {"title": "参考线", **lines}),
        totals=1,
        unit="单位：条、%、‰",
        lines=(
            ("valid_rate", lines["valid_rate"], "at least"),
            ("timely_rate", lines["timely_rate"], "at least"),
            ("concealed_rate", lines["concealed_rate"], "at most"),
        ),
    )


def _duties(f: Figures) -> Table:
    columns = (
        Column("fault", "类别", "text", 8),
        Column("county_name", "县（市、区）", "text", 16),
        Column("department_name", "部门", "text", 16),
        Column("title", "目录", "text", 32),
        Column("due_on", "报送期限", "date", 12),
        Column("delivered_on", "报送日期", "date", 12),
        Column("submitted", "上报", "whole", 10),
        Column("produced", "自报产生数", "whole", 11),
        Column("concealed_records", "瞒报条数", "whole", 10),
    )
    return Table("duties", "迟报漏报瞒报", "迟报、漏报、瞒报", columns, f.duties, unit="单位：条", shown=60)


def _forecast(f: Figures) -> Table:
    binding = {"floor": "保底目标", "quota": "任务数", "both": "两项相等", None: ""}
    rows = [
        r
        | {
            "estimated": f.estimated and r["quota_target"] is not None,
            "binding_title": binding[r["binding"]],
            "floor_when": _when(r["floor_target"], r["floor_months"], r["floor_reached"]),
            "quota_when": _when(r["quota_target"], r["quota_months"], r["quota_reached"]),
        }
        for r in f.forecast
    ]
    columns = (
        Column("county_name", "县（市、区）", "text", 20),
        Column("collected", "累计归集量", "whole", 14),
        Column("monthly_rate", "近三月月均", "points", 12),
        Column("floor_target", "保底目标", "whole", 13),
        Column("floor_when", "达到保底", "text", 14),
        Column("quota_target", "任务数", "whole", 13),
        Column("quota_when", "完成任务", "text", 14),
        Column("binding_title", "起约束作用的", "text", 14),
    )
    return Table("forecast", "进度预测", "按近三个月进度的预测", columns, tuple(rows), unit="单位：条")


def _when(target: int | None, months: int | None, reached: str | None) -> str:
    if target is None:
        return "—"
    if months is None:
        return "按此进度达不到"
    return "已达到" if months == 0 else reached or "百年以上"


def _adjustments(f: Figures) -> Table:
    columns = (
        Column("of_period", "已通报期次", "text", 12),
        Column("county_name", "县（市、区）", "text", 18),
        Column("published", "通报数", "whole", 14),
        Column("recomputed", "现重算数", "whole", 14),
        Column("difference", "调整", "whole", 12),
    )
    return Table("adjustments", "调整", "对已通报数的调整", columns, f.adjustments, unit="单位：条")


def flag_table(f: Figures) -> Table:
    """The review sheet: what somebody has to look at before the bulletin goes out."""
    kinds = {
        "concentration": "一项独大", "jump": "突增", "renewed": "换号重报", "constant": "同值填充",
        "sequential": "顺号填充", "test_name": "测试数据", "before_founding": "早于成立",
    }  # fmt: skip
    rows = [r | {"kind_title": kinds[r["flag"]], "verdict": ""} for r in f.flags]
    columns = (
        Column("kind_title", "情形", "text", 10),
        Column("county_name", "县（市、区）", "text", 16),
        Column("department_name", "部门", "text", 16),
        Column("title", "目录", "text", 28),
        Column("message", "说明", "text", 56),
        Column("source_file", "例：文件", "text", 40),
        Column("row_number", "例：行", "whole", 8),
        Column("verdict", "核实结论", "text", 24),
    )
    return Table("flags", "核查", "通报前须核实的情形", columns, tuple(rows), unit="只列出，不自动更正")


def cell_text(row: Row, column: Column) -> str:
    """A table's cell as text; a missing number is a dash, a missing text nothing."""
    value = row.get(column.key)
    if column.kind == "rate":
        return percent(value)
    if column.kind == "permille":
        return permille(value)
    if column.kind == "points":
        return "—" if value is None else f"{value:,.2f}"
    if column.kind == "whole":
        return whole(value) + ("*" if column.key == "quota_target" and row.get("estimated") else "")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def _items(f: Figures) -> Table:
    rows = [i | {"status_title": STATUS[i["status"]]} for i in f.items]
    columns = (
        Column("department_name", "部门", "text", 16),
        Column("title", "目录", "text", 32),
        Column("status_title", "报送状态", "text", 12),
        Column("due_date", "报送期限", "date", 12),
        Column("delivered_on", "报送日期", "date", 12),
        *_SUBMITTED,
        Column("collected", "累计归集量", "whole", 14),
        Column("linking_rate", "可关联率", "rate", 10),
    )
    return Table("items", "目录", "各目录报送情况", _without_department(f, columns), tuple(rows))


def _county_items(f: Figures) -> Table:
    columns = (
        Column("department_name", "部门", "text", 16),
        Column("title", "目录", "text", 36),
        Column("collected", "累计归集量", "whole", 14),
        Column("collected_in_period", "本月新增", "whole", 12),
    )
    total = {"department_name": "合计"} | _sums(f.county_items, "collected", "collected_in_period")
    return Table(
        "county_items", "目录", "各目录归集量", columns, (*f.county_items, total), totals=1, unit="单位：条"
    )


def _faults(f: Figures) -> Table:
    levels = {"quarantine": "疑问", "set_aside": "搁置"}
    rows = [r | {"level_title": levels.get(r["level"], r["level"])} for r in f.faults]
    columns = (
        Column("level_title", "类别", "text", 8),
        Column("department_name", "部门", "text", 16),
        Column("title", "目录", "text", 28),
        Column("field_title", "数据项", "text", 20),
        Column("rule", "规则标识", "text", 20, on_page=False),
        Column("count", "行数", "whole", 10),
        Column("message", "说明", "text", 60),
    )
    return Table(
        "faults",
        "质量",
        "疑问和搁置数据（按规则）",
        _without_department(f, columns),
        tuple(rows),
        unit="单位：行",
        shown=20,
    )


def _rows(f: Figures) -> Table:
    columns = (
        Column("title", "目录", "text", 28),
        Column("source_file", "文件", "text", 46),
        Column("sheet", "工作表", "text", 12),
        Column("row_number", "行号", "whole", 9),
        Column("field_title", "数据项", "text", 20),
        Column("value", "原值", "text", 28),
        Column("message", "说明", "text", 60),
    )
    return Table(
        "rows",
        "疑问明细",
        "退回的疑问数据",
        columns,
        f.rows,
        unit="行号为文件（有几张表的，为该表）中的行号，含标题行",
    )


def _without_department(f: Figures, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """In a department's own bulletin its name needs no column."""
    own = f.unit is not None and f.unit.kind == "department"
    return tuple(c for c in columns if not (own and c.key == "department_name"))


def _sums(rows: Sequence[Row], *keys: str) -> dict[str, Any]:
    return {key: sum(row[key] for row in rows) for key in keys}
