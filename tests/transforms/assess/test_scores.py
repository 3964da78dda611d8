"""Scores, faults of reporting, flags, forecast, adjustments and the break of 2020, on a ledger made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from catalog.calendar import reporting_deadline
from catalog.demonstration import Evidence, load_demonstration
from catalog.errors import UserError
from catalog.model import Provision
from catalog.period import Period
from catalog.scoring import PATH, load_scoring
from transforms.assess import assess
from transforms.assess.facts import breaks
from transforms.report import freeze, report

DECEMBER = Period(2019, 12)


@pytest.mark.parametrize(
    ("decided", "due", "due_counting"),
    [
        # domain notes 4.6; the last column counts the day of decision, where it is a working day, as the first
        ("2019-09-25", "2019-10-10", "2019-10-09"),
        ("2019-09-27", "2019-10-12", "2019-10-11"),
        ("2019-10-11", "2019-10-21", "2019-10-18"),
        ("2019-12-25", "2020-01-06", "2020-01-03"),
        ("2020-01-17", "2020-02-04", "2020-02-03"),
    ],
)
def test_seven_working_days(decided, due, due_counting):
    day = date.fromisoformat(decided)
    assert reporting_deadline(day, 7) == date.fromisoformat(due)
    assert reporting_deadline(day, 7, count_decision_day=True) == date.fromisoformat(due_counting)


def test_days_the_calendar_does_not_know():
    assert reporting_deadline(date(1987, 5, 4), 7) == date(2004, 1, 12)
    assert reporting_deadline(date(2026, 12, 30), 7) is None
    assert reporting_deadline(date(2099, 12, 31), 7) is None


def test_weights_that_are_no_hundred_are_refused(tmp_path):
    path = tmp_path / "scoring.yml"
    path.write_text(PATH.read_text("utf-8").replace('county: "30"', 'county: "31"'), "utf-8")
    with pytest.raises(UserError, match="合计为101"):
        load_scoring(path)


def parts(lake, unit):
    return {
        r["measure"]: r
        for r in lake.rows("SELECT * FROM mart.score_part WHERE unit = ? AND period = '2019-12'", [unit])
    }


def test_what_cannot_be_measured_costs_nothing(lake, three_items, ledger, batch):
    ledger(10, county="130528")
    batch(new=6, updated=1, duplicate=1, questioned=2, division="130500")
    assess(lake, three_items, DECEMBER)
    (score,) = lake.rows("SELECT * FROM mart.department_score WHERE department = 'scjg'")
    found = parts(lake, "scjg")
    assert {name for name, part in found.items() if part["available"]} == {"valid", "coverage"}
    assert (found["valid"]["numerator"], found["valid"]["denominator"]) == (8, 10)
    assert (score["measured_weight"], score["points"]) == (30.0, 26.0)
    assert score["score"] == round(26 * 100 / 30, 2)
    assert score["not_measured"] == "上报率、双公示及时率、完整率、关联率、疑问处理率"


def test_concealed_missing_and_late_reports_name_their_provider(lake, three_items, batch, declare):
    batch(new=3, delivery="20200107-01-130500")  # due on the 5th
    declare("enterprise_registration", 5, department="scjg")
    declare("penalty", 4, department="sfj")  # said to be produced, never sent
    assess(lake, three_items, DECEMBER)
    rows = {
        r["department"]: r for r in lake.rows("SELECT * FROM mart.provider_item WHERE period = '2019-12'")
    }
    assert [rows["scjg"][k] for k in ("late", "missing", "concealed", "concealed_records")] == [1, 0, 1, 2]
    assert [rows["sfj"][k] for k in ("late", "missing", "concealed", "concealed_records")] == [0, 0, 1, 4]
    assert [rows["jyj"][k] for k in ("late", "missing", "concealed")] == [0, 1, 0]
    scores = {r["department"]: r for r in lake.rows("SELECT * FROM mart.department_score")}
    assert (scores["scjg"]["deduction"], scores["sfj"]["deduction"], scores["jyj"]["deduction"]) == (5, 5, 2)
    reported = parts(lake, "scjg")["reporting"]
    assert (reported["numerator"], reported["denominator"]) == (3, 5)


def test_what_is_not_due_yet_is_not_concealed(lake, three_items, batch, declare):
    """A yearly item's numbers may be declared month by month; they are held against it when the year is delivered."""
    declare("teacher", 12, department="jyj", period="2019-11")
    assess(lake, three_items, Period(2019, 11))
    rows = lake.rows(
        "SELECT owed, concealed, concealed_records, produced FROM mart.provider_item WHERE item_id = 'teacher'"
    )
    assert rows == [{"owed": 0, "concealed": 0, "concealed_records": 0, "produced": 12}]
    (score,) = lake.rows("SELECT * FROM mart.department_score WHERE department = 'jyj'")
    assert (score["deduction"], score["score"]) == (0, None)  # nothing was owed, nothing can be measured
    declare("teacher", 12, department="jyj")
    assess(lake, three_items, DECEMBER)
    assert lake.rows(
        "SELECT concealed_records FROM mart.provider_item WHERE item_id = 'teacher' AND period = '2019-12'"
    ) == [{"concealed_records": 12}]


