"""双公示 in both formats through the staging pass: the traps of domain notes 4.2-4.5."""

import csv
import hashlib

import duckdb
import pytest

from catalog.loader import load_catalog
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery
from warehouse.home import Home

ORG, ORGAN, SHOP = "91130500MA0A1B2C2J", "11130500000456788X", "92130528MA0C3D4EX6"
PERSON = "130521197001010017"

PERMIT_2018 = {
    "XK_XDR_MC": "邢台样例建材有限公司",
    "XK_XDR_LB": "法人及非法人组织",
    "XK_XDR_SHXYM": ORG,
    "XK_FRDB": "赵样例",
    "XK_XDR_ZJLX": "",
    "XK_XDR_ZJHM": "",
    "XK_XKWS": "准予行政许可决定书",
    "XK_WSH": "邢审批字[2019]15号",
    "XK_XKLB": "普通",
    "XK_NR": "准予设立",
    "XK_JDRQ": "2019/11/05",
    "XK_YXQZ": "2019/11/05",
    "XK_YXQZI": "2099/12/31",
    "XK_XKJG": "邢台市行政审批局",
    "XK_XKJGDM": ORGAN,
    "XK_ZT": "1",
    "XK_LYDW": "邢台市行政审批局",
    "XK_LYDWDM": ORGAN,
    "BZ": "",
}
PERMIT_2016 = {
    "XK_WSH": "邢审批字〔2019〕15号",
    "XK_XMMC": "设立登记",
    "XK_SPLB": "登记",
    "XK_NR": "准予设立",
    "XK_XDR": "邢台样例建材有限公司",
    "XK_XDR_SHXYM": ORG,
    "XK_XDR_ZDM": "",
    "XK_XDR_GSDJ": "",
    "XK_XDR_SWDJ": "",
    "XK_XDR_SFZ": PERSON,
    "XK_FR": "赵样例",
    "XK_JDRQ": "2019/11/05",
    "XK_JZQ": "2099/12/31",
    "XK_XZJG": "邢台市行政审批局",
    "XK_ZT": "1",
    "DFBM": "130528",
    "SJC": "2019/11/06",
    "BZ": "",
    "XK_SYFW": "0",
}
PENALTY_2018 = {
    "CF_XDR_MC": "样例小吃店",
    "CF_XDR_LB": "个体工商户",
    "CF_XDR_SHXYM": SHOP,
    "CF_FRDB": "钱样例",
    "CF_XDR_ZJLX": "",
    "CF_XDR_ZJHM": "",
    "CF_WSH": "宁市监罚字〔2019〕7号",
    "CF_WFXW": "销售不合格食品",
    "CF_SY": "销售不合格食品的事实",
    "CF_YJ": "食品安全法第一百二十四条",
    "CF_CFLB": "罚款、没收违法所得、没收非法财物、其他-责令改正",
    "CF_NR": "罚款0.5万元",
    "CF_NR_FK": "0.5",
    "CF_NR_WFFF": "200元",
    "CF_NR_ZKDX": "",
    "CF_JDRQ": "2019/11/05",
    "CF_YXQ": "2099/12/31",
    "CF_GSJZQ": "2020/11/05",
    "CF_CFJG": "宁晋县市场监督管理局",
    "CF_CFJGDM": ORGAN,
    "CF_SJLY": "宁晋县市场监督管理局",
    "CF_SJLYDM": ORGAN,
    "BZ": "",
}
PENALTY_2016 = {
    "CF_WSH": "宁市监罚字〔2019〕7号",
    "CF_CFMC": "行政处罚",
    "CF_CFLB1": "罚款",
    "CF_CFLB2": "警告",
    "CF_SY": "违法事由",
    "CF_YJ": "依据",
    "CF_XDR_MC": "样例小吃店",
    "CF_XDR_SHXYM": SHOP,
    "CF_XDR_ZDM": "",
    "CF_XDR_GSDJ": "",
    "CF_XDR_SWDJ": "",
    "CF_XDR_SFZ": "",
    "CF_FR": "钱样例",
    "CF_JG": "罚款5000元",
    "CF_JDRQ": "2019/11/05",
    "CF_XZJG": "宁晋县市场监督管理局",
    "CF_ZT": "0",
    "DFBM": "130528",
    "SJC": "2019/11/06",
    "BZ": "",
    "CF_SYFW": "0",
    "CF_SXYZCD": "1",
    "CF_GSJZQ": "2020/11/05",
}


@pytest.fixture
def stage(tmp_path):
    def run(item_id, *rows):
        source = tmp_path / "file.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        data = source.read_bytes()
        delivery = Delivery(
            item_id=item_id,
            period="2019-11",
            delivery="20191205-01-130500",
            division="130500",
            department="xzspj",
            source_file=source.name,
            path=str(source),
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            received_at="2019-12-05T08:00:00",
        )
        folder = tmp_path / "staged"
        batch = stage_delivery(delivery, load_catalog(), Home(tmp_path / "home"), folder)
        with duckdb.connect() as connection:
            staged = connection.execute(f"FROM '{folder}/staged.parquet' ORDER BY row_number").fetchdf()
            faults = connection.execute(f"SELECT field, rule FROM '{folder}/quarantine.parquet'").fetchall()
        return batch, staged, faults

    return run


