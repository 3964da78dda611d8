"""The marts' tables: what the bulletin and the office read. One period's rows are replaced as a whole."""

from __future__ import annotations

from warehouse.schema import Columns

_COMMON: dict[str, tuple[str, str]] = {
    "period": ("VARCHAR", "期次（YYYY-MM）"),
    "item_id": ("VARCHAR", "目录标识"),
    "department": ("VARCHAR", "来源部门标识"),
    "department_name": ("VARCHAR", "来源部门简称"),
    "county_code": ("VARCHAR", "县（市、区）代码；130500 为市本级"),
    "collected": ("BIGINT", "累计归集量：首次入库期次不晚于本期的记录，每条只计一次"),
    "collected_in_period": ("BIGINT", "本期新增归集量：首次入库期次为本期的记录"),
    "collected_before": ("BIGINT", "上期末累计归集量：首次入库期次早于本期的记录"),
    "collected_in_previous": ("BIGINT", "上期新增归集量"),
    "linked": ("BIGINT", "有有效主体标识、可关联的记录数"),
    "submitted": ("BIGINT", "本期上报量：数据行，不含空行、表头、表尾"),
    "accepted": ("BIGINT", "本期有效量＝入库＋更新"),
    "new": ("BIGINT", "本期入库量：首次出现的记录"),
    "updated": ("BIGINT", "本期更新量：内容有变的已有记录"),
    "duplicate": ("BIGINT", "本期重复量：与当前版本相同或更旧的行"),
    "questioned": ("BIGINT", "本期疑问量：不合规则、退回提供单位的行"),
    "set_aside": ("BIGINT", "本期搁置量：非本市或不属该目录的行，不计为差错"),
    "valid_rate": ("DOUBLE", "合规率：（入库+更新+重复）÷（上报-搁置）"),
    "items_owed": ("INTEGER", "本期应报目录数"),
    "items_delivered": ("INTEGER", "本期应报目录中已报（含零报告）的目录数"),
    "obligations_owed": ("INTEGER", "本期应报责任数：每项目录每个应报单位一件（明细见 mart.obligation）"),
    "obligations_met": ("INTEGER", "其中已报送或已作零报告的件数"),
    "status": ("VARCHAR", "not_due 本期不应报，missing 应报未报，zero 零申报，delivered 已报"),
}
"""Measures that mean the same in every mart they stand in."""


def _mart(name: str, comment: str, *columns: str | tuple[str, str, str]) -> Columns:
    shape = tuple((c, *_COMMON[c]) if isinstance(c, str) else c for c in columns)
    return Columns("mart", name, comment, shape)


_REPORTED = ("submitted", "accepted", "new", "updated", "duplicate", "questioned", "set_aside", "valid_rate")