def test_equal_scores_share_a_rank_and_the_next_is_not_skipped(lake, three_items, batch):
    county = Provision(role="county_bureau", since="2019-10", reason="试验")
    items = {"penalty": three_items.items["penalty"].model_copy(update={"provision": county})}
    for code, right, wrong in (("130528", 10, 0), ("130529", 20, 0), ("130530", 5, 5)):
        batch(
            "penalty",
            department="sfj",
            division=code,
            delivery=f"20200103-01-{code}",
            new=right,
            questioned=wrong,
        )
    assess(lake, replace(three_items, items=items), DECEMBER)
    ranks = dict(lake.execute("SELECT county_code, rank FROM mart.county_score").fetchall())
    assert (ranks["130528"], ranks["130529"], ranks["130530"]) == (1, 1, 2)
    assert ranks.pop("130571") is None  # a zone is scored, not ranked
    assert {rank for code, rank in ranks.items() if code not in ("130528", "130529", "130530")} == {3}


def flags(lake):
    return {
        (r["flag"], r["county_code"], r["department"]) for r in lake.rows("SELECT * FROM mart.review_flag")
    }


def test_one_item_over_sixty_percent_and_a_jump_are_shown(lake, three_items, ledger):
    ledger(61, county="130528")
    ledger(39, county="130528", item="penalty")
    ledger(60, county="130529")
    ledger(40, county="130529", item="penalty")
    ledger(20, county="130528", item="teacher", first="2019-11")
    ledger(19, county="130529", item="teacher", first="2019-11")
    assess(lake, three_items, DECEMBER)
    assert flags(lake) == {
        ("concentration", "130528", None),
        ("jump", "130529", None),
    }  # 100/20 is five times, 100/19 more


def test_forecast_names_the_target_that_binds(lake, three_items, ledger):
    ledger(30, county="130528", first="2019-11")
    ledger(50, county="130528", first="2019-05")  # before the three months that give the rate
    ledger(30, county="130530")
    assess(lake, three_items, DECEMBER)
    rows = {r["county_code"]: r for r in lake.rows("SELECT * FROM mart.forecast WHERE period = '2019-12'")}
    assert rows["130528"]["monthly_rate"] == 10
    assert rows["130528"]["floor_months"] == (2_000_000 - 80) / 10
    assert (rows["130528"]["binding"], rows["130530"]["binding"]) == ("quota", "floor")
    assert rows["130529"]["floor_months"] is None


def test_a_published_month_stays_and_later_corrections_are_adjustments(lake, three_items, ledger):
    ledger(10, county="130528", first="2019-11")
    november = Period(2019, 11)
    assess(lake, three_items, november)
    snapshot = freeze(lake, three_items, november).snapshot
    ledger(3, county="130528", first="2019-11")
    ledger(5, county="130528")
    assert assess(lake, three_items, november).collected == 10
    assert freeze(lake, three_items, november).snapshot == snapshot
    assess(lake, three_items, DECEMBER)
    (row,) = lake.rows("SELECT * FROM mart.adjustment WHERE difference <> 0")
    assert (row["of_period"], row["county_code"], row["published"], row["recomputed"]) == (
        "2019-11",
        "130528",
        10,
        13,
    )
    now = lake.scalar(
        "SELECT collected FROM mart.county_progress WHERE period = '2019-12' AND county_code = '130528'"
    )
    assert now == row["published"] + row["difference"] + 5


