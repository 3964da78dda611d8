"""What a user does wrong is told on one line, with exit code 1 and no traceback."""

from __future__ import annotations

import json
import re

import pytest
from typer.main import get_command

import xtcredit
from catalog.loader import load_catalog
from xtcredit import printing

NUMBER = "130521197001010017"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """(exit code, standard error) of a command in an empty home; `{tmp}` stands for a folder of its own."""
    monkeypatch.setenv("XTCREDIT_HOME", str(tmp_path / "home"))
    (tmp_path / "empty.csv").touch()
    (tmp_path / f"张{NUMBER}.csv").write_text("姓名\n", encoding="utf-8")
    (tmp_path / "headless.csv").write_text(f"{NUMBER},张样例,13052119700101123X\n", encoding="utf-8")
    (tmp_path / "married.csv").write_text("姓名,身份证号,婚姻状况\n张样例,,已婚\n", encoding="utf-8")
    (tmp_path / "130500_xzjg_admin_penalties_20200105_01.csv").write_text("a\n", encoding="utf-8")

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(
            "sys.argv", ["xtcredit", *(word.replace("{tmp}", str(tmp_path)) for word in words)]
        )
        with pytest.raises(SystemExit) as ended:
            xtcredit.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return command


@pytest.fixture
def run_well(monkeypatch, capsys, tmp_path):
    """What a command prints that succeeds, in a home of its own."""
    monkeypatch.setenv("XTCREDIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)

    def command(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["xtcredit", *words])
        with pytest.raises(SystemExit) as ended:
            xtcredit.main()
        assert not ended.value.code
        return str(capsys.readouterr().out)

    return command


TRY = ("try", "teachers_in_service", "--file")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*TRY, "{tmp}/missing.csv"), "文件不存在"),
        ((*TRY, "{tmp}"), "文件不存在"),
        ((*TRY, "{tmp}/empty.csv"), "文件是空的"),
        ((*TRY, "{tmp}/headless.csv"), "没有找到本目录项的表头"),
        ((*TRY, f"{{tmp}}/张{NUMBER}.csv"), "文件名中有个人号码"),
        ((*TRY, "{tmp}/130500_xzjg_admin_penalties_20200105_01.csv"), "属于目录“admin_penalties”"),
        ((*TRY, "{tmp}/empty.csv", "--period", "2019-13"), "不是有效的年月"),
        (("ingest", "teachers_in_service", "--period", "0000-01"), "不是有效的年月"),
        (("ingest", "teachers_in_service", "--period", "2019-12"), "没有收到"),
        (("ingest", "nothing", "--period", "2019-12"), "目录中没有“nothing”"),
        (("catalog", "show", "["), "目录中没有“[”"),
        (("catalog", "new", "Bad", "--sample", "{tmp}/empty.csv"), "写法不符"),
        (("sample", "--out", "{tmp}/empty.csv/x", "--rows", "1", "--item", "lawyers"), "不能读写"),
        (("sample", "--out", "{tmp}/x", "--periods", "2019-12:2019-10"), "终点早于起点"),
        (("counties", "--period", "2019-11"), "还没有考核结果"),
        (("restore", "{tmp}/nothing", "--missing"), "没有备份"),
        (("restore", "{tmp}/nothing", "--missing", "--backup", "x"), "不能限于一份"),
    ],
)
def test_a_mistake_is_one_line(run, words, told):
    code, said = run(*words)
    assert code == 1
    assert told in said
    assert said.startswith("错误：")
    assert "处理办法：" in said
    assert len(said.splitlines()) == 1
    assert NUMBER not in said
    assert "13052119700101123X" not in said


@pytest.mark.parametrize(("name", "value"), [("XTCREDIT_THREADS", "two"), ("XTCREDIT_MEMORY", "lots")])
def test_a_wrong_setting_is_named(run, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    code, said = run("catalog", "new", "some_item", "--sample", "{tmp}/married.csv")
    assert (code, len(said.splitlines())) == (1, 1)
    assert said.startswith(f"错误：{name}：")


@pytest.mark.parametrize("folder", ["year[2019]", "year=2019"])
def test_a_home_that_duckdb_would_take_for_a_pattern_or_a_partition_is_refused(
    run, monkeypatch, tmp_path, folder
):
    monkeypatch.setenv("XTCREDIT_HOME", str(tmp_path / folder))
    assert run("counties", "--period", "2019-12")[1].count("路径中有通配符") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("publish", "--cuonty", "130528"), "没有选项 --cuonty，是不是 --county"),
        (("report",), "缺少 --period"),
        (("ingest",), "缺少 ITEM"),
        (("publish", "--county"), "选项 --county 的值缺少或多余"),
        (("scoreboard", "--year", "now"), "--year 的值不对"),
        (("verify", "--format", "xml"), "--format 的值不对"),
        (("ingset",), "没有命令“ingset”，是不是 ingest"),
        (("catalog", "shwo"), "没有命令“shwo”，是不是 show"),
        (("report", "--period", "2019-12", "extra"), "多余的参数 extra"),
        (("verify", "one", "two"), "多余的参数 one two"),
        (("catalog", "show", "lawyers", "--format", "json", "more"), "多余的参数 more"),
    ],
)
def test_a_command_written_wrongly_is_one_line_too(run, words, told):
    code, said = run(*words)
    assert code in (1, 2)
    assert told in said
    assert said.startswith("错误：xtcredit")
    assert said.rstrip().endswith("。")
    assert "--help" in said
    assert len(said.splitlines()) == 1
    assert "unexpected" not in said


