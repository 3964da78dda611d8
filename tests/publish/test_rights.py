"""Objection, correction, deletion, repair, expiry: what they change in the next publication and look-up."""

from __future__ import annotations

from datetime import date, timedelta

import openpyxl
import pytest
from dateutil.relativedelta import relativedelta

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.publicity import PublicityPeriod
from transforms import steps
from transforms.publish.state import hide
from warehouse.lake import Lake

AS_OF = date(2020, 1, 10)
PENALTY = "admin_penalties"


def hidden(home, as_of=AS_OF):
    with Lake(home) as lake:
        hide(lake, load_catalog(), as_of)
        return {
            (item, number): (reason, since)
            for item, number, reason, since in lake.execute(
                f'SELECT h.item_id, v.document_no, h.reason, h.since FROM xt_hidden h JOIN rec."{PENALTY}" v USING (record_key)'
                f" WHERE h.item_id = '{PENALTY}'"
            ).fetchall()
        }


@pytest.fixture
def penalty(home):
    """A penalty of an organisation that is in publication, decided long enough ago to be repaired."""
    with Lake(home) as lake:
        hide(lake, load_catalog(), AS_OF)
        return lake.rows(
            f"""SELECT v.* FROM rec.{PENALTY} v JOIN core.record r ON r.batch_id = v.batch_id AND r.row_number = v.row_number
            WHERE starts_with(v.subject_key, 'uscc:') AND v.uscc IS NOT NULL AND v.subject_kind IS NOT NULL AND r.versions = 1
                AND v.record_key NOT IN (SELECT record_key FROM xt_hidden)
            ORDER BY v.decided_on, v.document_no LIMIT 1"""
        )[0]


def process(penalty, **more):
    return {
        "name": penalty["counterparty"], "subject_kind": "法人及非法人组织" if not penalty["uscc"].startswith("92") else "个体工商户",
        "uscc": penalty["uscc"], "record_no": penalty["document_no"], "record_catalog": "行政处罚信息", "provider": "邢台市市场监督管理局",
        "applied_on": "2020-01-02", "accepted_on": "2020-01-03", "updated_on": "2020-01-08", "status": "待核实", "content": "处罚对象有误",
        "objection_kind": "信息错误", "repair_kind": "一般失信", "commitment_no": "CN1", "new_value": "更正",
    } | more  # fmt: skip


@pytest.fixture
def object_(home, deliver, penalty):
    from catalog.codes import read_list

    kind = read_list("objection_kind").codes[0].title
    status = {c.code: c.title for c in read_list("credit_process_status").codes}

    def objected(conclusion=None, on="2020-01-08"):
        row = process(penalty, objection_no="YY001", objection_kind=kind, status=status["to_verify"])
        if conclusion:
            row |= {"status": status["completed"], "conclusion": conclusion, "concluded_on": on}
        deliver(home, "objections", "2020-01", [row], "异议.csv")

    return objected


def test_an_objection_suspends_the_record_and_its_rejection_brings_it_back(home, penalty, object_):
    name = PENALTY, penalty["document_no"]
    assert name not in hidden(home)
    object_()
    assert hidden(home)[name] == ("objection", date(2020, 1, 3))
    assert name not in hidden(home, date(2020, 1, 2))  # not yet accepted
    object_("异议不成立")
    assert name not in hidden(home)


def test_a_deletion_ends_it_for_good(home, penalty, object_):
    object_("已删除")
    assert hidden(home)[PENALTY, penalty["document_no"]] == ("deleted", date(2020, 1, 8))
    assert hidden(home, AS_OF + timedelta(30))[PENALTY, penalty["document_no"]][0] in ("deleted", "expired")


def corrected(home, penalty, deliver):
    """The provider sends the penalty again with other contents."""
    row = {k: str(v) for k, v in penalty.items() if v is not None} | {
        "content": "更正后的处罚内容，罚款壹仟元"
    }
    codes = {"penalty_kinds": "list", "subject_kind": "list"}
    titles = {
        f.name: {c.code: c.title for c in load_catalog().code_list(f).codes}
        for f in load_catalog().item(PENALTY).fields
        if f.name in codes
    }
    row["subject_kind"] = titles["subject_kind"][penalty["subject_kind"]]
    row["penalty_kinds"] = "、".join(
        titles["penalty_kinds"].get(k, k) for k in penalty["penalty_kinds"].split(";")
    )
    for field in load_catalog().item(PENALTY).fields:
        if field.type in ("person_document", "resident_id", "taxpayer_no") or (
            field.list and field.name not in codes
        ):
            row.pop(field.name, None)
    deliver(home, PENALTY, "2020-02", [row], "更正.csv")


