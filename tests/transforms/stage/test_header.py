"""The header is found wherever it stands; what is not understood is listed."""

from __future__ import annotations

import re

import duckdb
import pytest

from catalog.errors import UserError
from transforms.stage.header import (
    Layout,
    Template,
    column_letter,
    ignore_reason_sql,
    normalise_header,
    recognise,
)

NEW = Template(
    name="2018版",
    headers={
        "企业名称": "name",
        "名称": "name",
        "统一社会信用代码": "uscc",
        "成立日期": "founded",
        "法定代表人（姓名）": "person",
        "法定代表人证件号": "person_id",
    },
    ignored=frozenset({"序号"}),
    required=frozenset({"name", "uscc"}),
    forbidden=re.compile("民族|婚姻"),
)
OLD = Template(
    name="2016版",
    headers={"企业名称": "name", "注册号": "reg", "成立日期": "founded"},
    required=frozenset({"name", "reg"}),
)


def layout(*rows: list[str | None], templates: list[Template] | None = None) -> Layout:
    return recognise(rows, templates or [NEW, OLD], where="表.csv")


def refusal(*rows: list[str | None]) -> str:
    with pytest.raises(UserError) as caught:
        layout(*rows)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "企业名称",
        "\ufeff企业名称",
        " 企 业\n名称 ",
        "企业名称*",
        "*企业名称",
        "企业名称（必填）",
        "企业名称【必填】",
        "企业名称\u200b",
    ],
)
def test_headings_are_compared_without_decoration(text: str) -> None:
    assert normalise_header(text) == "企业名称"


def test_full_width_and_case_and_brackets() -> None:
    assert normalise_header("代码＿３（ａ）") == normalise_header("代码_3(A)")
    assert normalise_header("文号〔年〕") == normalise_header("文号【年】")


