"""Every figure of the bulletin once more, by plain pandas from the batches, the quarantine and the ledger.

The rows themselves (`rec.*`) are asked where a figure is about values (how full they are, when decisions were made), the
returns where it is about numbers declared, the catalog for who owes what. Nothing of `transforms/assess` is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import product
from types import SimpleNamespace
from typing import Any

import openpyxl
import pandas as pd
import pytest
from chinese_calendar import is_workday
from docx import Document

from transforms.report.words import percent, whole
from warehouse.lake import Lake

PERIOD, PREVIOUS, LAST_YEAR = "2019-12", "2019-11", "2018-12"
CITY = "130500"
KEY = ["item_id", "department", "county_code"]
SUMMED = ["submitted", "new", "updated", "duplicate", "questioned", "set_aside"]
WEIGHTS = {
    "county": dict(completion=30, valid=20, timely=20, coverage=10, complete=10, linking=5, handling=5),
    "department": dict(reporting=30, valid=20, timely=20, coverage=10, complete=10, linking=5, handling=5),
}
TITLES = {
    "completion": "归集量完成率", "reporting": "上报率", "valid": "合规率", "timely": "双公示及时率", "coverage": "覆盖率",
    "complete": "完整率", "linking": "关联率", "handling": "疑问处理率",
}  # fmt: skip


@pytest.fixture(scope="session")
def frames(reported) -> dict[str, pd.DataFrame]:
    tables = ["ops.batch", "ops.quarantine", "core.record", "ops.declaration"]
    with Lake(reported.home) as lake:
        items = [i for (i,) in lake.execute("SELECT DISTINCT item_id FROM ops.batch").fetchall()]
        return {t: lake.execute(f"SELECT * FROM {t}").df() for t in tables + [f"rec.{i}" for i in items]}


@pytest.fixture(scope="session")
def book(reported):
    return openpyxl.load_workbook(reported.paths["bulletin.xlsx"])


def sheet(book, name):
    header, *rows = book[name].iter_rows(min_row=4, values_only=True)
    return pd.DataFrame(rows, columns=header, dtype=object)


def as_written(number: float | None) -> float | None:
    """A workbook keeps sixteen digits of a number."""
    return None if number is None else float(f"{number:.16G}")


def shown_rows(book, name: str, by: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a sheet by the columns that name them; an empty cell is None."""
    rows = [
        {k: None if pd.isna(v) else v for k, v in row.items()} for row in sheet(book, name).to_dict("records")
    ]
    return {tuple(row[k] for k in by): row for row in rows}


def text(reported) -> str:
    html = reported.paths["bulletin.html"].read_text("utf-8")
    return re.sub(r"<[^>]+>", "", re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S))


def test_volumes_of_the_text_and_the_annex(reported, frames):
    batch, record = frames["ops.batch"], frames["core.record"]
    now = batch[batch.period == PERIOD]
    submitted = int((now.rows_read - now.rows_ignored).sum())
    new, updated, duplicate = (int(now[c].sum()) for c in ("rows_new", "rows_updated", "rows_duplicate"))
    questioned = int((now.rows_quarantined - now.rows_set_aside).sum())
    aside = int(now.rows_set_aside.sum())
    collected, fresh = len(record), int((record.first_period == PERIOD).sum())
    valid = (new + updated + duplicate) / (submitted - aside)
    said = text(reported)
    assert (
        f"全市累计归集公共信用信息{whole(collected)}条，完成全市目标30,000,000条的{percent(collected / 30_000_000)}"
        in said
    )
    assert f"12月份新增{whole(fresh)}条" in said
    assert (
        f"共上报数据{whole(submitted)}条，其中入库{whole(new)}条、更新{whole(updated)}条、"
        f"重复{whole(duplicate)}条、疑问{whole(questioned)}条，合规率{percent(valid)}" in said
    )
    assert questioned == len(frames["ops.quarantine"].query("period == @PERIOD and level == 'quarantine'"))
    year = batch[batch.period.str.startswith("2019")]
    this_year = int(record.first_period.str.startswith("2019").sum())
    assert (
        f"本年累计新增{whole(this_year)}条，上报{whole(int((year.rows_read - year.rows_ignored).sum()))}条"
        in said
    )


