"""The libraries follow the ledger: after loads, one run at a time, however many loads there were."""

from __future__ import annotations

import wiring
from airflow.sdk import DAG, task

DOC = """\
### 基础库与重点库

台账（`core.record`）有变动后更新 `lib.*`，再核对全部审计条款。

**何时运行**　任一事项入库之后。同一时刻只有一次运行；运行期间的入库合并为下一次运行，不会一批一次。
不能补跑，也不需要：结果只取决于已入库的批次。

**失败怎么办**
1. `integrate` 失败：看日志最后一行；改好后清除（Clear）该任务。库的内容仍是上一次成功的结果。
2. `verify` 失败：日志列出不成立的条款。**先停发通报**，用 `xtcredit verify` 复核，
   用 `xtcredit history` 找到最近的改动，再清除（Clear）涉及的 `ingest__*` 运行，从 `extract` 起重做：同一文件重做，结果相同。
"""

with DAG(
    dag_id="libraries",
    dag_display_name="更新基础库与重点库",
    description="台账变动后更新库，并核对审计条款",
    doc_md=DOC,
    schedule=[wiring.LEDGER],
    start_date=wiring.START,
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS | {"owner": "warehouse"},
    tags=["kind:libraries"],
):

    @task(pool=wiring.WRITER_POOL, doc_md="把台账的变动并入各库")
    def integrate() -> dict[str, int]:
        from transforms import steps
        from warehouse.home import Home

        return wiring.step(steps.integrate, Home.from_environment())

    @task(doc_md="逐条重算审计条款")
    def verify() -> None:
        from catalog.errors import UserError
        from transforms import steps
        from warehouse.home import Home

        def audit() -> None:
            if violated := steps.verify(Home.from_environment()):
                raise UserError(
                    f"{len(violated)} 条审计条款不成立：{'；'.join(violated)}",
                    where="libraries.verify",
                    remedy="先停发通报，运行 xtcredit verify 查看明细",
                )

        wiring.step(audit)

    integrate() >> verify()
