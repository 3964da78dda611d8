"""Which period a run is about, and which runs a backfill makes."""

from __future__ import annotations

from itertools import pairwise

import pendulum
import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog

DUE_DAY = 6


def context(end=None, period=None):
    class Dag:
        dag_id = "ingest__x"

    return {"params": {"period": period}, "dag": Dag, "data_interval_end": end}


def backfilled(wiring, cron, first, last):
    """The periods of `airflow backfill create --from-date first --to-date last`, by Airflow itself."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("x", schedule=wiring.timetable(cron), start_date=wiring.START, catchup=False) as dag:
        pass
    known = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    bounds = [pendulum.parse(day, tz=wiring.TIMEZONE) for day in (first, last)]
    infos = known.iter_dagrun_infos_between(*bounds)
    return [wiring.run_period(context(info.data_interval.end)) for info in infos]


def test_monthly_backfill_of_a_quarter(wiring):
    periods = backfilled(wiring, f"0 2 {DUE_DAY} * *", "2019-10-01", "2019-12-31")
    assert periods == ["2019-10", "2019-11", "2019-12"]


def test_quarterly_backfill_of_a_quarter(wiring):
    assert backfilled(wiring, f"0 2 {DUE_DAY} 1,4,7,10 *", "2019-10-01", "2019-12-31") == ["2019-12"]


def test_half_yearly_and_yearly_backfill_of_a_year(wiring):
    assert backfilled(wiring, f"0 2 {DUE_DAY} 1,7 *", "2019-01-01", "2019-12-31") == ["2019-06", "2019-12"]
    assert backfilled(wiring, f"0 2 {DUE_DAY} 1 *", "2019-01-01", "2019-12-31") == ["2019-12"]


@pytest.mark.parametrize("item", load_catalog().items.values(), ids=lambda item: item.id)
def test_every_item_collects_each_of_its_periods_once_a_year(wiring, item):
    months = range(item.period_months, 13, item.period_months)
    expected = [f"2020-{month:02d}" for month in months]
    assert backfilled(wiring, item.cron, "2020-01-01", "2020-12-31") == expected


def test_january_is_not_lost(wiring):
    assert backfilled(wiring, "0 2 1 * *", "2025-01-01", "2025-02-28") == ["2025-01", "2025-02"]


def test_intervals_touch_and_are_never_empty(wiring):
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("x", schedule=wiring.timetable("0 2 21 * *"), start_date=wiring.START, catchup=False) as dag:
        pass
    known = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    first, last = (pendulum.datetime(year, 1, 1, tz=wiring.TIMEZONE) for year in (2019, 2021))
    intervals = [info.data_interval for info in known.iter_dagrun_infos_between(first, last)]
    assert len(intervals) == 24
    assert all(interval.start < interval.end for interval in intervals)
    assert all(one.end == two.start for one, two in pairwise(intervals))


def test_the_period_is_counted_in_xingtais_time(wiring):
    # 2019-12-31 18:00 UTC is 2020-01-01 02:00 in Xingtai: December is over.
    assert wiring.run_period(context(pendulum.datetime(2019, 12, 31, 18, tz="UTC"))) == "2019-12"


def test_the_parameter_overrules_the_interval(wiring):
    assert wiring.run_period(context(pendulum.datetime(2020, 1, 6, tz="UTC"), "2018-03")) == "2018-03"


def test_a_manual_run_without_period_is_refused(wiring):
    with pytest.raises(UserError, match="期次"):
        wiring.run_period(context())


def test_a_manual_run_is_about_the_month_that_the_schedule_had_come_to(wiring):
    """Not the month before the day of the run: on 5 February January is not due yet."""
    from airflow.timetables.interval import CronDataIntervalTimetable

    known = CronDataIntervalTimetable("0 2 11 * *", timezone=wiring.TIMEZONE)
    manual = known.infer_manual_data_interval(run_after=pendulum.datetime(2020, 2, 5, tz="UTC"))
    assert wiring.run_period(context(manual.end)) == "2019-12"


def test_assessment_fires_after_the_last_item_is_collected(bag):
    day = int(bag.dags["assess__monthly"].timetable.expression.split()[2])
    assert all(int(item.cron.split()[2]) < day for item in load_catalog().items.values())