def test_a_correction_holds_it_until_the_provider_sends_another_version(home, penalty, object_, deliver):
    object_("已更正")
    name = PENALTY, penalty["document_no"]
    assert hidden(home)[name][0] == "corrected"
    corrected(home, penalty, deliver)
    with Lake(home) as lake:
        assert (
            lake.scalar(
                "SELECT max(versions) FROM core.record r WHERE record_key = ?", [penalty["record_key"]]
            )
            == 2
        )
    assert name not in hidden(home)


def test_a_repair_ends_it_but_not_before_the_least_period(home, penalty, deliver):
    row = process(
        penalty, repair_no="XF001", status="已完成", conclusion="准予修复", concluded_on="2020-01-08"
    )
    deliver(home, "credit_repairs", "2020-01", [row], "修复.csv")
    least = max(date(2020, 1, 8), penalty["decided_on"] + relativedelta(months=3))
    name = PENALTY, penalty["document_no"]
    assert hidden(home, least)[name] == ("repaired", least)
    assert hidden(home, least - timedelta(1)).get(name, ("expired",))[0] != "repaired"


def test_nobody_elses_objection_touches_it(home, penalty, deliver):
    from catalog.codes import read_list

    with Lake(home) as lake:
        other = lake.scalar(
            "SELECT uscc FROM rec.enterprise_registration WHERE uscc <> ? ORDER BY uscc LIMIT 1",
            [penalty["uscc"]],
        )
    kind = read_list("objection_kind").codes[0].title
    status = {c.code: c.title for c in read_list("credit_process_status").codes}["to_verify"]
    row = process(
        penalty,
        uscc=other,
        subject_kind="法人及非法人组织",
        objection_no="YY9",
        objection_kind=kind,
        status=status,
    )
    deliver(home, "objections", "2020-01", [row], "别人.csv")
    assert (PENALTY, penalty["document_no"]) not in hidden(home)


@pytest.mark.parametrize(("of_its_subject", "acts"), [(True, True), (False, False)])
def test_without_an_identifier_the_name_must_agree_with_the_number(
    home, penalty, object_, deliver, of_its_subject, acts
):
    name = penalty["counterparty"] if of_its_subject else "邢台别家商贸有限公司"
    penalty |= {"counterparty": name, "uscc": penalty["uscc"][:6] + "********" + penalty["uscc"][14:]}
    object_()
    with Lake(home) as lake:
        assert lake.scalar(
            "SELECT count(*) FROM core.record WHERE item_id = 'objections' AND subject_key IS NULL"
        )
    assert ((PENALTY, penalty["document_no"]) in hidden(home)) is acts


def test_the_next_publication_and_look_up_follow(home, penalty, object_, open_file, tmp_path):
    def shown():
        with open_file(home.publish / "public" / "current.duckdb") as file:
            return file.execute(
                "SELECT count(*) FROM rec.admin_penalties WHERE document_no = ?", [penalty["document_no"]]
            ).fetchone()[0]

    def looked_up():
        asked = tmp_path / "codes.csv"
        asked.write_text(f"代码\n{penalty['uscc']}\n", encoding="utf-8")
        steps.check(asked, tmp_path / "out.xlsx", home, by="市信用办", purpose="测试", as_of=AS_OF)
        book = openpyxl.load_workbook(tmp_path / "out.xlsx")
        numbers = [row[4] for row in list(book["明细"].values)[1:]]
        return any(penalty["document_no"] in (n or "").split("、") for n in numbers), list(
            book["结果"].values
        )[1][6]

    assert shown() == 1
    assert looked_up() == (True, 0)
    object_()
    steps.publish(AS_OF, home)
    assert shown() == 0
    assert looked_up() == (False, 1)
    object_("异议不成立")
    steps.publish(AS_OF, home)
    assert shown() == 1
    assert looked_up() == (True, 0)


def traced(home, number, as_of=AS_OF):
    return [
        (r.recipient, r.how.partition("（")[0], r.times, r.changed)
        for r in steps.trace(home, as_of=as_of, item=PENALTY, number=number)
    ]