def test_counties_of_the_annex(reported, frames):
    counties = sheet(openpyxl.load_workbook(reported.paths["bulletin.xlsx"]), "各县(市、区)进度")
    shown = dict(zip(counties["县（市、区）"], counties["累计归集量"], strict=True))
    record = frames["core.record"]
    names = {
        r.code: r.name
        for r in reported.catalog.divisions.units(pd.Timestamp("2019-12-31").date(), statistical=True)
    }
    counted = record.county_code.fillna("130500").value_counts()
    for code, name in names.items():
        assert shown[name] == int(counted.get(code, 0)), name
    assert shown["全市合计"] == len(record)
    quota = dict(zip(counties["县（市、区）"], counties["任务数"], strict=True))
    rates = dict(zip(counties["县（市、区）"], counties["任务完成率"], strict=True))
    for name in set(names.values()) - {"河北邢台经济开发区"}:
        assert rates[name] == pytest.approx(shown[name] / quota[name], abs=1e-15)


def test_double_publicity_of_the_text(reported, measured):
    rows = measured.rows[measured.rows.item_id.isin(["admin_permits", "admin_penalties"])]
    sums = rows[
        ["timed", "in_time", "submitted", "set_aside", "new", "updated", "duplicate", "concealed_records"]
    ].sum()
    assert sums.timed > 50
    said = text(reported)
    compliance = (sums.new + sums.updated + sums.duplicate) / (sums.submitted - sums.set_aside)
    assert f"合规率{percent(compliance)}（参考线100.00%" in said
    assert f"及时率{percent(sums.in_time / sums.timed)}（参考线99.50%" in said
    assert f"迟报{sums.timed - sums.in_time}条" in said
    assert (
        f"瞒报{whole(sums.concealed_records)}条，瞒报率{sums.concealed_records / rows.produced.sum() * 1000:.2f}‰"
        in said
    )


def delivered_on(batch: pd.DataFrame) -> pd.Series:
    named = pd.to_datetime(batch.delivery.str.extract(r"^(\d{8})-")[0], format="%Y%m%d")
    return named.fillna(batch.received_at.dt.normalize())


@dataclass(frozen=True)
class Measured:
    """What every provider did of every item in the month, one row each; the names of units and departments."""

    rows: pd.DataFrame
    units: dict[str, str]
    titles: dict[str, str]
    departments: dict[str, str]


@pytest.fixture(scope="session")
def measured(reported, frames) -> Measured:
    catalog = reported.catalog
    units = {u.code: u.name for u in catalog.divisions.units(date(2019, 12, 31), statistical=True)}
    batch = frames["ops.batch"].assign(
        day=lambda b: delivered_on(b),
        county_code=lambda b: b.division.where(b.division.isin(units), CITY),
        submitted=lambda b: b.rows_read - b.rows_ignored,
        new=lambda b: b.rows_new,
        updated=lambda b: b.rows_updated,
        duplicate=lambda b: b.rows_duplicate,
        questioned=lambda b: b.rows_quarantined - b.rows_set_aside,
        set_aside=lambda b: b.rows_set_aside,
    )
    now = batch[batch.period == PERIOD]
    rows = now.groupby(KEY).agg(
        batches=("batch_id", "size"), delivered=("day", "min"), **{c: (c, "sum") for c in SUMMED}
    )
    owed = [
        (item.id, department, county, date(2020, 1, item.due.day))
        for item in catalog.items.values()
        if item.id not in catalog.apart
        and item.provision.since <= PERIOD
        and (item.end is None or item.end >= PERIOD)
        and 12 % {"quarterly": 3, "half_yearly": 6, "yearly": 12}.get(item.frequency, 1) == 0
        for department, county in (
            *product(
                catalog.departments[item.department].members or (item.department,),
                [CITY] * (item.provision.role != "county_bureau"),
            ),
            *product([item.department], list(units) * (item.provision.role != "city_department")),
        )
    ]
    due = pd.DataFrame(owed, columns=[*KEY, "due"]).set_index(KEY)
    said = frames["ops.declaration"]
    said = said[(said.period == PERIOD) & ~said.item_id.isin(catalog.apart)]
    said = said.assign(county_code=said.division.where(said.division.isin(units), CITY)).groupby(KEY)
    declared = said.agg(produced=("produced", "sum"), declared=("declared_on", "min"))
    rows = due.join(declared, how="outer").join(rows, how="outer")
    counts = ["batches", *SUMMED]
    rows[counts] = rows[counts].fillna(0).astype(int)
    rows = (
        rows.join(_filled(catalog, now, frames)).join(_linked(now, frames)).join(_timed(catalog, now, frames))
    )
    rows = rows.join(_handled(batch, frames))
    counts = ["expected", "filled", "records", "linked", "timed", "in_time"]
    rows[counts] = rows[counts].fillna(0).astype(int)
    arrived = rows.delivered.where(rows.submitted > 0, rows.declared.where(rows.produced == 0))
    is_owed = rows.due.notna()
    rows["arrived"] = arrived.where(arrived.notna(), rows.delivered)
    rows["owed"] = is_owed.astype(int)
    rows["met"] = (is_owed & ((rows.submitted > 0) | (rows.produced == 0))).astype(int)
    rows["late"] = ((rows.met == 1) & ~(pd.to_datetime(rows.arrived) <= pd.to_datetime(rows.due))).astype(int)
    rows["concealed"] = (is_owed & (rows.produced.fillna(0) > rows.submitted)).astype(int)
    rows["concealed_records"] = (rows.concealed * (rows.produced.fillna(0) - rows.submitted)).astype(int)
    rows["missing"] = ((rows.owed > rows.met) & ~(rows.produced > 0)).astype(int)
    rows["reported"] = (
        rows[["submitted", "produced"]].min(axis=1).where(is_owed & (rows.produced > 0), 0).astype(int)
    )
    return Measured(
        rows.reset_index(),
        units,
        {i.id: i.title for i in catalog.items.values()},
        {d.id: d.name for d in catalog.departments.values()},
    )