def test_the_division_change_of_2020(lake, three_items, ledger):
    """Units that are the same ones have equal totals before and after; those made anew are named as not comparable."""
    ledger(7, county="130526", first="2020-04")
    ledger(4, county="130528", first="2020-04")
    ledger(9, county="130502", first="2020-04")
    may, july = Period(2020, 5), Period(2020, 7)
    for period in (may, july):
        assess(lake, three_items, period)
    of = {
        p: dict(
            lake.execute(
                "SELECT county_code, collected FROM mart.county_progress WHERE period = ?", [str(p)]
            ).fetchall()
        )
        for p in (may, july)
    }
    assert (of[may]["130526"], of[july]["130505"]) == (7, 7)
    assert of[may]["130528"] == of[july]["130528"] == 4
    assert sum(of[may].values()) == sum(of[july].values()) == 20
    notes = breaks(three_items.divisions, may.last_day, july.last_day)
    assert set(notes) == {"130502", "130503"}
    assert "桥东区" in notes["130502"]
    assert "邢台县的一部分" in notes["130503"]
    broken = lake.rows(
        "SELECT unit FROM mart.volume WHERE period = '2020-07' AND span = 'last_year_month' AND break_note IS NOT NULL ORDER BY 1"
    )
    assert [r["unit"] for r in broken] == ["130502", "130503"]
    assert (
        lake.scalar(
            "SELECT count(*) FROM mart.volume WHERE period = '2020-07' AND span = 'previous' AND break_note IS NOT NULL"
        )
        == 0
    )


MADE_ANEW = {
    "130502",
    "130503",
    "130521",
}  # 桥东区, 桥西区, 邢台县: two of these three are what was left of all three
RENAMED = {"130526": "130505", "130527": "130506"}


def test_bulletins_before_and_after_the_division_change(lake, three_items, ledger, tmp_path):
    """Every unit that can be compared has the same total in the bulletins of 2020-05 and 2020-07; the two that cannot are named."""
    old = [u.code for u in three_items.divisions.units(date(2020, 5, 31))]
    for number, code in enumerate(old, 1):
        ledger(number, county=code, first="2019-07")
        ledger(2 * number, county=code, first="2020-04")
    ledger(5, county="130521", division="130521103", rule="division", first="2020-04")  # 晏家屯镇, to 襄都区
    shown = {}
    for period in (Period(2020, 5), Period(2020, 7)):
        assess(lake, three_items, period)
        page, *_ = report(lake, three_items, period, tmp_path)
        shown[period.month] = page.read_text("utf-8")
    totals = {
        month: dict(
            lake.execute(
                "SELECT county_code, collected FROM mart.county_progress WHERE period = ?",
                [f"2020-{month:02}"],
            ).fetchall()
        )
        for month in (5, 7)
    }
    comparable = {code: RENAMED.get(code, code) for code in old if code not in MADE_ANEW}
    assert len(comparable) == 16
    for number, code in enumerate(old, 1):
        assert totals[5][code] == 3 * number + (5 if code == "130521" else 0)
        if code in comparable:
            assert totals[7][comparable[code]] == 3 * number, code
    assert sum(totals[5].values()) == sum(totals[7].values())
    anew = sum(totals[5][code] for code in MADE_ANEW)
    # 邢台县's records without a township cannot be attributed; they stand with the city until somebody looks.
    assert totals[7]["130502"] + totals[7]["130503"] + totals[7]["130500"] == anew
    assert totals[7]["130502"] == totals[5]["130502"] + 5
    assert set(totals[7]) == {*comparable.values(), "130502", "130503", "130571", "130500"}
    for unit in ("襄都区", "信都区"):
        assert re.search(f"{unit}由[^；。]*邢台县的一部分[^；。]*不可比", shown[7]), unit
    assert len(re.findall("不可比", shown[7])) == 2
    assert "不可比" not in shown[5]
    # What a unit is compared with is its own past: 任泽区 with 任县.
    past = lake.rows(
        "SELECT collected, break_note FROM mart.volume WHERE period = '2020-07' AND unit = '130505' AND span = 'last_year_month'"
    )
    assert past == [{"collected": old.index("130526") + 1, "break_note": None}]


def test_the_scoreboard_has_every_indicator_of_the_pilot_standard():
    """Domain notes 6.4: five indicators with their points, and what earns them."""
    stated = {i.id: (i.title, i.points, i.measure) for i in load_demonstration().indicators}
    assert stated["system"][0] == "制度建设（转载、落实12项文件）"
    assert {name: (stated[name][1], stated[name][2]) for name in stated if name != "assessment"} == {
        "system": (12, "evidence"), "personal_points": (5, "evidence"), "coordination": (3, "evidence"),
        "funding": (3, "evidence"), "collection": (5, "connected"),
    }  # fmt: skip


