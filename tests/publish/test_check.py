"""The authorised look-up and its log."""

from __future__ import annotations

import hashlib
import json
from datetime import date

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import UserError
from quality.audit.files import CHECKS
from transforms import steps
from transforms.publish.check import read_codes
from warehouse import publications
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.lookups import Lookup, append, log_path, problems

AS_OF = date(2020, 1, 10)


def ask(home, folder, lines, name="codes.csv"):
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return steps.check(
        folder / name, folder / "out.xlsx", home, by="市信用办 李某", purpose="专项资金审查", as_of=AS_OF
    )


def test_hits_are_those_of_an_independent_look(home, tmp_path):
    with Lake(home) as lake:
        codes = [
            c
            for (c,) in lake.execute(
                "SELECT uscc FROM rec.enterprise_registration ORDER BY uscc LIMIT 40"
            ).fetchall()
        ]
        adverse = [
            (k, until, ended)
            for k, until, ended in lake.execute(
                "SELECT subject_key, valid_to, exited_on FROM rec.blacklist WHERE starts_with(subject_key, 'uscc:')"
            ).fetchall()
        ]
    black = [
        k[5:]
        for k, until, ended in adverse
        if not (until and until < AS_OF) and not (ended and ended <= AS_OF)
    ]
    assert black
    done = ask(home, tmp_path, ["统一社会信用代码", *codes, *black])
    rows = list(openpyxl.load_workbook(tmp_path / "out.xlsx")["结果"].values)[1:]
    assert len(rows) == done.codes == len(codes) + len(black)
    hit = {row[2] for row in rows if row[3] == "命中"}
    assert set(black) <= hit
    with Lake(home) as lake:
        known = {
            k[5:]
            for (k,) in lake.execute(
                "SELECT subject_key FROM core.record WHERE item_id IN ('blacklist', 'admin_penalties', 'social_insurance_arrears') AND starts_with(subject_key, 'uscc:')"
            ).fetchall()
        }
    assert hit <= known


def test_a_person_is_found_and_the_number_is_written_nowhere(home, tmp_path, identifiers):
    with Lake(home) as lake:
        pseudonym = lake.scalar(
            "SELECT id_number FROM rec.lawyers WHERE id_number IN (SELECT pseudonym FROM vault.identifier) LIMIT 1"
        )
    number = identifiers(home)[pseudonym]
    done = ask(home, tmp_path, ["证件号码", number, "x", "130521197001010018"])
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    rows = list(book["结果"].values)[1:]
    assert [row[1] for row in rows] == ["公民身份号码", "无效代码", "无效代码"]
    assert any(row[1] == "律师执业信息" for row in list(book["明细"].values)[1:])
    everything = " ".join(str(v) for sheet in book for row in sheet.values for v in row) + log_path(
        home
    ).read_text("utf-8")
    for form in (
        number,
        number[::-1],
        *(getattr(hashlib, h)(number.encode()).hexdigest() for h in ("md5", "sha1", "sha256")),
    ):
        assert form not in everything
    assert done.entry.lookup.subjects[0].startswith("person:")


def test_a_personal_number_that_could_be_a_registration_number_is_a_persons(home, tmp_path):
    with Lake(home) as lake:
        old = lake.scalar(
            "SELECT min(n) FROM (SELECT '130521550101' || lpad(i::VARCHAR, 3, '0') AS n FROM range(1000) t(i)) WHERE xt_is_reg(n)"
        )
        assert lake.scalar("SELECT xt_is_id(xt_id18(?))", [old])
    done = ask(home, tmp_path, ["证件号码", old])
    sheets = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert [row[1] for row in sheets["结果"].values][1:] == ["公民身份号码"]
    assert done.entry.lookup.subjects[0].startswith("person:")
    everything = " ".join(str(v) for sheet in sheets for row in sheet.values for v in row)
    assert old not in everything + log_path(home).read_text("utf-8")


def test_a_number_cell_that_lost_digits_is_nobodys_number(home, tmp_path):
    rounded = 130521196605020000  # with a check digit that happens to be right
    with Lake(home) as lake:
        assert lake.scalar("SELECT xt_is_id(?)", [str(rounded)])
    book = openpyxl.Workbook()
    for row in (["证件号码"], [rounded], [130521550101000]):
        book.active.append(row)
    book.save(tmp_path / "codes.xlsx")
    assert read_codes(tmp_path / "codes.xlsx") == [(2, "1.3052119660502e+17"), (3, "130521550101000")]
    steps.check(
        tmp_path / "codes.xlsx", tmp_path / "out.xlsx", home, by="市信用办", purpose="审查", as_of=AS_OF
    )
    rows = list(openpyxl.load_workbook(tmp_path / "out.xlsx")["结果"].values)[1:]
    assert rows[0][1] == "无效代码"


