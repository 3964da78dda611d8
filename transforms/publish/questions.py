"""Ten worked questions to the published file: its README table, and what benchmarks/analyst.py times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What an analyst asks, the SQL that answers it, what to mind; `reads` are the tables it needs."""

    question: str
    sql: str
    note: str
    reads: frozenset[str]


def _ask(question: str, sql: str, note: str, *reads: str) -> Question:
    return Question(question, " ".join(sql.split()), note, frozenset(reads))


QUESTIONS: tuple[Question, ...] = (
    _ask(
        "各县（市、区）最近一期的归集量、完成率和名次",
        """SELECT county_name, collected, quota_target, quota_rate, rank FROM mart.county_progress
        WHERE period = (SELECT max(period) FROM mart.county_progress) ORDER BY rank NULLS LAST, county_code""",
        "市本级、开发区不排名",
        "mart.county_progress",
    ),
    _ask(
        "全市归集量逐期的变化",
        "SELECT period, collected, collected_in_period, target, rate FROM mart.city_progress ORDER BY period",
        "rate 为 0—1 的小数",
        "mart.city_progress",
    ),
    _ask(
        "最近一期应报未报的单位和目录",
        """SELECT county_name, department_name, title, due_on FROM mart.obligation
        WHERE period = (SELECT max(period) FROM mart.obligation) AND state = 'missing' ORDER BY ALL""",
        "零报告（zero）与未报（missing）不同",
        "mart.obligation",
    ),
    _ask(
        "各目录最近一期的合规率，低的在前",
        """SELECT title, department_name, submitted, questioned, valid_rate FROM mart.item_progress
        WHERE period = (SELECT max(period) FROM mart.item_progress) AND submitted > 0 ORDER BY valid_rate, title""",
        "合规率＝（入库+更新+重复）÷（上报-搁置）",
        "mart.item_progress",
    ),
    _ask(
        "企业按登记年份和登记状态的数量",
        """SELECT year(established_on) AS established, status, count(*) AS enterprises FROM lib.enterprise
        GROUP BY ALL ORDER BY ALL""",
        "代码的名称在 ref.code",
        "lib.enterprise",
    ),
    _ask(
        "各县（市、区）企业注册资本的中位数（万元）",
        """SELECT d.name, count(*) AS enterprises, median(e.registered_capital) AS median_capital FROM lib.enterprise e
        JOIN (SELECT code, max(name) AS name FROM ref.division WHERE level = 'county' GROUP BY code) d ON d.code = e.county_code
        GROUP BY ALL ORDER BY enterprises DESC, d.name""",
        "不同币种未折算，见 capital_currency",
        "lib.enterprise",
    ),
    _ask(
        "公示中的行政处罚：各处罚类别的件数和罚款总额（万元）",
        """SELECT kind, c.title, count(*) AS penalties, sum(fine) AS fines
        FROM (SELECT unnest(string_split(penalty_kinds, ';')) AS kind, fine FROM rec.admin_penalties) p
        LEFT JOIN ref.code c ON c.list = 'penalty_kind' AND c.code = p.kind GROUP BY ALL ORDER BY penalties DESC, kind""",
        "一件处罚可有几种类别，各计一次；公示期满、修复、异议中的不在其内",
        "rec.admin_penalties",
    ),
    _ask(
        "既有有效许可、又有公示中处罚的企业",
        """SELECT p.subject_key, max(p.counterparty) AS name, count(DISTINCT p.document_no) AS permits,
        count(DISTINCT x.document_no) AS penalties FROM rec.admin_permits p JOIN rec.admin_penalties x USING (subject_key)
        WHERE p.valid_to >= (SELECT max("内容")::DATE FROM about WHERE "项" = '公示状态截至') AND starts_with(p.subject_key, 'uscc:') GROUP BY ALL ORDER BY penalties DESC, subject_key LIMIT 100""",
        "凭统一社会信用代码关联，从不凭名称",
        "rec.admin_permits",
        "rec.admin_penalties",
    ),
    _ask(
        "各部门许可从决定到归集的期次差（月）",
        """SELECT b.department, count(*) AS permits, avg(date_diff('month', p.decided_on, (p.first_period || '-01')::DATE)) AS months
        FROM rec.admin_permits p JOIN ref.batch b USING (batch_id) GROUP BY ALL ORDER BY months DESC, b.department""",
        "0 为当月归集",
        "rec.admin_permits",
    ),
    _ask(
        "一条记录来自哪个文件、哪一行",
        """SELECT p.subject_key, b.source_file, p.row_number, b.sha256, b.received_at FROM rec.admin_penalties p
        JOIN ref.batch b USING (batch_id) ORDER BY p.subject_key, p.row_number, b.source_file LIMIT 20""",
        "batch_id 与 row_number 是 rec 各表的来历列",
        "rec.admin_penalties",
    ),
)