def test_status_one_is_valid_in_2018_and_revoked_in_2016(stage):
    new, rows, faults = stage("admin_permits", PERMIT_2018)
    assert (new.format, faults) == ("standard", [])
    assert rows.status[0] == "valid"
    old, rows, faults = stage("admin_permits", PERMIT_2016)
    assert (old.format, faults) == ("2016", [])
    assert rows.status[0] == "revoked"


def test_document_numbers_are_one_whatever_the_brackets(stage):
    _, rows, _ = stage("admin_permits", PERMIT_2018)
    assert rows.document_no[0] == "邢审批字〔2019〕15号"


def test_the_id_in_a_company_row_of_2016_never_makes_it_a_persons_record(stage):
    without_code = PERMIT_2016 | {"XK_XDR_SHXYM": "", "XK_XDR_SWDJ": "130503198001010"}
    _, rows, faults = stage("admin_permits", PERMIT_2016, without_code)
    assert faults == []
    assert rows.subject_key[0] == f"uscc:{ORG}"
    assert rows.identity_rule[1] == "none"


def test_a_natural_person_has_documents_and_no_codes(stage):
    person = PERMIT_2018 | {
        "XK_XDR_MC": "孙样例",
        "XK_XDR_LB": "自然人",
        "XK_XDR_SHXYM": "",
        "XK_FRDB": "",
        "XK_XDR_ZJLX": "身份证",
        "XK_XDR_ZJHM": PERSON,
    }
    _, rows, faults = stage(
        "admin_permits",
        person,
        person | {"XK_XDR_ZJHM": ""},
        person | {"XK_FRDB": "赵样例"},
        person | {"XK_XDR_SHXYM": ORG},
    )
    assert rows.subject_key[0].startswith("person:")
    assert faults == [
        ("document_no_person", "required"),
        ("legal_representative", "empty"),
        ("uscc", "empty"),
    ]


def test_the_code_must_suit_the_kind_of_subject(stage):
    shop_as_company = PERMIT_2018 | {"XK_XDR_SHXYM": SHOP}
    not_an_organ = PERMIT_2018 | {"XK_XKJGDM": ORG}
    _, _, faults = stage("admin_permits", PERMIT_2018, shop_as_company, not_an_organ)
    assert faults == [("uscc", "prefix"), ("authority_uscc", "prefix")]


def test_penalty_kinds_with_a_separator_inside(stage):
    batch, rows, faults = stage("admin_penalties", PENALTY_2018)
    assert (batch.format, faults) == ("standard", [])
    assert set(rows.penalty_kinds[0].split(";")) == {"fine", "confiscation", "其他-责令改正"}
    assert float(rows.fine[0]) == 0.5
    assert float(rows.confiscated[0]) == 0.02


def test_a_kind_asks_for_its_amount_or_licence(stage):
    bare = PENALTY_2018 | {"CF_NR_FK": "", "CF_NR_WFFF": "1"}
    licence = PENALTY_2018 | {"CF_CFLB": "吊销许可证", "CF_NR_ZKDX": ""}
    warned = PENALTY_2018 | {"CF_CFLB": "警告", "CF_NR_FK": "", "CF_NR_WFFF": ""}
    _, _, faults = stage("admin_penalties", bare, licence, warned)
    assert faults == [("fine", "required"), ("licence_withheld", "required")]


def test_penalties_of_2016(stage):
    batch, rows, faults = stage("admin_penalties", PENALTY_2016)
    assert (batch.format, faults) == ("2016", [])
    assert (rows.status[0], rows.dishonesty_degree[0]) == ("valid", "ordinary")
    assert (rows.penalty_kinds[0], rows.penalty_kinds_more[0]) == ("fine", "warning")
    assert rows.county_code[0] == "130528"


def test_the_end_must_not_lie_before_the_decision(stage):
    _, _, faults = stage(
        "admin_penalties", PENALTY_2018 | {"CF_GSJZQ": "2019/11/04"}, PENALTY_2018 | {"CF_YXQ": "2019/11/04"}
    )
    assert faults == [("publicity_to", "not_before"), ("penalty_to", "not_before")]


@pytest.mark.parametrize(
    ("item_id", "row"), [("admin_permits", PERMIT_2018), ("admin_penalties", PENALTY_2018)]
)
def test_aliases_of_platforms_are_read(stage, item_id, row):
    aliases = {
        "XK_FRDB": "XK_FDDB",
        "CF_FRDB": "CF_FDDB",
        "CF_CFJG": "CF_XKJG",
        "XK_XKJG": "XK_XZJG",
        "XK_XDR_SHXYM": "行政相对人代码＿1",
        "CF_XDR_SHXYM": "行政相对人代码_1（统一社会信用代码）",
    }
    _, rows, faults = stage(item_id, {aliases.get(k, k): v for k, v in row.items()} | {"CHECK_FLAG": "1"})
    assert faults == []
    assert rows.uscc[0] in (ORG, SHOP)
