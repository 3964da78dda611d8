"""The month's assessment: counts, targets, ranks the bulletin, after the last item of the month is due."""

from __future__ import annotations

import wiring
from airflow.sdk import DAG, get_current_context, task

DOC = """\
### 月度考核与通报

读月报表（declare）、并库（integrate）→ 计数与目标（assess）→ 通报（report）→ 发布（publish）。

**何时运行**　每月 25 日，本月最后一个事项的报送期限之后。

**期次**　按日程运行的，是触发月份的上一个月；手工运行用参数 `period` 指定（YYYY-MM），留空则是日程上最近一次运行的那一期
（本月的日子还没到，就不是上个月）。

**通报之前**　先看核查表 `review-期次.xlsx`；印发后 `xtcredit freeze --period 期次`，该期从此不变（docs/assessment.md）。

**失败怎么办**
1. 看失败任务日志的最后一行；改好后清除（Clear）该任务，后面的会接着运行。
2. 数字有疑问：`xtcredit verify` 从源头重算；`xtcredit sql` 查 `mart.county_item`（县、事项、归属依据）与 `core.record`。

**补跑**　先补跑各 `ingest__*`，再逐月（`--max-active-runs 1`）：

```
dags/airflow.sh backfill create --dag-id assess__monthly --max-active-runs 1 \\
    --from-date 2019-10-01 --to-date 2019-12-31
```
"""

with DAG(
    dag_id="assess__monthly",
    dag_display_name="月度考核与通报",
    description="每月计数、对照目标、排名、出通报并发布",
    doc_md=DOC,
    schedule=wiring.timetable("0 6 25 * *"),
    start_date=wiring.START,
    catchup=False,
    max_active_runs=1,  # months build on each other
    default_args=wiring.DEFAULTS | {"owner": "warehouse"},
    params={"period": wiring.period_param()},
    tags=["kind:assess"],
):

    @task(pool=wiring.WRITER_POOL, doc_md="把台账的变动并入各库；没有变动就不做")
    def integrate() -> dict[str, int]:
        from transforms import steps
        from warehouse.home import Home

        return wiring.step(steps.integrate_if_needed, Home.from_environment())

    @task(pool=wiring.WRITER_POOL, doc_md="读入本期报送情况月报表（零报告与产生数）")
    def declare() -> int:
        from transforms import steps
        from warehouse.home import Home

        period = wiring.step(wiring.run_period, get_current_context())
        return wiring.step(steps.declare, period, Home.from_environment())

    @task(pool=wiring.WRITER_POOL, doc_md="计数、目标、及时性、质量、排名")
    def assess() -> None:
        from transforms import steps
        from warehouse.home import Home

        period = wiring.step(wiring.run_period, get_current_context())
        wiring.step(steps.assess, period, Home.from_environment())

    @task(doc_md="写通报（DOCX、HTML、XLSX）与核查表；返回文件路径")
    def report() -> list[str]:
        from transforms import steps
        from warehouse.home import Home

        period = wiring.step(wiring.run_period, get_current_context())
        return wiring.step(steps.report, period, Home.from_environment())

    @task(doc_md="发布：向社会公开的 DuckDB 文件与静态页；没有变化就不写。返回文件路径")
    def publish() -> str:
        from transforms import steps
        from warehouse.home import Home

        def published() -> str:
            # What is in publication is judged on the day the run fires, so that a run done again gives the same file.
            day = wiring.step(wiring.run_day, get_current_context())
            return str(steps.publish(day, Home.from_environment()).publication.path)

        return wiring.step(published)

    [declare(), integrate()] >> assess() >> report() >> publish()