def _filled(catalog, now, frames) -> pd.DataFrame:
    found = []
    for b in now.itertuples():
        item = catalog.items[b.item_id]
        fmt = next((f for f in item.formats if f.id == b.format), None)
        names = [
            f.name
            for f in item.fields
            if f.change
            and isinstance(f.required, bool)
            and f.only in ((None,) if fmt is None else (None, fmt.id))
            and (fmt is None or f.name not in fmt.absent)
        ]
        rows = frames[f"rec.{b.item_id}"].query("batch_id == @b.batch_id")[names]
        found.append((b.item_id, b.department, b.county_code, rows.size, int(rows.notna().to_numpy().sum())))
    return pd.DataFrame(found, columns=[*KEY, "expected", "filled"]).groupby(KEY).sum()


def _linked(now, frames) -> pd.DataFrame:
    rows = pd.concat(
        frames[f"rec.{b.item_id}"].query("batch_id == @b.batch_id")[["batch_id", "subject_key"]]
        for b in now.itertuples()
    ).merge(now[["batch_id", *KEY]], on="batch_id")
    return rows.groupby(KEY).agg(records=("batch_id", "size"), linked=("subject_key", "count"))


def working_days_after(day: date, n: int) -> date:
    while n:
        day += timedelta(days=1)
        n -= is_workday(day)
    return day


def _timed(catalog, now, frames) -> pd.DataFrame:
    """Row by row with another walk over the calendar."""
    firsts = set(frames["core.record"].query("first_period == @PERIOD").record_key.astype(str))
    found = []
    for item_id in now.item_id.unique():
        due = catalog.items[item_id].due
        if due.after is None:
            continue
        rows = (
            frames[f"rec.{item_id}"].query("period == @PERIOD").assign(key=lambda r: r.record_key.astype(str))
        )
        rows = rows[rows.key.isin(firsts)].sort_values(["delivery", "row_number"]).drop_duplicates("key")
        provider = now[["batch_id", "department", "county_code", "day"]]
        for row in rows.merge(provider, on="batch_id", suffixes=("_of_row", "")).itertuples():
            last = working_days_after(getattr(row, due.after).date(), due.working_days)
            found.append((item_id, row.department, row.county_code, 1, int(row.day.date() <= last)))
    return pd.DataFrame(found, columns=[*KEY, "timed", "in_time"]).groupby(KEY).sum()


