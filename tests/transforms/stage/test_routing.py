"""Codes in a neighbour's column are told apart by their form; what cannot be told apart stays and is a fault."""

import csv

import duckdb

from catalog.loader import load_catalog
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery, digest
from warehouse.home import Home

USCC, OTHER, ORG, REG = "91130500MA0A1B2C2J", "92130528MA0C3D4EX6", "MA0A1B2C2", "130500000000011"
HEADER = ["企业名称", "工商注册号", "组织机构代码", "统一信用代码", "失信领域"]
STANDARD = {
    "对象名称": "样例公司",
    "对象类别": "法人",
    "统一社会信用代码": USCC,
    "名单类型": "拖欠农民工工资黑名单、失信被执行人名单",
    "失信事实": "拖欠工资",
    "文号": "邢人社[2019]3号",
    "认定单位": "邢台市人力资源和社会保障局",
    "列入日期": "2019-11-02",
    "退出日期": "",
    "退出方式": "",
}


def staged(tmp_path, header, rows):
    """Staged rows in order, and (row number, field, rule) of quarantine and of issues."""
    source = tmp_path / "名单.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    delivery = Delivery(
        item_id="blacklist",
        period="2019-12",
        delivery="x",
        division=None,
        department="rdbm",
        source_file=source.name,
        path=str(source),
        sha256=digest(source),
        size=source.stat().st_size,
        received_at="2020-01-05T08:00:00",
    )
    folder = tmp_path / "staged"
    stage_delivery(delivery, load_catalog(), Home(tmp_path / "home"), folder)
    wanted = {
        "staged": "registration_no, org_code, uscc, subject_key, domains",
        "quarantine": "row_number, field, rule",
        "issue": "row_number, field, rule",
    }
    with duckdb.connect() as connection:
        return [
            connection.execute(
                f"SELECT {columns} FROM '{folder}/{name}.parquet' ORDER BY row_number"
            ).fetchall()
            for name, columns in wanted.items()
        ]


def test_codes_find_their_columns_and_copies_go(tmp_path):
    rows, faults, issues = staged(
        tmp_path,
        HEADER,
        [
            ["甲公司", None, USCC, None, "失信被执行人名单"],
            ["乙公司", None, USCC, USCC, "失信被执行人名单"],
            ["丙公司", ORG, REG, USCC, "失信被执行人名单"],
            ["丁公司", None, OTHER, USCC, "失信被执行人名单"],
        ],
    )
    assert [row[:4] for row in rows[:3]] == [
        (None, None, USCC, f"uscc:{USCC}"),
        (None, None, USCC, f"uscc:{USCC}"),
        (REG, ORG, USCC, f"uscc:{USCC}"),
    ]
    assert faults == [(5, "org_code", "org_code_format")]
    assert {issue for issue in issues if issue[2] == "code_moved"} == {
        (2, "org_code", "code_moved"),
        (3, "org_code", "code_moved"),
        (4, "org_code", "code_moved"),
        (4, "registration_no", "code_moved"),
    }


def test_a_blacklist_in_the_catalogs_own_format(tmp_path):
    exit_without_reason = STANDARD | {"退出日期": "2019-12-01"}
    rows, faults, _ = staged(
        tmp_path,
        list(STANDARD),
        [list(STANDARD.values()), list(exit_without_reason.values())],
    )
    assert rows[0][3:] == (f"uscc:{USCC}", "judgment_debtor;wage_arrears")
    assert faults == [(3, "exit_method", "required")]
