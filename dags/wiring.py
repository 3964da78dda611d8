"""What every DAG shares: the calendar, the period of a run, and how a step's failure reaches the engineer."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, ParamSpec, TypeVar

import pendulum
from airflow.sdk import Asset, Connection, CronDataIntervalTimetable, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from catalog.errors import PassingError, UserError
from catalog.period import Period
from catalog.personal import redact

TIMEZONE = "Asia/Shanghai"
# Earlier than the oldest delivery there is: a backfill may go as far back as the files do.
START = pendulum.datetime(1980, 1, 1, tz=TIMEZONE)
# One slot with the SQLite catalog: commits are short and go one after the other (design 5).
WRITER_POOL = "lake_writer"
LEDGER = Asset(name="ledger", uri="xtcredit://core/record", group="xtcredit")
DEFAULTS: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=4),
    # A file under way goes before one not yet begun; the default pool keeps the queue short enough for it.
    "weight_rule": "upstream",
}

P = ParamSpec("P")
R = TypeVar("R")


def timetable(cron: str) -> CronDataIntervalTimetable:
    """Intervals between the instants of `cron` in Xingtai's time; a run fires at the end of its interval."""
    return CronDataIntervalTimetable(cron, timezone=TIMEZONE)


def period_param() -> Param:
    """The parameter by which a manual run names its period."""
    return Param(
        None,
        type=["null", "string"],
        pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
        title="期次",
        description="YYYY-MM；留空则取日程上最近一次运行的那一期（本月的日子还没到，就不是上个月）",
    )


def run_period(context: Mapping[str, Any]) -> str:
    """The period a run is about: its parameter `period`, else the month before the run fires.

    Raises `UserError` for a manual run that has neither a parameter nor an interval.
    """
    if chosen := context["params"].get("period"):
        return str(Period.parse(chosen))
    fires = context.get("data_interval_end")
    if fires is None:
        where = context["dag"].dag_id
        raise UserError("手工运行没有期次", where=where, remedy="触发时填写参数 period，例如 2019-12")
    return str(Period.before(pendulum.instance(fires).in_timezone(TIMEZONE).date()))


def connection(name: str) -> str:
    """The URI of an Airflow Connection; it is handed to `extract` and goes into no XCom.

    Raises `UserError` for one that is not defined.
    """
    try:
        return str(Connection.get(name).get_uri())
    except AirflowNotFoundException as error:
        raise UserError(
            f"没有来源连接“{name}”",
            where="Airflow Connections",
            remedy=f"建连接 {name}（界面 Admin → Connections，或环境变量 AIRFLOW_CONN_{name.upper()}）",
        ) from error


def run_day(context: Mapping[str, Any]) -> date:
    """The day (Xingtai's) on which a run fires; for a manual run without an interval, that of its start."""
    fires = context.get("data_interval_end") or context["dag_run"].run_after
    return pendulum.instance(fires).in_timezone(TIMEZONE).date()


def step(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one step of the way.

    A user's mistake fails the task at once, on one line; a fault of the machine is as short and may be retried; any
    other error keeps its type's name and may be retried. None carries an ID number into the task log: the engines quote the value they stumbled over.
    """
    try:
        return function(*args, **kwargs)
    except PassingError as error:
        raise RuntimeError(redact(str(error))) from None
    except UserError as error:
        raise AirflowFailException(redact(str(error))) from None
    except Exception as error:
        told = "".join(traceback.format_exception(error))
        if redact(told) == told:
            raise
        safe = RuntimeError(f"{type(error).__name__}: {redact(str(error))}")
        raise safe.with_traceback(error.__traceback__) from None
