"""Weekly upkeep of the lake: compact, back up, and prove that the backup can be restored."""

from __future__ import annotations

import os
from pathlib import Path

import wiring
from airflow.sdk import DAG, CronTriggerTimetable, task

BACKUP_DIR = "XTCREDIT_BACKUP_DIR"
DOC = """\
### 每周维护

合并小文件，清理孤儿文件和三天无人处理的暂存批次，封存评判过的原文件，清理收件箱里早已封存的，清理四百天前的血缘事件；备份；恢复演练。快照全部保留：每期通报都指明所据的快照。

**备份**　环境变量 `XTCREDIT_BACKUP_DIR` 写明备份目录时进行（没写则跳过），只复制新的内容。身份标识密钥不在其中，另行保管。
**恢复演练**　把最新的备份恢复到临时目录，与湖逐表比对并全部审计一遍。返回值（XCom）是实测的 RPO（`rpo_seconds`，此刻出事会丢多少
秒的数据）和 RTO（`rto_seconds`，多少秒后可用）。

**何时运行**　每周日 03:30。只看当下，不能补跑，也不需要。

**失败怎么办**　看日志最后一行；改好后清除（Clear）任务。维护失败不影响数据；演练失败说明备份不可靠，当天处理（docs/operations.md）。
"""

with DAG(
    dag_id="maintain",
    dag_display_name="每周维护",
    description="合并小文件，清理孤儿文件与旧的暂存批次，备份，恢复演练",
    doc_md=DOC,
    schedule=CronTriggerTimetable("30 3 * * 0", timezone=wiring.TIMEZONE),
    start_date=wiring.START,
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS | {"owner": "warehouse"},
    tags=["kind:maintain"],
):

    @task(
        pool=wiring.WRITER_POOL,
        doc_md="合并、清理、封存；返回各做了多少，`unsealed` 是缺号码库密钥而未能封存的原文件数",
    )
    def maintain() -> dict[str, int]:
        from transforms import steps
        from warehouse.home import Home

        return wiring.step(steps.maintain, Home.from_environment())

    @task(doc_md="备份到 XTCREDIT_BACKUP_DIR；没有设置则跳过")
    def backup() -> str:
        from airflow.sdk.exceptions import AirflowSkipException

        from transforms import steps
        from warehouse.home import Home

        folder = os.environ.get(BACKUP_DIR)
        if not folder:
            raise AirflowSkipException(f"没有设置环境变量 {BACKUP_DIR}，不备份")
        return wiring.step(steps.backup, Path(folder), Home.from_environment()).name

    @task(doc_md="恢复最新的备份到临时目录，比对并审计；返回实测的 RPO 与 RTO")
    def restore_drill() -> dict[str, object]:
        from transforms import steps
        from warehouse.home import Home

        return wiring.step(steps.restore_drill, Path(os.environ[BACKUP_DIR]), Home.from_environment())

    maintain() >> backup() >> restore_drill()
