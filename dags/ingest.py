"""One DAG per catalog item: what its department delivered for a period goes to the ledger, file by file."""

from __future__ import annotations

import logging
from itertools import takewhile
from pathlib import Path

import wiring
from airflow.sdk import DAG, Param, get_current_context, get_parsing_context, task, task_group

from catalog.channel import DatabaseSource
from catalog.describe import basis_text
from catalog.loader import Catalog, load_catalog
from catalog.model import Item
from warehouse.home import opted_in

log = logging.getLogger(__name__)

DOC = """\
### {title}（{code}）

| | |
|---|---|
| 提供单位 | {provider}（{department}） |
| 去向 | {library} |
| 报送期限 | 每期结束后次月 {due} 日；次日 02:00 归集 |
| 依据 | {basis} |
| 保留 | {retention} |

{runbook}

**本流程**　提取（extract）→ 每个送达文件一条链：解析（stage）→ 评判（judge）→ 入库（load）。
一个文件不合格只停它自己的一条链，已入库的数据不受影响；没有送达文件时其余步骤跳过。

**期次**　按日程运行的，是触发月份的上一个月；手工运行用参数 `period` 指定（YYYY-MM），留空则是日程上最近一次运行的那一期
（本月的日子还没到，就不是上个月）。

**先看再做**　手工触发时勾选参数 `preview`：`extract` 的日志写明入库会改变什么（新增、更新、重复、移除，
各县前后数与原因），什么也不入库。

**失败怎么办**
1. 看失败任务日志的最后一行：写明了什么、在哪里、怎么办。
2. `judge` 失败是数据不合格：用 `xtcredit report --period 期次 --department 部门` 出退回清单，
   发给部门；重报后清除（Clear）`extract`。
3. 目录的规则有变：清除（Clear）所涉期次的 `stage`，按新规则重做。
4. 其他错误会自动重试两次；仍失败的，改好后清除失败的任务。重跑与只跑一次结果相同，不必清理。

**补跑**

```
dags/airflow.sh backfill create --dag-id ingest__{item_id} --from-date 2019-10-01 --to-date 2019-12-31
```
日期指区间的起点：按季、按年的事项，起始日要早到包含整个区间（年度事项从当年 1 月 1 日起）。
"""


PREVIEW = Param(
    False,
    type="boolean",
    title="只预览",
    description="在 extract 的日志里写明入库会改变什么，什么也不入库",
)

# How much depends on an item: the city's targets on base libraries first, then the key groups, then the rest.
TIERS = {"base": 1, "group": 2}
LOWEST_TIER = 3


def ingest(catalog: Catalog, item: Item) -> DAG:
    """The DAG of one catalog item."""
    library = catalog.libraries.get(item.library)
    tier = TIERS.get(library.kind, LOWEST_TIER) if library else LOWEST_TIER
    with DAG(
        dag_id=f"ingest__{item.id}",
        dag_display_name=f"归集 {item.title}",
        description=f"{item.title}：按期归集入库",
        doc_md=_document(catalog, item),
        schedule=wiring.timetable(item.cron),
        start_date=wiring.START,
        catchup=False,
        max_active_runs=4,
        max_active_tasks=4,
        default_args=wiring.DEFAULTS | {"owner": item.owner.provider},
        params={"period": wiring.period_param(), "preview": PREVIEW},
        tags=[f"dept:{item.department}", f"library:{item.library}", f"tier:{tier}"],
    ) as dag:

        @task(doc_md="取来本期送达的文件，原样存入 landing/；返回每个文件的清单路径")
        def extract() -> list[str]:
            from transforms import steps
            from warehouse.home import Home

            context = get_current_context()
            period = wiring.step(wiring.run_period, context)
            if context["params"]["preview"]:
                for preview in wiring.step(
                    steps.preview,
                    item.id,
                    period,
                    Home.from_environment(),
                    connections=wiring.connection,
                ):
                    for line in preview.lines():
                        log.info(line)
                return []  # nothing to load: the other tasks are skipped
            return wiring.step(
                steps.extract, item.id, period, Home.from_environment(), connections=wiring.connection
            )

        @task(map_index_template="{{ delivery }}", doc_md="解析为规范列，逐行评判，写成暂存文件")
        def stage(manifest: str) -> str:
            from transforms import steps
            from warehouse.home import Home

            _name_chain(Path(manifest).parts[-3])
            return wiring.step(steps.stage, manifest, Home.from_environment())

        @task(map_index_template="{{ delivery }}", doc_md="整批评判；不合格则本批停止，什么也不入库")
        def judge(staged: str) -> str:
            from transforms import steps
            from warehouse.home import Home

            _name_chain(Path(staged).parts[-2])
            return wiring.step(steps.judge, staged, Home.from_environment())

        # Loads go before the libraries' upkeep in the writers' queue, so that one upkeep serves many loads.
        @task(
            map_index_template="{{ delivery }}",
            pool=wiring.WRITER_POOL,
            priority_weight=10,
            weight_rule="absolute",
            outlets=[wiring.LEDGER],
            doc_md="一个事务替换本批：记录、台账、隔离行一起提交",
        )
        def load(verdict: str) -> dict[str, int]:
            from transforms import steps
            from warehouse.home import Home

            _name_chain(Path(verdict).parts[-2])
            return wiring.step(steps.load, verdict, Home.from_environment())

        @task(
            map_index_template="{{ delivery }}", doc_md="把每行的结果写回来源库的回执表；重写与只写一次相同"
        )
        def acknowledge(verdict: str) -> dict[str, int]:
            from transforms import steps
            from warehouse.home import Home

            _name_chain(Path(verdict).parts[-2])
            return wiring.step(
                steps.acknowledge, verdict, Home.from_environment(), connections=wiring.connection
            )

        @task_group(group_id="file", tooltip="一个送达文件一条链")
        def chain(manifest: str) -> None:
            verdict = judge(stage(manifest))
            loaded = load(verdict)
            if any(isinstance(source, DatabaseSource) and source.receipt for source in item.sources):
                loaded >> acknowledge(verdict)

        chain.expand(manifest=extract())
    return dag


def _document(catalog: Catalog, item: Item) -> str:
    department = catalog.departments.get(item.department)
    library = catalog.libraries.get(item.library)
    path = catalog.paths.get(item.id)
    # The comments at the head of an item's file are what its keepers have learnt about it.
    head = takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines()) if path else ()
    return DOC.format(
        title=item.title,
        code=item.code,
        item_id=item.id,
        provider=item.owner.provider,
        department=department.full_name if department else item.department,
        library=library.title if library else item.library,
        due=item.due.day,
        basis=basis_text(item),
        retention=item.retention,
        runbook="\n".join(line.removeprefix("#").removeprefix(" ") for line in head),
    )


def _name_chain(delivery: str) -> None:
    """Show the delivery instead of a bare index in the UI."""
    get_current_context()["delivery"] = delivery  # type: ignore[literal-required]


# A task's process parses this file again: it needs the one DAG it runs, not all of them.
_wanted = get_parsing_context().dag_id
_catalog = load_catalog()
for _item in _catalog.collected(opted_in(_catalog)).values():
    if _wanted in (None, f"ingest__{_item.id}"):
        ingest(_catalog, _item)