def test_the_workbook_names_state_and_log(home, tmp_path):
    done = ask(home, tmp_path, ["代码", "91130500000000000X"])
    notes = dict(openpyxl.load_workbook(tmp_path / "out.xlsx")["说明"].values)
    assert notes["核查流水号"] == str(done.entry.seq)
    assert notes["公示状态截至"] == "2020-01-10"
    assert notes["数据截至（快照时间，UTC）"]
    assert done.entry.lookup.output_sha256 == hashlib.sha256((tmp_path / "out.xlsx").read_bytes()).hexdigest()


def test_a_line_of_a_log_that_was_cut_off_is_told(home, tmp_path):
    codes = ["代码", "91130500000000000X"]
    ask(home, tmp_path, codes)
    for log, use in (
        (log_path(home), lambda: ask(home, tmp_path, codes)),
        (publications.log_path(home), lambda: steps.publish(AS_OF, home)),
    ):
        whole = log.read_text("utf-8")
        log.write_text(whole + '{"seq":', "utf-8")
        number = len(whole.splitlines()) + 1
        for reads in (use, lambda: steps.trace(home, as_of=date(2020, 6, 1))):
            with pytest.raises(UserError, match=f"{log.name} 第{number}行：不是完整的一条记录"):
                reads()
        log.write_text(whole, "utf-8")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "没有找到代码"),
        ("a.xlsx", b"PK\x03\x04 no workbook", "不是能读的电子表格"),
        ("a.csv", "代码\n".encode() + b"9" * 100, "过长"),
        ("a.csv", b"\xff\xfe\xfa\x00\x81", "编码不识别"),
        ("a.csv", b"x\n" * 10_001, "最多核查"),
        (
            "a.csv",
            "统一社会信用代码,身份证号\n,130521197001010017".encode(),
            "有几列代码（统一社会信用代码、身份证号）",
        ),
    ],
)
def test_what_is_no_list_of_codes_is_refused(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=told):
        read_codes(tmp_path / name)


def test_formulas_in_a_list_stay_text(home, tmp_path):
    done = ask(home, tmp_path, ['=HYPERLINK("http://x","y")', "+1", "@SUM(1)"])
    assert done.hits == 0
    for sheet in openpyxl.load_workbook(tmp_path / "out.xlsx"):
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


# -- the log --------------------------------------------------------------------------------------------------------


def lookup(n):
    return Lookup(
        by="a",
        purpose="b",
        as_of="2020-01-10",
        snapshot=n,
        input_sha256="x",
        codes=1,
        hits=0,
        subjects=(),
        records=(),
        output_sha256="y",
    )


def test_a_sound_log_has_no_problem(tmp_path):
    home = Home(tmp_path)
    assert list(problems(home)) == []
    for n in range(4):
        assert append(home, lookup(n)).seq == n + 1
    assert list(problems(home)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["change", "drop", "swap", "repeat", "cut", "forge"]),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_whatever_is_done_to_it_shows(tmp_path_factory, how, i, j):
    home = Home(tmp_path_factory.mktemp("log"))
    for n in range(5):
        append(home, lookup(n))
    lines = log_path(home).read_text("utf-8").splitlines()
    before = list(lines)
    if how == "change":
        lines[i] = lines[i].replace('"hits":0', '"hits":1')
    elif how == "drop":
        del lines[i]
    elif how == "swap":
        lines[i], lines[j] = lines[j], lines[i]
    elif how == "repeat":
        lines.insert(j, lines[i])
    elif how == "cut":
        lines = lines[:i]
    else:  # a seal made without the key
        entry = json.loads(lines[i])
        entry["lookup"]["by"] = "other"
        entry["seal"] = hashlib.sha256(json.dumps(entry["lookup"]).encode()).hexdigest()
        lines[i] = json.dumps(entry)
    log_path(home).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert bool(list(problems(home))) == (lines != before)


def test_verify_tells(home, tmp_path):
    ask(home, tmp_path, ["代码", "91130500000000000X"])
    path = log_path(home)
    path.write_text(path.read_text("utf-8").replace("李某", "王某"), encoding="utf-8")
    with Lake(home) as lake:
        assert [row["第几条"] for row in CHECKS["files_lookups"][1](lake)] == [1]