def _handled(batch, frames) -> pd.DataFrame:
    """Of the rows questioned a month before: the first later row of the same record by the same provider, this month at the latest."""
    asked = frames["ops.quarantine"].query("period == @PREVIOUS and level == 'quarantine'")
    found = []
    for row in asked.merge(batch, on="batch_id", suffixes=("", "_of_batch")).itertuples():
        own = batch[
            (batch.item_id == row.item_id) & (batch.department == row.department) & (batch.county_code == row.county_code)
            & (batch.period <= PERIOD)
        ]  # fmt: skip
        own = own[
            [(p, d) > (row.period, row.delivery) for p, d in zip(own.period, own.delivery, strict=True)]
        ]
        rec = frames[f"rec.{row.item_id}"]
        keyed = not pd.isna(row.record_key)
        if keyed:
            answers = own[own.batch_id.isin(rec[rec.record_key.astype(str) == str(row.record_key)].batch_id)]
        else:  # a row without its key is mended where its whole file came again
            again = own[(own.period == row.period) & (own.rows_read == row.rows_read)]
            answers = again[again.batch_id.isin(rec[rec.row_number == row.row_number].batch_id)]
        first = answers.sort_values(["period", "delivery"]).head(1)
        days = (first.day.iloc[0] - row.day).days if len(first) else None
        found.append((row.item_id, row.department, row.county_code, 1, len(first), days))
    frame = pd.DataFrame(found, columns=[*KEY, "to_handle", "handled", "days"]).groupby(KEY)
    return frame.agg(
        to_handle=("to_handle", "sum"), handled=("handled", "sum"), handling_days=("days", "mean")
    )


def test_every_provider_of_every_item(measured, city_lake):
    """The base of all scores, column by column; and that the sample has something of each kind to measure."""
    rows = measured.rows.set_index(KEY).sort_index()
    mart = city_lake.execute("SELECT * FROM mart.provider_item WHERE period = ?", [PERIOD]).df()
    mart = mart.set_index(KEY).sort_index()
    assert list(mart.index) == list(rows.index)
    names = dict(expected="fields_expected", filled="fields_filled")
    for ours in (
        "batches", *SUMMED, "expected", "filled", "records", "linked", "timed", "in_time", "owed", "met", "late", "missing",
        "concealed", "concealed_records", "produced", "to_handle", "handled", "handling_days",
    ):  # fmt: skip
        theirs = mart[names.get(ours, ours)].astype(float)
        differ = rows[ours].astype(float).compare(theirs)
        assert differ.empty, f"{ours}\n{differ}"
        if ours not in ("batches", "set_aside"):
            assert rows[ours].sum() > 0, f"the sample has nothing to measure {ours} with"
    assert (mart.accepted == rows.new + rows.updated).all()
    assert 0 < rows.filled.sum() < rows.expected.sum()
    assert 0 < rows.linked.sum() < rows.records.sum()
    assert 0 < rows.met.sum() < rows.owed.sum()


def scored(measured: Measured, record: pd.DataFrame, quotas: dict[str, int | None]) -> list[SimpleNamespace]:
    """The hundred points of every county, zone and department of the city, with exact fractions."""
    found = []
    counted = record.county_code.fillna(CITY).value_counts()
    of = {
        **{("county", code): measured.rows[measured.rows.county_code == code] for code in measured.units},
        **{
            ("department", d): r
            for d, r in measured.rows[measured.rows.county_code == CITY].groupby("department")
        },
    }
    for (kind, unit), rows in of.items():
        own = rows[["new", "updated", "duplicate", "submitted", "set_aside", "in_time", "timed", "met", "owed", "filled", "expected",
                    "linked", "records", "handled", "to_handle", "reported", "concealed", "missing", "late"]].sum()  # fmt: skip
        produced = rows.produced[(rows.owed == 1) & (rows.produced > 0)].sum()
        pairs = {
            "completion": (counted.get(unit, 0), quotas.get(unit)),
            "reporting": (own.reported, produced),
            "valid": (own.new + own.updated + own.duplicate, own.submitted - own.set_aside),
            "timely": (own.in_time, own.timed),
            "coverage": (own.met, own.owed),
            "complete": (own.filled, own.expected),
            "linking": (own.linked, own.records),
            "handling": (own.handled, own.to_handle),
        }
        rates = {
            m: Fraction(int(pairs[m][0]), int(pairs[m][1])) if pairs[m][1] else None for m in WEIGHTS[kind]
        }
        known = {m: rate for m, rate in rates.items() if rate is not None}
        points = {m: WEIGHTS[kind][m] * min(Fraction(1), rate) for m, rate in known.items()}
        off = min(25, 5 * int(own.concealed)) + min(20, 2 * int(own.missing))
        score = None
        if known:
            exact = max(Fraction(0), sum(points.values()) * 100 / sum(WEIGHTS[kind][m] for m in known) - off)
            score = (Decimal(exact.numerator) / exact.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP)
        found.append(
            SimpleNamespace(
                kind=kind, unit=unit, score=score, rates=rates, points=points, deduction=off, concealed=int(own.concealed),
                missing=int(own.missing), late=int(own.late), ranked=score is not None and unit != "130571",
            )
        )  # fmt: skip
    for one in found:
        better = {
            (o.score, -1 if o.rates["valid"] is None else o.rates["valid"])
            for o in found
            if o.kind == one.kind and o.ranked
        }
        mine = (one.score, -1 if one.rates["valid"] is None else one.rates["valid"])
        one.rank = 1 + sum(other > mine for other in better) if one.ranked else None
    return found