def test_evidence_for_the_scoreboard_is_data(lake, three_items, monkeypatch, batch):
    """Nine of twelve documents give nine of twelve points; a connected item counts once a year."""
    evidence = Evidence(
        year=2019, code="130528", indicator="system", achieved=9, of=12, evidence="宁政办〔2019〕3号"
    )
    board = load_demonstration().model_copy(update={"evidence": (evidence,)})
    monkeypatch.setattr("transforms.assess.marts.load_demonstration", lambda: board)
    county = Provision(role="county_bureau", since="2019-10", reason="试验")
    items = {name: i.model_copy(update={"provision": county}) for name, i in three_items.items.items()}
    catalog = replace(three_items, items=items)
    for period in ("2019-11", "2019-12"):
        batch(
            "penalty",
            period=period,
            department="sfj",
            division="130528",
            delivery="20200103-01-130528",
            new=1,
        )
        assess(lake, catalog, Period.parse(period))
    rows = {
        r["indicator"]: r for r in lake.rows("SELECT * FROM mart.scoreboard WHERE county_code = '130528'")
    }
    assert (rows["system"]["points"], rows["system"]["evidence"]) == (9, "宁政办〔2019〕3号")
    # Enterprises and penalties were owed in both months, teachers in December: one of three came.
    assert rows["collection"]["points"] == pytest.approx(5 / 3)
    other = lake.rows(
        "SELECT available FROM mart.scoreboard WHERE county_code = '130530' AND indicator = 'system'"
    )
    assert other == [{"available": False}]


def test_the_years_scoreboard_counts_what_has_evidence(lake, three_items):
    november = Period(2019, 11)
    for period in (november, DECEMBER):
        assess(lake, three_items, period)
    rows = {
        r["indicator"]: r for r in lake.rows("SELECT * FROM mart.scoreboard WHERE county_code = '130528'")
    }
    mean = lake.scalar("SELECT avg(score) FROM mart.county_score WHERE county_code = '130528'")
    assert rows["assessment"]["points"] == pytest.approx(20 * mean / 100)
    assert not rows["system"]["available"]
    assert rows["system"]["points"] is None
    assert {r["through"] for r in rows.values()} == {"2019-12"}


def test_the_years_scoreboard_counts_what_a_county_had_under_its_earlier_code(lake, three_items):
    """任县 (130526) is 任泽区 (130505) from the end of June 2020 on."""
    for month in (5, 6):
        assess(lake, three_items, Period(2020, month))
    with lake.transaction() as tx:
        tx.execute(
            "UPDATE mart.county_score SET score = 60 WHERE period = '2020-05' AND county_code = '130526'"
        )
    assess(lake, three_items, Period(2020, 7))
    months = lake.rows(
        "SELECT period, score FROM mart.county_score WHERE county_code IN ('130526', '130505')"
    )
    assert len({row["period"] for row in months}) == 3
    (board,) = lake.rows(
        "SELECT * FROM mart.scoreboard WHERE county_code = '130505' AND indicator = 'assessment'"
    )
    mean = sum(row["score"] for row in months) / 3
    assert board["rate"] == pytest.approx(mean / 100)


def test_rows_mended_by_this_month_count_as_handled(lake, three_items, batch):
    batch(period="2019-11", questioned=3)
    batch(new=1)
    with lake.transaction() as tx:
        tx.execute(
            "CREATE TABLE IF NOT EXISTS ops.rectification (item_id VARCHAR, period VARCHAR, batch_id VARCHAR, row_number BIGINT,"
            " department VARCHAR, division VARCHAR, closed_batch_id VARCHAR, days INTEGER)"
        )
        tx.executemany(
            "INSERT INTO ops.rectification (item_id, period, batch_id, row_number, department, division, closed_batch_id, days)"
            " VALUES ('enterprise_registration', '2019-11', 'b', ?, 'scjg', '130500', ?, ?)",
            [
                (2, "enterprise_registration/2019-12/x", 30),
                (3, "enterprise_registration/2020-01/x", 60),  # mended, but after this month
                (4, None, None),
            ],
        )
    assess(lake, three_items, DECEMBER)
    handling = parts(lake, "scjg")["handling"]
    assert (handling["numerator"], handling["denominator"], handling["available"]) == (1, 3, True)
    (row,) = lake.rows(
        "SELECT * FROM mart.provider_item WHERE item_id = 'enterprise_registration' AND department = 'scjg'"
    )
    assert row["handling_days"] == 30