def test_who_received_it_before_is_traced(home, penalty, object_, tmp_path):
    number = penalty["document_no"]
    with Lake(home) as lake:
        mine, others = [
            lake.scalar(
                f"SELECT county_code FROM core.record WHERE (record_key = ?) = {same} AND county_code NOT IN ('130500', ?)"
                " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
                [penalty["record_key"], other],
            )
            for same, other in ((True, ""), (False, penalty["county_code"]))
        ]
    for county in {mine, others} - {None}:
        steps.publish(AS_OF, home, county=county)
    asked = tmp_path / "codes.csv"
    asked.write_text(f"代码\n{penalty['uscc']}\n", encoding="utf-8")
    steps.check(asked, tmp_path / "out.xlsx", home, by="市信用办甲", purpose="招投标", as_of=AS_OF)
    object_()
    steps.publish(AS_OF, home)
    steps.check(asked, tmp_path / "out.xlsx", home, by="市信用办乙", purpose="招投标", as_of=AS_OF)
    expected = {("public", "发布", 1, False), ("市信用办甲", "核查", 1, False)}
    if mine:
        expected.add((f"county-{mine}", "发布", 1, False))
    assert set(traced(home, number)) == expected
    (found,) = {(r.reason, r.since) for r in steps.trace(home, as_of=AS_OF, number=number)}
    assert found == ("异议处理中", date(2020, 1, 3))
    window = [
        {n for r in steps.trace(home, as_of=AS_OF, item=PENALTY, since=day) for n in r.number.split("、")}
        for day in (date(2020, 1, 3), date(2020, 1, 4))
    ]
    assert [number in numbers for numbers in window] == [True, False]


def test_expiry_names_whoever_was_sent_the_file_that_had_it(home, open_file):
    with open_file(home.publish / "public" / "current.duckdb") as file:
        published = {n for (n,) in file.execute("SELECT document_no FROM rec.admin_penalties").fetchall()}
    later = date(2020, 6, 1)
    ended = {number for _, number in hidden(home, later)}
    found = {
        number: (r.recipient, r.reason)
        for r in steps.trace(home, as_of=later, item=PENALTY)
        for number in ended & set(r.number.split("、"))
    }
    assert set(found) == ended
    assert {number for number, (recipient, _) in found.items() if recipient == "public"} == set(
        found
    ) & published
    assert {recipient for number, (recipient, _) in found.items() if number not in published} <= {None}
    assert len(set(found) & published) > 0


def test_a_record_put_right_is_traced_to_those_who_had_it_wrong(home, penalty, object_, deliver):
    object_("已更正")
    corrected(home, penalty, deliver)
    steps.publish(AS_OF, home)
    told = steps.trace(home, as_of=AS_OF, item=PENALTY, since=date(2020, 1, 8))
    mine = [r for r in told if penalty["document_no"] in r.number.split("、")]
    # The second publication has the new version: what was received last is what it says today.
    assert [(r.recipient, r.reason, r.times, r.changed) for r in mine] == [
        ("public", "异议成立，已更正", 2, False)
    ]
    publications = home.audit / "publications.jsonl"
    publications.write_text(publications.read_text().splitlines()[0] + "\n")
    assert traced(home, penalty["document_no"]) == [("public", "发布", 1, True)]


def test_a_number_that_no_record_bears_is_refused(home):
    with pytest.raises(UserError, match="没有这个编号"):
        steps.trace(home, as_of=AS_OF, number="没有这个号")


def test_a_publication_without_change_is_no_second_receipt(home, penalty):
    before = (home.audit / "publications.jsonl").read_text()
    assert steps.publish(AS_OF, home).publication.written == 0
    assert (home.audit / "publications.jsonl").read_text() == before


def test_periods_end_on_the_day_that_an_independent_reckoning_gives(built):
    """527号 by hand: a stated end counts, at most three years; else one year, or three for the serious."""
    day = date(2020, 6, 1)
    found = hidden(built, day)
    with Lake(built) as lake:
        rows = lake.rows(
            f"SELECT v.* FROM core.record r JOIN rec.{PENALTY} v ON v.batch_id = r.batch_id AND v.row_number = r.row_number AND r.item_id = '{PENALTY}'"
        )
    expected = set()
    for row in rows:
        longest = row["decided_on"] + relativedelta(months=36)
        own = (
            longest
            if row["dishonesty_degree"] in ("serious", "severe")
            else row["decided_on"] + relativedelta(months=12)
        )
        last = min(row["publicity_to"], longest) if row["publicity_to"] else own
        if last < day or row["status"] in ("revoked", "invalid", "objection"):
            expected.add((PENALTY, row["document_no"]))
    assert expected
    assert set(found) == expected
    assert len(expected) < len(rows)


def test_the_catalogs_periods_are_whole():
    for period in load_catalog().publicity.values():
        assert period.problems() == []


def test_a_gap_between_two_regulations_is_found():
    stated = load_catalog().publicity["penalty"].model_dump(by_alias=True)
    stated["regimes"][0]["to"] = date(2023, 4, 29)
    assert "不相接" in PublicityPeriod.model_validate(stated).problems()[0]