def test_scores_and_dense_ranks(reported, measured, frames, book):
    counties = shown_rows(book, "各县(市、区)进度", ("县（市、区）",))
    quotas = {code: counties[(name,)]["任务数"] for code, name in measured.units.items()}
    assert sum(q or 0 for q in quotas.values()) == 30_000_000
    sheets = {
        "county": (shown_rows(book, "县(市、区)得分", ("县（市、区）",)), measured.units),
        "department": (shown_rows(book, "市直部门得分", ("部门",)), measured.departments),
    }
    for one in scored(measured, frames["core.record"], quotas):
        rows, names = sheets[one.kind]
        if one.score is None:
            assert (names[one.unit],) not in rows
            continue
        row = rows.pop((names[one.unit],))
        said = (row["名次"], row["得分"], row["扣分"], row["瞒报"], row["漏报"], row["迟报"])
        assert said == (one.rank, float(one.score), one.deduction, one.concealed, one.missing, one.late), one
        for measure, weight in WEIGHTS[one.kind].items():
            points = row[f"{TITLES[measure]}（{weight}分）"]
            if one.rates[measure] is None:
                assert points is None
            else:
                assert points == as_written(weight * min(1.0, float(one.rates[measure]))), (one.unit, measure)
        gaps = "、".join(TITLES[m] for m in WEIGHTS[one.kind] if one.rates[m] is None)
        assert (row["未计指标"] or "") == gaps
    assert not any(rows for rows, _ in sheets.values()), "rows that nobody recomputed"
    ranks = sorted(
        {r["名次"] for r in shown_rows(book, "县(市、区)得分", ("县（市、区）",)).values() if r["名次"]}
    )
    assert ranks == list(range(1, len(ranks) + 1))
    assert len(ranks) > 1


def rate(part: float, total: float) -> float | None:
    return as_written(part / total) if total else None


REPORTED = dict(
    submitted="上报", new="入库", updated="更新", duplicate="重复", questioned="疑问", set_aside="搁置"
)


def said_of(own: pd.DataFrame) -> dict[str, Any]:
    sums = own[SUMMED].sum()
    valid = rate(sums.new + sums.updated + sums.duplicate, sums.submitted - sums.set_aside)
    return {REPORTED[c]: int(sums[c]) for c in SUMMED} | {"合规率": valid}


