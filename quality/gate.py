"""The gate between staging and loading: Great Expectations judges the set; what fails is not loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.period import Period
from quality import gx
from quality.suite import History, expectations
from warehouse.batch import Finding, StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake

_SHOWN = 5


def judge(
    batch: StagedBatch,
    catalog: Catalog,
    history: History,
    *,
    docs: Path | None = None,
    besides: tuple[Finding, ...] = (),
) -> Verdict:
    """The verdict on a staged batch: `loaded`, or `warned` with what was found; `besides` are findings made elsewhere.

    Raises `UserError` if an expectation of level `fail` is not met; then nothing may be loaded.
    """
    findings = (*examine(batch, catalog, history, docs=docs), *besides)
    failed = [f for f in findings if not f.success]
    blocking = [f for f in failed if f.level == "fail"]
    if blocking:
        raise _refusal(batch, blocking)
    return Verdict(batch=batch, status="warned" if failed else "loaded", findings=findings)


def examine(
    batch: StagedBatch, catalog: Catalog, history: History, *, docs: Path | None = None
) -> tuple[Finding, ...]:
    """Every expectation about the batch as a set, met or not.

    `docs` is the home's data_docs folder: GX's result is kept there for the month's pages.
    """
    delivery = batch.delivery
    item = catalog.item(delivery.item_id)
    fmt = item.format(batch.format)
    results = gx.validate(
        batch.parquet("staged"),
        expectations(item, fmt, catalog, history),
        batch.counts,
        label=gx.Label(item.id, item.title, _file_name(delivery.delivery), delivery.received_at),
        document=docs and _results(docs, delivery.period) / f"{_file_name(delivery.batch_id)}.json",
    )
    noted = [
        Finding(
            check="reading",
            field=None,
            level="warn",
            success=False,
            observed="；".join(batch.notes),
            message="读文件时没有需要留意的情况",
        )
    ]
    return (*(noted if batch.notes else ()), *_judged(results))


def _judged(results: Iterable[gx.CheckResult]) -> Iterator[Finding]:
    yield from (
        Finding(
            check=r.expectation.check,
            field=r.expectation.field,
            level=r.expectation.level,
            success=r.success,
            observed=r.observed,
            message=r.expectation.message,
        )
        for r in results
    )


def read_history(lake: Lake, item_id: str, before_period: str, *, division: str | None = None) -> History:
    """Valid rows per delivered file of the item in earlier periods, from `ops.batch`.

    With `division` only files of that place count: a county is compared with its own earlier files.
    """
    rows = lake.rows(
        "SELECT period, avg(rows_accepted + rows_duplicate) AS n FROM ops.batch"
        " WHERE item_id = ? AND period < ? AND (?::VARCHAR IS NULL OR division = ?)"
        " GROUP BY period ORDER BY period",
        [item_id, before_period, division, division],
    )
    return History(before_period, tuple((row["period"], float(row["n"])) for row in rows))


def build_data_docs(home: Home, period: str) -> Path:
    """Build the month's Data Docs at `data_docs/<period>/` from its batches' results; gives index.html.

    Raises `UserError` if no batch of the month has been judged.
    """
    documents = sorted(_results(home.data_docs, str(Period.parse(period))).glob("*.json"))
    if not documents:
        raise UserError(
            f"{period} 没有任何批次的检查结果",
            where=str(home.data_docs),
            remedy="先用 xtcredit ingest 评判这一期的批次",
        )
    return gx.build_site(documents, home.data_docs / period, title=f"邢台市公共信用信息归集质量 {period}")


def _refusal(batch: StagedBatch, blocking: list[Finding]) -> UserError:
    told = "；".join(f.words for f in blocking[:_SHOWN])
    more = f"；另有{len(blocking) - _SHOWN}项" if len(blocking) > _SHOWN else ""
    return UserError(
        f"整批检查有{len(blocking)}项未过，未入库：{told}{more}",
        where=f"{batch.delivery.source_file}（批次 {batch.delivery.batch_id}）",
        remedy="请提供单位按上述各项核对后重新报送；确属正常的，在目录中调整该项检查的界限后重新评判",
    )


def _results(data_docs: Path, period: str) -> Path:
    return data_docs / "results" / period


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)