MARTS: tuple[Columns, ...] = (
    _mart(
        "city_progress",
        "全市归集进度，每期一行",
        "period",
        "collected",
        ("target", "BIGINT", "全市目标；没有适用目标时为空"),
        ("rate", "DOUBLE", "完成率（0-1）"),
        *("collected_in_period", "collected_before", "collected_in_previous", "linked"),
        ("floor_total", "BIGINT", "各县（市、区）保底目标之和，与全市目标不等"),
        ("counties", "INTEGER", "县（市、区）数"),
        ("target_document", "VARCHAR", "目标所依据的文件"),
        ("layout", "VARCHAR", "适用的区划：2019 为调整前，2020 为调整后"),
        *_REPORTED,
        *("items_owed", "items_delivered", "obligations_owed", "obligations_met"),
        ("catalog_version", "VARCHAR", "计算所用的目录版本"),
    ),
    _mart(
        "county_progress",
        "各县（市、区）、开发区与市本级的归集进度",
        *("period", "county_code"),
        ("county_name", "VARCHAR", "县（市、区）名称"),
        ("unit_kind", "VARCHAR", "county 县（市、区），zone 开发区，city_level 市本级"),
        *("collected", "collected_in_period", "collected_before", "collected_in_previous"),
        ("items", "INTEGER", "有记录的目录数"),
        (
            "unplaced",
            "BIGINT",
            "按期末区划无法归到某一县（市、区）而列入市本级的记录，如只知原邢台县、不知乡镇的",
        ),
        *("obligations_owed", "obligations_met"),
        ("floor_target", "BIGINT", "保底目标：每县（市、区）200万条的读法"),
        ("floor_rate", "DOUBLE", "保底目标完成率（0-1）"),
        ("quota_target", "BIGINT", "任务数：全市目标按人口、GDP加权分配的读法"),
        ("quota_rate", "DOUBLE", "任务完成率（0-1）"),
        ("rank", "INTEGER", "按任务完成率排名，并列同名次；市本级、开发区不排名"),
        ("population", "BIGINT", "人口（人），分配任务的权重之一"),
        ("gdp_yi_yuan", "DECIMAL(18,2)", "地区生产总值（亿元），分配任务的权重之一"),
        ("weight_confidence", "VARCHAR", "权重可信度：exact 查得，estimate 估计，derived 推算"),
    ),
    _mart(
        "county_item",
        "各县（市、区）、目录、归属规则的归集量；县区各数由此加总",
        *("period", "county_code", "item_id"),
        (
            "county_rule",
            "VARCHAR",
            "归属规则；split_unit 原县已拆分且不知乡镇，unknown_division 区划无法识别",
        ),
        *("collected", "collected_in_period", "collected_in_previous", "linked"),
    ),
    _mart(
        "department_progress",
        "市直部门本期报送与累计归集",
        *("period", "department", "department_name"),
        *_REPORTED,
        "collected",
        ("items", "INTEGER", "该市直部门负有责任的目录数"),
        *("items_owed", "items_delivered"),
        ("is_zero", "BOOLEAN", "本期有应报目录，既未报送也未作零报告"),
    ),
    _mart(
        "item_progress",
        "各目录本期报送与累计归集",
        *("period", "item_id"),
        ("title", "VARCHAR", "目录名称"),
        *("department", "department_name"),
        ("library", "VARCHAR", "归入的库"),
        ("batches", "INTEGER", "本期入库批次数"),
        *_REPORTED,
        *("collected", "linked"),
        ("linking_rate", "DOUBLE", "关联率：可关联的记录÷累计归集量"),
        ("providers_owed", "INTEGER", "本期应报单位数"),
        ("providers_met", "INTEGER", "其中已报送或已作零报告的单位数"),
        "status",
    ),
    _mart(
        "obligation",
        "报送责任：每期每项目录每个报送单位一行；未列责任而报来的也在其中",
        *("period", "item_id"),
        ("title", "VARCHAR", "目录名称"),
        *("department", "department_name"),
        ("county_code", "VARCHAR", "报送单位所在县（市、区）代码；130500 为市直部门"),
        ("county_name", "VARCHAR", "县（市、区）名称；市直部门为市本级"),
        (
            "role",
            "VARCHAR",
            "责任来源：city_department 市直部门，county_bureau 县级部门，city_and_county 市县两级，none 未列责任",
        ),
        ("since", "VARCHAR", "自哪个期次起"),
        ("reason", "VARCHAR", "因何"),
        (
            "state",
            "VARCHAR",
            "not_due 本期不应报，missing 应报未报，zero 已作零报告，delivered 已报",
        ),
        ("due_on", "DATE", "报送期限；本期不应报的为空"),
        ("delivered_on", "DATE", "最早一次报送（或零报告）的日期"),
        ("on_time", "BOOLEAN", "是否按期"),
        ("batches", "INTEGER", "批次数"),
        *("submitted", "accepted"),
        ("produced", "BIGINT", "该单位自报的本期产生数；未申报的为空"),
    ),
    _mart(
        "timeliness",
        "各目录、各报送单位按期报送情况",
        *("period", "item_id", "department", "county_code"),
        ("due_date", "DATE", "报送期限"),
        ("delivered_on", "DATE", "本期最早一次报送的日期：取文件名所载日期，没有的取收到日期"),
        ("on_time", "BOOLEAN", "是否按期"),
        "status",
    ),
)