def commands(group, path=()):
    """Every command and group below, by the words that call it."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


@pytest.mark.parametrize("words", [words for words, _ in commands(get_command(xtcredit.app))], ids=" ".join)
def test_help_is_chinese_throughout_and_has_an_example(monkeypatch, capsys, words):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.argv", ["xtcredit", *words, "--help"])
    with pytest.raises(SystemExit) as ended:
        xtcredit.main()
    shown = capsys.readouterr().out
    assert not ended.value.code
    assert "用法：xtcredit" in shown
    assert not re.findall(r"Usage|OPTIONS|ARGS|Show|required|default", shown)
    rows = [line for line in shown.splitlines() if line.lstrip("│ *").startswith("--")]
    assert rows
    assert [row for row in rows if not re.search("[\u4e00-\u9fff]", row)] == []
    assert words in ((), ("catalog",)) or "例：" in shown


def test_assessing_and_sending_out_are_told_in_words(run_well):
    """A program asks for JSON."""
    told = run_well("assess", "--period", "2019-12")
    assert re.fullmatch(
        r"2019-12：累计归集 0 条，其中本期 0 条，目标 30,000,000 条，完成率 0\.0000%；应报 \d+ 项目录，已报 0 项。\n",
        told,
    )
    (row,) = json.loads(run_well("assess", "--period", "2019-12", "--format", "json"))
    assert (row["collected"], row["target"]) == (0, 30_000_000)
    assert re.fullmatch(
        r"2019-12 已印发，依据快照 \d+；其后的更正在以后的期次列为调整。\n",
        run_well("freeze", "--period", "2019-12"),
    )
    assert list(*json.loads(run_well("freeze", "--period", "2019-12", "--format", "json"))) == [
        "period",
        "snapshot",
    ]


def test_the_libraries_are_told_by_title(run_well):
    told = dict(line.split("　") for line in run_well("integrate").splitlines())
    assert told == {library.title: "0" for library in load_catalog().libraries.values()}


def test_the_catalog_is_listed_in_words_and_for_programs_in_codes(run_well, monkeypatch):
    monkeypatch.setattr(printing.out, "width", 200)
    assert re.search(r"XT025 +lawyers +律师执业信息 +市司法局 +每月 +社会公开 ", run_well("catalog", "list"))
    (row,) = [
        r for r in json.loads(run_well("catalog", "list", "--format", "json")) if r["标识"] == "lawyers"
    ]
    assert (row["频率"], row["共享属性"]) == ("monthly", "public")
    shown = run_well("catalog", "show", "lawyers")
    assert "频率：每月　共享：社会公开" in shown
    assert "关键项：“" in shown


def test_a_receipt_that_is_not_written_refuses_no_file(monkeypatch, capsys, tmp_path):
    from catalog.errors import PassingError
    from catalog.period import Period
    from catalog.sample import generate
    from transforms import steps

    def away(*_: object, **__: object) -> None:
        raise PassingError("来源没有应答", where="sfj_front")

    home = tmp_path / "home"
    month = Period.parse("2019-12")
    generate(load_catalog(), home / "inbox", items=["lawyers"], periods=[month], rows=20, seed=1)
    monkeypatch.setenv("XTCREDIT_HOME", str(home))
    monkeypatch.setattr(steps, "acknowledge", away)
    monkeypatch.setattr("sys.argv", ["xtcredit", "ingest", "lawyers", "--period", "2019-12"])
    with pytest.raises(SystemExit) as ended:
        xtcredit.main()
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert "lawyers/2019-12/" in told.out
    assert "已入库，回执没有写成：sfj_front：来源没有应答" in told.err
    assert "拒收" not in told.err