def test_column_letters() -> None:
    assert [column_letter(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_title_rows_above_are_skipped() -> None:
    found = layout(
        ["企业登记信息表", None, None, None],
        ["填报单位：市场监管局", None, None, None],
        [None] * 4,
        ["序号", "名 称", "统一社会信用代码*", "成立日期"],
        ["1", "甲公司", "9113", "2019"],
    )
    assert found.template == "2018版"
    assert found.header_row == 3
    assert found.columns == {"name": 1, "uscc": 2, "founded": 3}
    assert found.ignored == (0,)


def test_version_with_the_best_score_wins_and_the_first_of_equals() -> None:
    rows: list[list[str | None]] = [["企业名称", "注册号", "成立日期"]]
    assert layout(*rows).template == "2016版"
    assert (
        layout(*rows, templates=[OLD, Template("同", OLD.headers, required=OLD.required)]).template
        == "2016版"
    )


def test_of_equal_matches_the_version_whose_required_columns_are_there() -> None:
    wants_more = Template("要求多", OLD.headers, required=frozenset({"name", "reg"}))
    wants_less = Template("要求少", OLD.headers, required=frozenset({"name"}))
    assert layout(["企业名称", "成立日期"], templates=[wants_more, wants_less]).template == "要求少"


def test_header_of_two_rows() -> None:
    found = layout(
        ["企业名称", "统一社会信用代码", "法定代表人", None],
        [None, None, "（姓名）", "证件号"],
        ["甲", "91", "王", "13"],
    )
    assert found.header_row == 1
    assert found.columns == {"name": 0, "uscc": 1, "person": 2, "person_id": 3}


def test_empty_column_without_heading_is_fine_one_with_values_is_not() -> None:
    assert layout(["企业名称", "统一社会信用代码", None], ["甲", "91", None]).unnamed == (2,)
    assert "C列（无表头）" in refusal(["企业名称", "统一社会信用代码", None], ["甲", "91", "x"])


def test_unknown_columns_are_listed_with_their_letter() -> None:
    message = refusal(["企业名称", "行业 门类", "统一社会信用代码", "备用"])
    assert "B列“行业 门类”、D列“备用”" in message
    assert "表.csv 第1行" in message


def test_missing_required_columns_are_listed() -> None:
    message = refusal(["企业名称", "成立日期"])
    assert "缺少必需的列" in message
    assert "统一社会信用代码" in message


def test_two_columns_of_one_field() -> None:
    message = refusal(["企业名称", "名称", "统一社会信用代码"])
    assert "A列“企业名称”、B列“名称”" in message


def test_forbidden_columns_are_left_out() -> None:
    found = layout(["企业名称", "统一社会信用代码", "民族"], ["甲", "1", "汉"])
    assert found.banned == (2,)
    assert 2 not in found.columns.values()
    assert "C列“民族”" not in refusal(["企业名称", "统一社会信用代码", "民族", "备用"])


def test_another_item_says_what_was_found_and_what_was_expected() -> None:
    message = refusal(["律师姓名", "执业证号", "律所"], ["王", "1", "x"])
    assert "“律师姓名”" in message
    assert "2018版：企业名称、统一社会信用代码" in message
    assert "2016版：企业名称、注册号" in message
    assert "处理办法" in message


def test_no_rows_at_all() -> None:
    assert "没有找到" in refusal()


HEAD: list[str | None] = ["企业名称", "统一社会信用代码", "成立日期", "法定代表人证件号"]
ROWS: list[tuple[list[str | None], str | None]] = [
    (["甲公司", "91", "2019", "13"], None),
    (["甲公司", None, None, None], None),
    ([None, "91", None, None], None),
    ([None, None, None, None], "blank"),
    ([" ", "\u3000", None, "\t"], "blank"),
    (list(HEAD), "repeated_header"),
    (["企业名称", "91", "2019", "13"], None),
    (["合计", "12", None, None], "footer"),
    (["合　计：12", None, None, None], "footer"),
    ([None, " 总计", None, "3"], "footer"),
    (["合计", "12", "3", None], None),
    (["合计", None, "3", "4"], None),
    (["合计信息咨询公司", None, None, None], None),
    (["说明书印刷厂", None, None, None], None),
    (["备注：以上为全部", None, None, None], "footer"),
    (["注:x", None, None, None], "footer"),
    (["填表人：王", None, "审核人：李", None], "footer"),
    (["填 表 人", "王", None, None], "footer"),
    (["审核人才服务公司", "91", None, None], None),
    (["填报单位（盖章）", None, None, None], "footer"),
]


@pytest.mark.parametrize("extra", [0, 1])
def test_rows_to_ignore(extra: int) -> None:
    found = layout(HEAD)
    names = [f"c{i}" for i in range(4 + extra)]
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE t (n INT, {', '.join(f'{n} VARCHAR' for n in names)}, _malformed VARCHAR)"
    )
    for number, (cells, _) in enumerate(ROWS):
        connection.execute(
            f"INSERT INTO t VALUES ({', '.join('?' * (len(names) + 2))})",
            [number, *cells, *[None] * extra, None],
        )
    got = connection.execute(f"SELECT {ignore_reason_sql(found, len(names))} FROM t ORDER BY n").fetchall()
    assert list(zip([cells for cells, _ in ROWS], [reason for (reason,) in got], strict=True)) == ROWS


@pytest.mark.parametrize(
    ("cells", "malformed", "reason"),
    [
        ("'登记表', '', '', ''", "preamble", "repeated_header"),
        ("NULL, NULL, NULL, NULL", "deleted", "withdrawn"),
    ],
)
def test_title_rows_of_a_second_sheet_and_deleted_records_are_ignored(
    cells: str, malformed: str, reason: str
) -> None:
    sql = ignore_reason_sql(layout(HEAD), 4)
    names = "c0, c1, c2, c3, _malformed"
    row = duckdb.sql(f"SELECT {sql} FROM (VALUES ({cells}, '{malformed}')) t({names})").fetchone()
    assert row == (reason,)