def test_departments_items_and_double_publicity_of_the_annex(measured, frames, reported, book):
    rows, record = measured.rows, frames["core.record"]
    of_batch = frames["ops.batch"].set_index("batch_id").department
    by_department = record.batch_id.map(of_batch).value_counts()
    shown = shown_rows(book, "市直部门", ("部门",))
    total = shown.pop(("合计",))
    assert total["累计归集量"] == len(record)
    for department, name in measured.departments.items():
        own, city = (
            rows[rows.department == department],
            rows[(rows.department == department) & (rows.county_code == CITY)],
        )
        if (name,) not in shown:
            assert city.empty
            assert not own.submitted.sum() + by_department.get(department, 0)
            continue
        expected = said_of(own) | {
            "部门": name, "应报项": int(city.owed.sum()), "已报项": int(city.met.sum()),
            "累计归集量": int(by_department.get(department, 0)),
        }  # fmt: skip
        assert shown.pop((name,)) == expected
    assert not shown
    assert {k: total[k] for k in said_of(rows)} == said_of(rows)

    shown = shown_rows(book, "目录", ("目录",))
    for item_id, own in rows.groupby("item_id"):
        row, mine = shown.pop((measured.titles[item_id],)), record[record.item_id == item_id]
        owed, state = own.owed.sum() > 0, "本期不应报"
        if (own.submitted > 0).any():
            state = "已报"
        elif (own.owed > own.met).any():
            state = "应报未报"
        elif (own.produced == 0).any():
            state = "零报告"
        assert row["报送状态"] == state, item_id
        assert {k: row[k] for k in said_of(own)} == said_of(own)
        assert (row["累计归集量"], row["可关联率"]) == (len(mine), rate(mine.subject_key.count(), len(mine)))
        assert (row["报送期限"].date() if row["报送期限"] else None) == (own.due.min() if owed else None)
        arrived = own.arrived[own.due.notna() | own.arrived.notna()].min()
        assert row["报送日期"] == (None if pd.isna(arrived) else pd.Timestamp(arrived))

    shown = shown_rows(book, "双公示", ("目录", "报送单位"))
    lines = [key for key in shown if key[0] == "参考线"]
    for key in lines:
        shown.pop(key)
    for item_id in ("admin_permits", "admin_penalties"):
        item = rows[rows.item_id == item_id]
        for code, own in (*item.groupby("county_code"), (None, item)):
            if code is not None and own.submitted.sum() + own.produced.fillna(0).sum() == 0:
                continue
            name = "合计" if code is None else measured.units.get(code, "市本级")
            said = said_of(own)
            row = shown.pop((measured.titles[item_id], name))
            assert (row["上报"], row["合规"]) == (said["上报"], said["入库"] + said["更新"] + said["重复"])
            assert row["合规率"] == said["合规率"]
            assert (row["应计时限"], row["及时"], row["迟报"]) == (
                own.timed.sum(),
                own.in_time.sum(),
                own.timed.sum() - own.in_time.sum(),
            )
            assert row["及时率"] == rate(own.in_time.sum(), own.timed.sum())
            produced = None if own.produced.isna().all() else own.produced.sum()
            assert (row["自报产生数"], row["瞒报"]) == (produced, own.concealed_records.sum())
    assert not shown


def test_faults_of_reporting_and_of_rows(measured, frames, reported, book):
    """Late, missing and concealed reports one by one, each with its provider; faulty rows by field and rule."""
    shown = shown_rows(book, "迟报漏报瞒报", ("类别", "县（市、区）", "部门", "目录"))
    counted = {}
    for fault, column in (("瞒报", "concealed"), ("漏报", "missing"), ("迟报", "late")):
        found = measured.rows[measured.rows[column] == 1]
        counted[fault] = (
            len(found),
            len({r.department if r.county_code == CITY else r.county_code for r in found.itertuples()}),
        )
        for r in found.itertuples():
            where = measured.units.get(r.county_code, "市本级")
            who = measured.departments[r.department]
            if r.county_code != CITY and who[0] == "市":
                who = where[-1] + who[1:]  # 行政审批局 of 桥东区 is 区行政审批局
            row = shown.pop((fault, where, who, measured.titles[r.item_id]))
            assert (row["上报"], row["瞒报条数"]) == (r.submitted, r.concealed_records)
            assert row["自报产生数"] == (None if pd.isna(r.produced) else r.produced)
            assert row["报送日期"] == (None if pd.isna(r.arrived) else pd.Timestamp(r.arrived))
    assert not shown
    for fault, (n, units) in counted.items():
        assert n > 0
        assert f"{fault}{n}项，涉及{units}个单位" in text(reported)

    rows = frames["ops.quarantine"].query("period == @PERIOD")
    by_rule = rows.groupby(["item_id", "field", "rule", "level"], dropna=False).size()
    sheet_rows = sheet(book, "质量")
    assert sorted(by_rule) == sorted(sheet_rows["行数"])
    for (item_id, _, rule, level), n in by_rule.items():
        line = sheet_rows[
            (sheet_rows["目录"] == measured.titles[item_id]) & (sheet_rows["规则标识"] == rule)
            & (sheet_rows["类别"] == {"quarantine": "疑问", "set_aside": "搁置"}[level])
        ]  # fmt: skip
        assert n in set(line["行数"])


