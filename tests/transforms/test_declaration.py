"""Monthly returns: read in any form a table can have, the latest of each provider counting."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample.returns import write_returns
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def drop(home: Home, name: str, *rows: tuple[object, ...]) -> Path:
    path = home.inbox / "2019-12" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([("2019年12月报送情况",), ("目录名称", "产生数", "说明"), *rows])
    return path


def declared(home: Home) -> list[tuple[object, ...]]:
    with Lake(home) as lake:
        return lake.execute(
            "SELECT division, department, item_id, produced, note, declared_on::VARCHAR FROM ops.declaration ORDER BY ALL"
        ).fetchall()


def test_items_go_by_code_title_or_id_and_the_latest_counts(home: Home) -> None:
    drop(
        home,
        "130528_jyj_return_20200105_01.csv",
        ("XT018", 0, "张三（130528198506070129）报"),
        ("教师资格证信息", "12", ""),
    )
    assert steps.declare("2019-12", home) == 2
    assert declared(home) == [
        ("130528", "jyj", "teacher_certificates", 12, None, "2020-01-05"),
        ("130528", "jyj", "teachers_in_service", 0, "张三（〔身份证号〕）报", "2020-01-05"),
    ]
    drop(home, "130528_jyj_return_20200106_01.csv", ("xt018", "3", ""))
    assert steps.declare("2019-12", home) == 2
    assert declared(home)[1] == ("130528", "jyj", "teachers_in_service", 3, None, "2020-01-06")
    assert steps.declare("2019-12", home) == 2


@pytest.mark.parametrize(
    ("name", "row", "what"),
    [
        ("130528_jyj_return_20200105_01.csv", ("幽灵信息", 0, ""), r"第3行：目录“幽灵信息”不存在"),
        ("130528_jyj_return_20200105_01.csv", ("XT018", "若干", ""), r"第3行：产生数不是0或正整数"),
        ("130528_jyj_return_20200105_01.csv", ("XT018", "-1", ""), "产生数不是0或正整数"),
        ("130528_nobody_return_20200105_01.csv", ("XT018", 0, ""), "部门“nobody”不在部门表中"),
        ("130528_jyj_return_20201305_01.csv", ("XT018", 0, ""), "日期不存在"),
        ("130599_jyj_return_20200105_01.csv", ("XT018", 0, ""), "区划“130599”不在区划表中"),
    ],
)
def test_a_return_that_cannot_be_read_is_named(
    home: Home, name: str, row: tuple[object, ...], what: str
) -> None:
    drop(home, name, row)
    with pytest.raises(UserError, match=what):
        steps.declare("2019-12", home)


def test_a_bad_return_does_not_keep_the_others_out(home: Home) -> None:
    drop(home, "130528_jyj_return_20200105_01.csv", ("幽灵信息", 0, ""))
    drop(home, "130528_jyj_return_20201305_01.csv", ("XT018", 0, ""))
    drop(home, "130530_jyj_return_20200105_01.csv", ("XT018", 0, ""))
    drop(home, "130530_jyj_return_20200105_01.csv.filepart", ("XT018", 7, ""))
    (home.inbox / "2019-12" / "130530_jyj_return_20200105_01.ok").touch()
    with pytest.raises(UserError, match="2 份月报表未能读取"):
        steps.declare("2019-12", home)
    assert [row[0] for row in declared(home)] == ["130530"]


def test_an_item_named_twice_is_refused(home: Home) -> None:
    drop(home, "130528_jyj_return_20200105_01.csv", ("XT018", 0, ""), ("在职教师信息", 2, ""))
    with pytest.raises(UserError, match="第4行：目录“在职教师信息”写了两次"):
        steps.declare("2019-12", home)


def test_what_the_samples_generator_writes_is_read(home: Home) -> None:
    catalog = load_catalog()
    period = Period.parse("2019-12")
    written = write_returns(catalog, home.inbox, [catalog.item("teacher_certificates")], period, {}, seed=1)
    assert 1 < steps.declare("2019-12", home) == len(written)


def test_files_that_nobody_takes_are_noted_once(home: Home) -> None:
    kept = (
        "130500_sfj_lawyers_20200105_01.csv",
        "130528_jyj_return_20200105_01.csv",
        ".hidden",
        "a.csv.part",
    )
    strays = (
        "130500_sfj_lawyers_20200105_01 - 副本.csv",
        "130500_sfj_lawyer_20200105_01.csv",
        "律师130528198506070129.xlsx",
    )
    for name in (*kept, *strays):
        drop(home, name, ("XT018", "3", ""))
    (home.inbox / "2019-12" / "补报").mkdir()
    steps.declare("2019-12", home)
    steps.declare("2019-12", home)
    with Lake(home) as lake:
        noted = lake.execute("SELECT source_file, step, period FROM ops.outcome ORDER BY ALL").fetchall()
    told = sorted([*strays[:2], "律师〔身份证号〕.xlsx", "补报"])
    assert noted == [(name, "inbox", "2019-12") for name in told]
    assert sorted(steps.unclaimed_files("2019-12", home)) == told
    drop(home, strays[0], ("XT018", "4", ""))
    steps.declare("2019-12", home)
    with Lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM ops.outcome") == 5
