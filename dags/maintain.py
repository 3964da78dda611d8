"""Weekly upkeep of the lake."""

from __future__ import annotations

import wiring
from airflow.sdk import DAG, CronTriggerTimetable, task

DOC = """\
### 每周维护

合并小文件，清理孤儿文件和两周无人处理的暂存批次。快照全部保留：每期通报都指明所据的快照。

**何时运行**　每周日 03:30。只看当下，不能补跑，也不需要。

**失败怎么办**　看日志最后一行；改好后清除（Clear）任务。维护失败不影响数据。
**备份不在其中**：停止写入后，连同 `secrets/identity.key` 复制 `$XTCREDIT_HOME`。
"""

with DAG(
    dag_id="maintain",
    dag_display_name="每周维护",
    description="合并小文件，清理孤儿文件与旧的暂存批次",
    doc_md=DOC,
    schedule=CronTriggerTimetable("30 3 * * 0", timezone=wiring.TIMEZONE),
    start_date=wiring.START,
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS | {"owner": "warehouse"},
    tags=["kind:maintain"],
):

    @task(pool=wiring.WRITER_POOL, doc_md="合并、清理")
    def maintain() -> None:
        from transforms import steps
        from warehouse.home import Home

        wiring.step(steps.maintain, Home.from_environment())

    maintain()