def test_volumes_against_last_month_and_last_year(reported, frames, city_lake):
    """Month, month before, year to date, and both a year ago, of the city and of every county."""
    record = frames["core.record"].assign(unit=lambda r: r.county_code.fillna(CITY))
    batch = frames["ops.batch"].assign(unit=lambda b: b.division)
    spans = {
        "month": (PERIOD, PERIOD), "previous": (PREVIOUS, PREVIOUS), "year": ("2019-01", PERIOD),
        "last_year_month": (LAST_YEAR, LAST_YEAR), "last_year": ("2018-01", LAST_YEAR), "recent": ("2019-10", PERIOD),
    }  # fmt: skip
    mart = city_lake.rows("SELECT * FROM mart.volume WHERE period = ? AND kind <> 'department'", [PERIOD])
    assert len(mart) == 6 * (1 + 21)
    for row in mart:
        first, last = spans[row["span"]]
        r, b = record[record.first_period.between(first, last)], batch[batch.period.between(first, last)]
        if row["kind"] == "county":
            r, b = r[r.unit == row["unit"]], b[b.unit == row["unit"]]
        expected = (
            len(r),
            (b.rows_read - b.rows_ignored).sum(),
            b.rows_new.sum(),
            b.rows_updated.sum(),
            b.rows_duplicate.sum(),
        )
        assert tuple(row[k] for k in ("collected", "submitted", "new", "updated", "duplicate")) == expected, (
            row
        )
    of = {span: int(record.first_period.between(*bounds).sum()) for span, bounds in spans.items()}
    assert 0 < of["last_year"] < of["year"]
    said = text(reported)
    change = "增长" if of["month"] > of["previous"] else "下降"
    assert (
        f"比11月份（{whole(of['previous'])}条）{change}{percent(abs(of['month'] / of['previous'] - 1))}"
        in said
    )
    assert (
        f"上年同期新增{whole(of['last_year'])}条，增长{percent(of['year'] / of['last_year'] - 1)}。" in said
    )


def test_forecast_at_the_rate_of_three_months(frames, book, measured):
    record = frames["core.record"]
    counties = shown_rows(book, "各县(市、区)进度", ("县（市、区）",))
    for (name,), row in shown_rows(book, "进度预测", ("县（市、区）",)).items():
        code = next(c for c, n in measured.units.items() if n == name)
        own = record[record.county_code == code]
        pace = own.first_period.between("2019-10", PERIOD).sum() / 3
        assert (row["累计归集量"], row["近三月月均"]) == (len(own), as_written(pace))
        for target, when in (("保底目标", "达到保底"), ("任务数", "完成任务")):
            wanted = counties[(name,)][target]
            assert row[target] == wanted
            if wanted is None:
                assert row[when] == "—"
            else:
                far = pace and (wanted - len(own)) / pace > 1200
                assert row[when] == ("百年以上" if far else "按此进度达不到")
        floor, quota = row["保底目标"], row["任务数"]
        if floor is not None:
            assert row["起约束作用的"] == ("保底目标" if floor > quota else "任务数")


def test_numbers_of_the_document_are_those_of_the_page(reported):
    document = Document(str(reported.paths["bulletin.docx"]))
    body = [p.text for p in document.paragraphs]
    page = text(reported)
    sentences = [p for p in body if re.search(r"\d", p) and p.endswith("。") and "抄送" not in p]
    assert len(sentences) > 8
    for sentence in sentences:
        assert sentence.removeprefix("注：") in page or "通报如下" in sentence, sentence
    (counties, *_) = document.tables
    book = sheet(openpyxl.load_workbook(reported.paths["bulletin.xlsx"]), "各县(市、区)进度")
    shown = [[cell.text for cell in row.cells][2] for row in counties.rows[1:]]
    assert shown == [whole(n) for n in book["累计归集量"]]
