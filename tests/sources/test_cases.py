"""The sixty kinds of dirt that departments' files are known to hold (domain notes 9.2), one example each at least.

What is repaired is an issue with before and after; what cannot be read for certain is refused with what to do.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from quality.gate import examine
from quality.suite import History
from transforms import steps
from transforms.report.returns import write_return_lists
from transforms.stage import mojibake
from warehouse.batch import StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake

from .conftest import Stage, Staged, as_csv, as_xlsx

Case = Callable[[Stage, Path], None]
CASES: dict[int, Case] = {}

USCC, OTHER, SHOP = "91130500MA0A1B2C2J", "93130525MA0E5F6G74", "92130528MA0C3D4EX6"
ORGAN = "11130500000456788X"
MAN, WOMAN, THIRD = "132228197501010013", "130528198506070129", "130521197001010017"
ENTERPRISE = {
    "uscc": USCC,
    "name": "邢台样例建材有限公司",
    "legal_representative": "赵样例",
    "registered_capital": "100",
    "established_on": "2015-11-02",
    "authority": "邢台市市场监督管理局",
    "status": "存续",
    "address": "邢台市襄都区",
}
PENALTY = {
    "counterparty": "邢台样例建材有限公司",
    "subject_kind": "法人及非法人组织",
    "uscc": USCC,
    "org_code": None,
    "legal_representative": "赵样例",
    "document_kind_person": None,
    "document_no_person": None,
    "document_no": "邢市监罚〔2019〕7号",
    "offence_kind": "销售不合格商品",
    "facts": "销售不合格商品的事实",
    "basis": "产品质量法第四十九条",
    "penalty_kinds": "警告",
    "content": "警告",
    "fine": None,
    "decided_on": "2019-11-05",
    "penalty_to": "2099-12-31",
    "publicity_to": "2020-11-05",
    "authority": "宁晋县市场监督管理局",
    "authority_uscc": ORGAN,
    "source_unit": "宁晋县市场监督管理局",
    "source_unit_uscc": ORGAN,
}
SOMEBODY = {
    "counterparty": "周样例",
    "subject_kind": "自然人",
    "uscc": None,
    "legal_representative": None,
    "document_kind_person": "身份证",
    "document_no_person": MAN,
}
PERMIT = {
    **{k: v for k, v in PENALTY.items() if k in ("counterparty", "subject_kind", "uscc", "legal_representative", "authority", "authority_uscc", "source_unit", "source_unit_uscc")},
    "document_name": "准予行政许可决定书",
    "document_no": "邢审批字〔2019〕15号",
    "permit_kind": "普通",
    "permit_no": "XK-15",
    "content": "准予设立",
    "decided_on": "2019-11-05",
    "valid_from": "2019-11-05",
    "valid_to": "2099-12-31",
    "status": "1",
}  # fmt: skip
TEACHER = {
    "id_number": MAN,
    "name": "周样例",
    "sex": "男",
    "school_name": "邢台市样例学校",
    "school_uscc": "121305004012345618",
    "stage": "初中",
    "post": "专任教师",
    "appointed_from": "2018-09-01",
    "appointed_to": "长期",
    "status": "在职",
}
DEBTOR = {
    "case_no": "（2019）冀0528执123号",
    "name": "周样例",
    "id_number": MAN,
}


def case(number: int) -> Callable[[Case], Case]:
    def register(test: Case) -> Case:
        assert number not in CASES
        CASES[number] = test
        return test

    return register


def enterprises(stage: Stage, *changes: dict[str, Any]) -> Staged:
    return stage("enterprise_registration", [ENTERPRISE | change for change in changes])


def penalties(stage: Stage, *changes: dict[str, Any]) -> Staged:
    return stage("admin_penalties", [PENALTY | change for change in changes])


def permits(stage: Stage, *changes: dict[str, Any]) -> Staged:
    return stage("admin_permits", [PERMIT | change for change in changes])


def teachers(stage: Stage, *changes: dict[str, Any]) -> Staged:
    return stage("teachers_in_service", [TEACHER | change for change in changes])


def messages(staged: Staged) -> list[str]:
    return [row["message"] for row in staged.quarantine]


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in text)


@case(1)
def full_width(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, {"uscc": wide(USCC), "established_on": wide("2015") + "－１１－０２", "registered_capital": "１００．５", "name": "邢台样例(集团)有限公司"})  # fmt: skip
    assert found.values("uscc") == [USCC]
    assert str(found.values("established_on")[0]) == "2015-11-02"
    assert found.values("registered_capital") == [Decimal("100.5")]
    assert found.values("name") == ["邢台样例（集团）有限公司"]
    assert found.repaired("code_cleaned") == [(wide(USCC), USCC)]


@case(2)
def blanks_and_hyphens(stage: Stage, tmp: Path) -> None:
    written = ["9113 0500 MA0A 1B2C 2J", f"{USCC[:9]}-{USCC[9:]}", f"\u00a0{USCC}\u200b", f"9113\t{USCC[4:]}"]
    found = enterprises(stage, *({"uscc": text} for text in written))
    assert found.values("uscc") == [USCC] * 4
    assert [before for before, _ in found.repaired("code_cleaned")] == [written[0], written[1], written[3]]
    moved = penalties(stage, {"org_code": "74218321-3", "uscc": USCC})
    assert moved.values("org_code") == ["742183213"]


@case(3)
def lower_case(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, {"uscc": USCC.lower()})
    assert found.repaired("code_cleaned") == [(USCC.lower(), USCC)]


@case(4)
def look_alikes(stage: Stage, tmp: Path) -> None:
    typed = USCC.replace("0", "O").replace("1", "I")
    wrong = "91I305OOMA0A1B2C3J"
    found = enterprises(stage, {"uscc": typed}, {"uscc": wrong})
    assert found.values("uscc") == [USCC]
    assert found.repaired("uscc_look_alike") == [(typed, USCC)]
    assert found.faults == [("uscc", "uscc_charset")]


@case(5)
def wrong_length(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, {"uscc": "91130500MA0XXXXX"}, {"uscc": USCC + "1"})
    assert found.faults == [("uscc", "uscc_length")] * 2


@case(6)
def the_authoritys_code(stage: Stage, tmp: Path) -> None:
    found = penalties(stage, {"uscc": ORGAN}, {"uscc": ORGAN, "subject_kind": "个体工商户"})
    assert found.faults == [("uscc", "differs"), ("uscc", "prefix")]
    assert permits(stage, {"uscc": ORGAN}).faults == [("uscc", "differs")]


@case(7)
def placeholders(stage: Stage, tmp: Path) -> None:
    empty = ["00000000000000000X", "111111111111111111", "无", "/", "空", "暂无", "\\N", "null", "NULL", "0"]
    found = penalties(stage, *({"uscc": text} for text in empty))
    assert found.faults == [("uscc", "required")] * len(empty)
    assert penalties(stage, *({"fine": text} for text in empty[2:-1])).values("fine") == [None] * 7


def test_debtors_with_a_placeholder_for_a_code_are_not_one_subject(stage: Stage) -> None:
    row = {
        "name": "邢台样例建材有限公司", "identifier": "9999999999999", "legal_representative": "赵样例", "case_no": "（2019）冀0528执123号",
        "court": "宁晋县人民法院", "basis_no": "（2018）冀0528民初9号", "basis_unit": "宁晋县人民法院", "duty": "给付货款", "performance": "全部未履行",
        "conduct": "违反财产报告制度", "filed_on": "20190114", "published_on": "2019-07-13",
    }  # fmt: skip
    found = stage("judgment_debtor_organizations", [row, row | {"identifier": "000000000", "name": "邢台另一有限公司"}, row | {"identifier": USCC}])  # fmt: skip
    assert found.faults == [("identifier", "required")] * 2
    assert found.values("subject_key") == [f"uscc:{USCC}"]


def test_a_bare_capital_is_in_renminbi(stage: Stage) -> None:
    found = enterprises(stage, *({"registered_capital": text} for text in ("840", "344", "840万美元")))
    assert found.values("registered_capital") == [Decimal(840), Decimal(344), Decimal(840)]
    assert found.values("capital_currency") == ["CNY", "CNY", "USD"]
    assert penalties(stage, {"fine": "2万美元"}).faults == [("fine", "amount_foreign")]


@case(8)
def fifteen_digits(stage: Stage, tmp: Path) -> None:
    old = THIRD[:6] + THIRD[8:17]
    found = teachers(stage, {"id_number": old}, {"id_number": THIRD})
    assert len(set(found.values("subject_key"))) == 1
    assert [issue["rule"] for issue in found.issues if issue["field"] == "id_number"] == [
        "resident_id_upgraded"
    ]


@case(9)
def masked(stage: Stage, tmp: Path) -> None:
    found = penalties(
        stage, {"uscc": "913302******82264P"}, SOMEBODY | {"document_no_person": "330222************"}
    )
    assert found.faults == []
    assert found.values("subject_key") == [None, None]
    assert found.values("identity_rule") == ["masked", "masked"]


@case(10)
def last_x(stage: Stage, tmp: Path) -> None:
    number = "13052819850607009X"
    typed = [number[:-1] + x for x in ("x", "Ｘ", "×", "X")]
    found = stage(
        "judgment_debtor_persons", [DEBTOR_ROW | {"id_number": text, "sex": None} for text in typed]
    )
    assert found.faults == []
    assert len(set(found.values("subject_key"))) == 1
    assert len(found.repaired("code_cleaned")) == 3


@case(11)
def digits_lost(stage: Stage, tmp: Path) -> None:
    found = teachers(stage, {"id_number": "1.30528E+17"}, {"id_number": "130528198506070000"})
    assert found.faults == [("id_number", "code_digits_lost")] * 2
    assert all("文本格式" in message for message in messages(found))
    # A number cell of a workbook has lost its last digits before anybody reads it.
    cells = [[f.title for f in load_catalog().items["teachers_in_service"].fields if f.name in TEACHER]]
    order = [f.name for f in load_catalog().items["teachers_in_service"].fields if f.name in TEACHER]
    cells.append([int(WOMAN) if name == "id_number" else TEACHER[name] for name in order])
    assert stage("teachers_in_service", as_xlsx(cells), name="教师.xlsx").faults == [
        ("id_number", "code_digits_lost")
    ]
    # So has a code whose leading zero is gone, which is never put back by guess.
    short = penalties(stage, {"org_code": "0456788"}, {"org_code": "00456788"})
    assert [rule for _, rule in short.faults] == ["org_code_format"] * 2
    assert "开头的0" in messages(short)[1]


@case(12)
def impossible_numbers(stage: Stage, tmp: Path) -> None:
    found = teachers(stage, {"id_number": MAN[:-1] + "4"}, {"id_number": "130528199002300123"})
    assert found.faults == [("id_number", "resident_id_check"), ("id_number", "resident_id_birth")]


@case(13)
def old_regions(stage: Stage, tmp: Path) -> None:
    found = teachers(stage, {"id_number": MAN}, {"id_number": THIRD})
    assert found.faults == []
    assert found.values("identity_rule") == ["resident_id"] * 2


@case(14)
def codes_in_each_others_columns(stage: Stage, tmp: Path) -> None:
    found = penalties(
        stage,
        SOMEBODY | {"uscc": MAN, "document_no_person": None},
        {"uscc": None, "document_no_person": USCC},
        SOMEBODY | {"uscc": WOMAN, "document_no_person": MAN},
    )
    assert found.values("uscc") == [None, USCC]
    assert [key.split(":")[0] for key in found.values("subject_key")] == ["person", "uscc"]
    assert sorted({row["field"] for row in found.issues if row["rule"] == "code_moved"}) == [
        "document_no_person",
        "uscc",
    ]
    assert not any(MAN in str(row) for row in found.issues)
    # Two different persons: nobody can say whose penalty it is.
    assert found.faults == [("uscc", "uscc_check")]


@case(15)
def foreign_documents(stage: Stage, tmp: Path) -> None:
    untyped = SOMEBODY | {"document_no_person": "E12345678", "document_kind_person": None}
    found = penalties(
        stage, untyped, SOMEBODY | {"document_no_person": "E12345678", "document_kind_person": "护照"}
    )
    assert found.faults == [("document_kind_person", "required")]
    assert found.values("identity_rule") == ["other_document"]
    fr = stage("admin_penalties", [PENALTY | {"legal_rep_document_no": "E12345678"}])
    assert fr.faults == [("legal_rep_document_no", "document_kind_missing")]
    # A business's registration number under another kind is no resident's old number of fifteen digits.
    other = penalties(stage, SOMEBODY | {"document_no_person": "130528600123453", "document_kind_person": "其他-营业执照"})  # fmt: skip
    assert other.values("identity_rule") == ["other_document"]
    assert "证件类型" in messages(fr)[0]


@case(16)
def impossible_dates(stage: Stage, tmp: Path) -> None:
    dates = ["20190931", "2019-02-29", "0000-00-00", "2019-13-01"]
    found = enterprises(stage, *({"term_from": day} for day in dates))
    assert found.faults == [("term_from", "date_invalid")] * 4


@case(17)
def sentinels(stage: Stage, tmp: Path) -> None:
    late = ["2099-12-31", "9999-09-09", "9999-12-31"]
    early = ["1900-01-01", "1899-12-31 12:00:00"]
    found = enterprises(stage, *({"term_to": day} for day in late + early))
    assert [day and str(day) for day in found.values("term_to")] == ["2099-12-31"] * 3 + [None] * 2
    assert [before for before, _ in found.repaired("date_sentinel")] == late[1:] + early


@case(18)
def malformed_time(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, {"term_to": "2025-12-31 00:00;00"}, {"term_to": "2025-12-31 00:00:00.0"})
    assert {str(day) for day in found.values("term_to")} == {"2025-12-31"}
    assert found.repaired("date_time_malformed") == [("2025-12-31 00:00;00", "2025-12-31")]


@case(19)
def months_and_years(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, {"term_from": "200109"}, {"term_from": "2019"}, {"term_from": "2019年9月"})
    assert found.faults == [("term_from", "date_invalid")] * 3
    assert all("写到日" in message for message in messages(found))


@case(20)
def in_the_future(stage: Stage, tmp: Path) -> None:
    assert penalties(stage, {"decided_on": "2020-03-01"}).faults == [("decided_on", "not_after_period")]


@case(21)
def ends_before_it_begins(stage: Stage, tmp: Path) -> None:
    assert permits(stage, {"valid_to": "2019-01-01"}).faults == [("valid_to", "not_before")]
    assert penalties(stage, {"publicity_to": "2019-01-01"}).faults == [("publicity_to", "not_before")]


@case(22)
def words_for_ever(stage: Stage, tmp: Path) -> None:
    found = penalties(stage, *({"penalty_to": word} for word in ("长期", "永久", "无期限", "无处罚期限")))
    assert {str(day) for day in found.values("penalty_to")} == {"2099-12-31"}


@case(23)
def amounts(stage: Stage, tmp: Path) -> None:
    written = {
        "5,000": "5000", "2千元": "0.2", "罚款2000元整": "0.2", "伍万元": "5", "贰仟叁佰元整": "0.23", "拾万元": "10",
        "壹佰贰拾叁万肆仟伍佰元": "123.45", "人民币2万元": "2", "叁佰零伍元伍角": "0.03055",
    }  # fmt: skip
    found = penalties(stage, *({"fine": text} for text in written))
    assert found.values("fine") == [Decimal(value) for value in written.values()]
    assert len(found.repaired("amount_unit")) == len(written) - 1
    assert enterprises(stage, {"registered_capital": "5,000000"}).values("registered_capital") == [5_000_000]
    text = "处以罚款2,000元整"
    slipped = penalties(stage, {"fine": "2000", "content": text}, {"fine": "0.2", "content": text}, {"fine": "2000", "content": "罚款2000万元"}, {"fine": "二千多"})  # fmt: skip
    assert slipped.faults == [("fine", "stated_amount"), ("fine", "amount_invalid")]


@case(24)
def float_noise(stage: Stage, tmp: Path) -> None:
    found = penalties(
        stage, {"fine": "48.754824"}, {"fine": "0.30000000000000004"}, {"fine": "-1e-09"}, {"fine": "-3"}
    )
    assert found.values("fine") == [Decimal("48.754824"), Decimal("0.3"), Decimal("0")]
    assert [before for before, _ in found.repaired("amount_rounded")] == ["0.30000000000000004", "-1e-09"]
    assert found.faults == [("fine", "amount_too_small")]


@case(25)
def codes_and_names(stage: Stage, tmp: Path) -> None:
    # Each is known by its domain; which of them is out of place, by what the column holds otherwise.
    found = teachers(stage, *[{"sex": "1"}] * 10, {"sex": "男"})
    assert found.values("sex") == ["1"] * 11
    assert found.repaired("code_and_name") == [("男", "1")]
    assert [row["row_number"] for row in found.issues] == [12]
    other = teachers(stage, *[{"sex": "男"}] * 11, {"sex": "1"})
    assert other.values("sex") == ["1"] * 12
    assert other.repaired("code_and_name") == [("1", "1")]
    assert teachers(stage, {"sex": "男"}, {"sex": "1"}).issues == []


@case(26)
def code_with_a_suffix(stage: Stage, tmp: Path) -> None:
    found = teachers(stage, {"sex": "1(aac008??)"}, {"sex": "1（男）"})
    assert found.values("sex") == ["1"]
    assert found.repaired("code_suffix") == [("1(aac008??)", "1")]
    assert found.faults == [("sex", "code_unknown")]


@case(27)
def mixed_lists(stage: Stage, tmp: Path) -> None:
    found = teachers(stage, *({"sex": text} for text in ("1", "男", "M", "9")))
    assert found.values("sex") == ["1", "1", "1", "9"]


@case(28)
def penalties_in_words(stage: Stage, tmp: Path) -> None:
    found = penalties(
        stage,
        {"penalty_kinds": "罚款、警告", "fine": "1"},
        {"penalty_kinds": "其他-责令改正"},
        {"penalty_kinds": "没收违法所得、没收非法财物;警告", "confiscated": "1"},
        {"penalty_kinds": "责令改正、警告"},
    )
    assert found.values("penalty_kinds") == [
        "fine;warning",
        "其他-责令改正",
        "confiscation;warning",
        "warning;其他-责令改正",
    ]
    assert [after for _, after in found.repaired("code_other")] == ["warning;其他-责令改正"]


@case(29)
def status_by_version(stage: Stage, tmp: Path) -> None:
    assert permits(stage, {"status": "1"}).values("status") == ["valid"]
    old = "XK_WSH,XK_XMMC,XK_SPLB,XK_NR,XK_XDR,XK_XDR_SHXYM,XK_FR,XK_JDRQ,XK_JZQ,XK_XZJG,XK_ZT,DFBM,SJC\n"
    row = f"邢审〔2019〕1号,设立,登记,准予,样例公司,{USCC},赵样例,2019/11/05,2099/12/31,邢台市行政审批局,1,130528,2019/11/06\n"
    assert stage("admin_permits", (old + row).encode()).values("status") == ["revoked"]


@case(30)
def document_numbers(stage: Stage, tmp: Path) -> None:
    forms = ["海税简罚(2020)211号", "海税简罚[2020]211号", "海税简罚【2020】 211号", "海税简罚〔2020〕211号"]
    found = penalties(stage, *({"document_no": text} for text in forms))
    assert found.values("document_no") == [forms[3]] * 4
    assert len(set(found.values("record_key"))) == 1
    assert [before for before, _ in found.repaired("document_no_form")] == forms[:3]
    missing = permits(
        stage, {"document_no": None}, {"document_no": "[]号"}, {"document_no": "[]号", "permit_no": None}
    )
    assert missing.values("document_no") == ["XK-15"] * 2
    assert missing.repaired("fallback") == [(None, None), ("[]号", None)]
    assert missing.faults == [("document_no", "document_no_empty")]


@case(31)
def one_number_of_two_authorities(stage: Stage, tmp: Path) -> None:
    found = penalties(
        stage, {"document_no": "1号"}, {"document_no": "1号", "authority": "隆尧县市场监督管理局"}
    )
    assert len(set(found.values("record_key"))) == 2


@case(37)
def repeated_headers(stage: Stage, tmp: Path) -> None:
    text = as_csv(load_catalog().items["enterprise_registration"], [ENTERPRISE]).decode()
    found = stage("enterprise_registration", (text + text).encode())
    assert [row["reason"] for row in found.ignored] == ["repeated_header"]
    assert len(found.accepted) == 2


@case(38)
def titles_and_footers(stage: Stage, tmp: Path) -> None:
    item = load_catalog().items["enterprise_registration"]
    lines = as_csv(item, [ENTERPRISE]).decode().splitlines()
    commas = "," * lines[0].count(",")
    text = [
        f"企业登记信息表{commas}",
        *lines,
        commas,
        f"合计,1{commas[1:]}",
        f"填表人：张某{commas}",
        f"表格说明{commas}",
        f"说明：以上为十二月数据{commas}",
    ]
    found = stage("enterprise_registration", "\n".join(text).encode())
    assert len(found.accepted) == 1
    assert [row["reason"] for row in found.ignored] == ["blank", "footer", "footer", "footer", "footer"]


def return_list(file: Path, item: str, tmp: Path) -> Any:
    """The sheet that goes back to the provider of the file, whatever the share of faulty rows."""
    home = Home(tmp / "home")
    batch = StagedBatch.from_file(Path(steps.stage(steps.hand_over(file, item, "2019-12", home), home)))
    verdict = Verdict(batch=batch, status="loaded", findings=())
    steps.load(str(verdict.to_file(Path(batch.folder) / "verdict.json")), home)
    with Lake(home) as lake:
        (path,) = write_return_lists(lake, load_catalog(), Period.parse("2019-12"), tmp / "out")
    return openpyxl.load_workbook(path)["退回清单"]


@case(39)
def merged_cells(stage: Stage, tmp: Path) -> None:
    item = load_catalog().items["admin_permits"]
    header = [item.field(name).title for name in PERMIT]
    rows = [list(PERMIT.values()), list((PERMIT | {"document_no": "邢审批字〔2019〕16号"}).values())]
    rows[1][0] = None
    loose = [*rows[0]]
    loose[0] = None

    def merge(book: Any) -> None:
        book.active.merge_cells("A2:A3")

    found = stage("admin_permits", as_xlsx([header, *rows, loose], merge), name="许可.xlsx")
    assert found.values("counterparty") == [PERMIT["counterparty"]] * 2
    assert found.faults == [("counterparty", "required")]


@case(40)
def sheets_hidden_and_seen(stage: Stage, tmp: Path) -> None:
    item = load_catalog().items["enterprise_registration"]
    header = [item.field(name).title for name in ENTERPRISE]

    def more(book: Any) -> None:
        for title, state in (("二", "visible"), ("旧", "hidden")):
            sheet = book.create_sheet(title)
            sheet.append(header)
            sheet.append(list(ENTERPRISE.values()))
            sheet.sheet_state = state
        book.active.column_dimensions["C"].hidden = True
        book.active.row_dimensions[2].hidden = True

    found = stage(
        "enterprise_registration", as_xlsx([header, list(ENTERPRISE.values())], more), name="企业.xlsx"
    )
    assert len(found.accepted) == 2
    assert any("隐藏的工作表“旧”" in note for note in found.batch.notes)
    assert any("1处隐藏的列" in note and "1个隐藏的行" in note for note in found.batch.notes)
    told = [f for f in examine(found.batch, load_catalog(), History("2019-12", ())) if f.check == "reading"]
    assert [(f.level, f.success) for f in told] == [("warn", False)]


def test_cells_whose_formula_gave_no_value_are_told(stage: Stage) -> None:
    header = [load_catalog().items["enterprise_registration"].field(name).title for name in ENTERPRISE]
    rows = [
        list((ENTERPRISE | {"registered_capital": cell}).values()) for cell in ("=1+1", "#REF!", "#N/A", 5)
    ]
    found = stage("enterprise_registration", as_xlsx([header, *rows]), name="企业.xlsx")
    assert found.values("registered_capital") == [None, None, None, Decimal(5)]
    assert any("2个公式出错的格" in note and "1个没有计算结果的公式格" in note for note in found.batch.notes)
    assert stage("enterprise_registration", as_xlsx([header, rows[-1]]), name="企业.xlsx").batch.notes == ()


def test_a_row_is_found_again_in_its_sheet_and_in_its_file_of_several(stage: Stage, tmp_path: Path) -> None:
    item = load_catalog().items["enterprise_registration"]
    names = list(ENTERPRISE)
    header = [item.field(name).title for name in names]
    good, bad = list(ENTERPRISE.values()), list((ENTERPRISE | {"name": None}).values())

    def second(book: Any) -> None:
        sheet = book.create_sheet("二季度")
        for row in (header, good, bad):
            sheet.append(row)

    book = as_xlsx([header, good, good, bad], second)
    found = stage("enterprise_registration", book, name="企业.xlsx")
    first = (found.quarantine[0]["sheet"], 4)
    assert [(row["sheet"], row["sheet_row"]) for row in found.quarantine] == [first, ("二季度", 3)]
    assert [row["row_number"] for row in found.quarantine] == [4, 7]
    file = tmp_path / "企业.xlsx"
    file.write_bytes(book)
    _, _, head, *rows = return_list(file, item.id, tmp_path).iter_rows(values_only=True)
    assert head[2:4] == ("工作表", "行号")
    assert [row[2:4] for row in rows] == [first, ("二季度", 3)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", as_csv(item, [ENTERPRISE, ENTERPRISE]))
        archive.writestr("b.csv", as_csv(item, [ENTERPRISE, ENTERPRISE | {"name": None}]))
    found = stage("enterprise_registration", packed.getvalue(), name="企业.zip")
    assert [(row["sheet"], row["sheet_row"]) for row in found.quarantine] == [("b.csv", 3)]
    alone = stage("enterprise_registration", [ENTERPRISE, ENTERPRISE | {"name": None}])
    assert [(row["sheet"], row["sheet_row"]) for row in alone.quarantine] == [(None, None)]


@case(41)
def shifted_columns(stage: Stage, tmp: Path) -> None:
    text = (
        "统一社会信用代码,企业名称,成立日期,登记机关,登记状态,法定代表人\n"
        + f"{USCC},甲公司,乙公司,2015-11-02,市局,存续,赵样例\n{USCC},甲公司,2015-11-02,市局,存续,赵样例\n"
    )
    found = stage("enterprise_registration", text.encode())
    assert found.faults == [("", "malformed")]
    # A column without a heading in which only blanks stand is empty.
    blank = "\n".join(
        line + (", " if n else ",") for n, line in enumerate(text.replace(",乙公司", "").splitlines())
    )
    assert stage("enterprise_registration", blank.encode()).faults == []
    assert (
        len(
            stage("enterprise_registration", text.replace(",乙公司", "").replace(",", "\t").encode()).accepted
        )
        == 2
    )


@case(42)
def line_breaks(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, {"address": "邢台市\n襄都区", "business_scope": "建材\n零售"})
    assert found.values("address") == ["邢台市襄都区"]
    assert found.values("business_scope") == ["建材\n零售"]
    assert found.repaired("line_break") == [("邢台市\n襄都区", "邢台市襄都区")]


@case(43)
def wrong_encodings(stage: Stage, tmp: Path) -> None:
    text = as_csv(load_catalog().items["enterprise_registration"], [ENTERPRISE]).decode()
    for encoding in ("gb18030", "utf-8", "utf-16"):
        assert stage("enterprise_registration", text.encode(encoding)).values("name") == [ENTERPRISE["name"]]
    broken = [
        text.encode().decode("latin-1").encode(),
        text.encode("gbk").decode("utf-8", "replace").encode(),
    ]
    for content in broken:
        with pytest.raises(UserError, match=r"乱码.*重新导出"):
            stage("enterprise_registration", content)
    assert mojibake.is_mojibake("锟斤拷")


@case(44)
def byte_order_mark(stage: Stage, tmp: Path) -> None:
    text = as_csv(load_catalog().items["enterprise_registration"], [ENTERPRISE])
    assert len(stage("enterprise_registration", b"\xef\xbb\xbf" + text).accepted) == 1


@case(45)
def dots_in_names(stage: Stage, tmp: Path) -> None:
    forms = ["阿·买提", "阿•买提", "阿．买提", "阿 ·买提"]
    found = teachers(stage, *({"name": text} for text in forms))
    assert found.values("name") == [forms[0]] * 4
    assert [before for before, _ in found.repaired("name_cleaned")] == forms[1:]


@case(46)
def one_company_under_several_names(stage: Stage, tmp: Path) -> None:
    names = ["邢台样例（集团）有限公司", "邢台样例(集团)有限公司", "样例集团公司"]
    found = enterprises(stage, *({"name": name} for name in names))
    assert set(found.values("subject_key")) == {f"uscc:{USCC}"}
    assert len(set(found.values("record_key"))) == 1
    assert (
        found.values("content_hash")[0] == found.values("content_hash")[1] != found.values("content_hash")[2]
    )


@case(47)
def old_headings(stage: Stage, tmp: Path) -> None:
    item = load_catalog().items["admin_penalties"]
    text = as_csv(item, [PENALTY | {"org_code": "MA0A1B2C2"}]).decode()
    for new, old in (
        ("行政相对人代码_3(组织机构代码)", "行政相对人代码＿3"),
        ("行政相对人名称", "CF_XDR_MC"),
        ("处罚机关,", "CF_XZJG,"),
        ("法定代表人,", "CF_FDDB,"),
    ):
        assert new in text
        text = text.replace(new, old, 1)
    assert stage("admin_penalties", text.encode()).values("org_code") == ["MA0A1B2C2"]


@case(48)
def wrong_templates(stage: Stage, tmp: Path) -> None:
    item = load_catalog().items["enterprise_registration"]
    good = as_csv(item, [ENTERPRISE]).decode()
    for text, told in (
        (good.replace("登记状态", "备用一", 1), "备用一"),
        (good.replace("登记状态", "备注", 1), "缺少必需的列：登记状态"),
        ("律师姓名,执业证号\n王某,1\n", "没有找到本目录项的表头"),
    ):
        with pytest.raises(UserError, match=told):
            stage("enterprise_registration", text.encode())


@case(49)
def division_codes(stage: Stage, tmp: Path) -> None:
    codes = ["130521", "130526", "130528000000", "330213000000", "130528100"]
    found = enterprises(
        stage,
        *({"division": code, "address": None} for code in codes),
    )
    assert found.values("division") == ["130521", "130526", "130528", "330213", "130528100"]
    assert found.values("county_code") == ["130521", "130526", "130528", "130500", "130528"]
    later = stage(
        "enterprise_registration",
        [ENTERPRISE | {"division": "130526"}],
        period="2020-09",
    )
    assert later.values("county_code") == ["130505"]


@case(50)
def division_names(stage: Stage, tmp: Path) -> None:
    def places(names: list[str], period: str) -> list[Any]:
        rows = [ENTERPRISE | {"division": name} for name in names]
        return stage("enterprise_registration", rows, period=period).values("division")

    assert places(["内邱县", "任　县", "宁晋县"], "2019-12") == ["130523", "130526", "130528"]
    assert places(["囊都区", "仁泽区"], "2020-09") == ["130502", "130505"]


def test_an_address_in_a_split_county_is_placed_by_its_town(stage: Stage) -> None:
    towns = ["邢台市邢台县南石门镇北街1号", "河北省邢台市邢台县祝村镇", "邢台县浆水镇", "邢台市邢台县"]
    rows = [ENTERPRISE | {"address": text} for text in towns]
    before, after = (
        stage("enterprise_registration", rows, period=period).values("county_code")
        for period in ("2019-12", "2020-09")
    )
    assert before == ["130521"] * 4
    assert after == ["130503", "130502", "130503", "130500"]


@case(51)
def names_of_authorities(stage: Stage, tmp: Path) -> None:
    # A short or misplaced name is nobody's: the authority's code says whose act it is and which county's.
    names = ["宁晋局", "江东区局", "象山局县"]
    code = "11130528000456796B"
    found = penalties(
        stage,
        *({"authority": name, "authority_uscc": code} for name in names),
        *({"authority": name, "authority_uscc": None} for name in names),
    )
    assert found.faults == [("authority_uscc", "required")] * 3
    assert found.values("authority") == names
    assert found.values("authority_uscc") == [code] * 3
    assert [(row["county_code"], row["county_rule"]) for row in found.accepted] == [
        ("130528", "authority")
    ] * 3


@case(52)
def leftovers_of_testers(stage: Stage, tmp: Path) -> None:
    found = enterprises(stage, *({"name": name} for name in ("测试公司", "测试企业一", "邢台样例有限公司")))
    assert found.faults == [("name", "no_test_data")] * 2
    assert teachers(stage, {"name": "张三"}).faults == [("name", "no_test_data")]


@case(53)
def over_length(stage: Stage, tmp: Path) -> None:
    found = penalties(stage, {"content": "罚" * 4001})
    assert found.values("content") == ["罚" * 4001]
    assert [row["rule"] for row in found.issues] == ["over_length"]


@case(54)
def injections(stage: Stage, tmp: Path) -> None:
    texts = [
        "<br>'; DROP TABLE x; --",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
    ]
    found = penalties(stage, *({"facts": text} for text in texts))
    assert found.values("facts") == texts
    # What goes out to a department is text whatever it begins with.
    file = tmp / "退回.csv"
    wrong = [
        PENALTY | {"fine": text, "document_no": f"邢市监罚〔2019〕{n}号"} for n, text in enumerate(texts)
    ]
    file.write_bytes(as_csv(load_catalog().items["admin_penalties"], [PENALTY, *wrong]))
    sheet = return_list(file, "admin_penalties", tmp)
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value in texts]
    assert sorted(cell.value for cell in cells) == sorted(texts)
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.hyperlink for cell in cells} == {None}


@case(55)
def company_and_person(stage: Stage, tmp: Path) -> None:
    assert penalties(stage, SOMEBODY | {"uscc": USCC}).faults == [("uscc", "empty")]


@case(56)
def representatives(stage: Stage, tmp: Path) -> None:
    found = penalties(stage, {"legal_representative": None}, SOMEBODY | {"legal_representative": "赵样例"})
    assert found.faults == [("legal_representative", "required"), ("legal_representative", "empty")]


@case(57)
def numbers_in_running_text(stage: Stage, tmp: Path) -> None:
    found = penalties(
        stage,
        {"facts": f"当事人周某（身份证号{MAN}）"},
        {"facts": "当事人电话13800138000"},
        {"facts": "联系zhou.yl@example.com，0319-5861234"},
        {"facts": f"经营者身份证{WOMAN}", "decided_on": "2030-01-01"},
        {"facts": "许可证号13052800123456，罚款5861234元"},
    )
    assert found.values("facts")[0] == "当事人周某（身份证号132228********0013）"
    assert [(row["row_number"], row["rule"]) for row in found.issues] == [
        (2, "personal_number"),
        (3, "contact_in_text"),
        (4, "contact_in_text"),
    ]
    assert MAN not in str(found.issues)
    assert WOMAN not in str(found.quarantine)


def person(birth: str) -> str:
    """A number of GB 11643 for somebody born on that day, its check digit reckoned here."""
    body = f"130528{birth}012"
    total = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


@case(58)
def minors(stage: Stage, tmp: Path) -> None:
    births = ["20050607", "20011106", "20011105", "19850607"]  # the act is of 2019-11-05
    found = penalties(stage, *(SOMEBODY | {"document_no_person": person(day)} for day in births))
    assert found.faults == [("document_no_person", "adult")] * 2
    assert [row["row_number"] for row in found.quarantine] == [2, 3]
    assert len(found.accepted) == 2


@case(59)
def forbidden_columns(stage: Stage, tmp: Path) -> None:
    item = load_catalog().items["teachers_in_service"]
    lines = as_csv(item, [TEACHER, TEACHER | {"sex": "女"}]).decode().splitlines()
    text = "\n".join(
        line + end for line, end in zip(lines, (",血型,婚姻状况", ",AB型,已婚", ",AB型,离异"), strict=True)
    )
    found = stage("teachers_in_service", text.encode())
    assert len(found.accepted) == len(found.quarantine) == 1
    assert "AB型" not in str(found.accepted) + str(found.quarantine)
    assert "血型" in found.batch.notes[0]
    assert "婚姻状况" in found.batch.notes[0]


@case(60)
def no_rows(stage: Stage, tmp: Path) -> None:
    header = as_csv(load_catalog().items["enterprise_registration"], [ENTERPRISE]).split(b"\n")[0]
    with pytest.raises(UserError, match=r"没有数据行.*零报告"):
        stage("enterprise_registration", header + b"\n")


DEBTOR_ROW = {
    "name": "周样例", "id_number": MAN, "sex": None, "case_no": "（2019）冀0528执123号", "court": "宁晋县人民法院",
    "basis_no": "（2018）冀0528民初9号", "basis_unit": "宁晋县人民法院", "duty": "给付货款", "performance": "全部未履行",
    "conduct": "违反财产报告制度", "filed_on": "20190114", "published_on": "2019-07-13",
}  # fmt: skip


@pytest.mark.parametrize("number", sorted(CASES), ids="case_{:02d}".format)
def test_dirt(number: int, stage: Stage, tmp_path: Path) -> None:
    CASES[number](stage, tmp_path)


# -- what only several deliveries show -----------------------------------------------------------------------------


def deliver(home: Home, item: str, period: str, name: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Land, stage and load rows as a file of this name; the counts."""
    file = home.root.parent / name
    file.write_bytes(as_csv(load_catalog().items[item], rows))
    batch = StagedBatch.from_file(Path(steps.stage(steps.hand_over(file, item, period, home), home)))
    verdict = Verdict(batch=batch, status="loaded", findings=())
    return steps.load(str(verdict.to_file(Path(batch.folder) / "verdict.json")), home)


REPAIR = {
    "repair_no": "XF2019034", "name": "邢台样例建材有限公司", "subject_kind": "法人及非法人组织", "uscc": USCC, "repair_kind": "一般失信",
    "record_no": "CF2019001", "record_catalog": "行政处罚信息", "provider": "市市场监管局", "applied_on": "2019-10-01", "status": "待审核",
    "conclusion": None, "concluded_on": None,
}  # fmt: skip
NAME = "{division}_{department}_{item}_{date}_01.csv"
CITY = {"division": "130500", "department": "xzjg", "item": "admin_penalties", "date": "20191205"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("cases") / "home")


@pytest.mark.parametrize("number", [32, 33, 34, 35], ids="case_{:02d}".format)
def test_dirt_between_files(number: int, home: Home) -> None:
    own = PENALTY | {"document_no": f"邢市监罚〔2019〕{number}号"}
    first = NAME.format(**CITY | {"date": f"201912{number - 20}"})
    if number == 32:  # the same row twice in a file counts once
        counts = deliver(home, "admin_penalties", "2019-11", first, [own, own])
        assert (counts["new"], counts["duplicate"]) == (1, 1)
    elif number == 33:  # the county sends what the city has sent
        county = NAME.format(**CITY | {"division": "130528", "date": f"201912{number - 20}"})
        assert deliver(home, "admin_penalties", "2019-11", first, [own])["new"] == 1
        assert deliver(home, "admin_penalties", "2019-11", county, [own])["duplicate"] == 1
        with Lake(home) as lake:
            found = lake.rows(
                "SELECT c.versions FROM core.record c SEMI JOIN (FROM rec.admin_penalties WHERE document_no = ?) USING (record_key)",
                [own["document_no"]],
            )
        assert [row["versions"] for row in found] == [1]
    elif number == 34:  # what a late file says of an earlier day does not replace what is known
        older, newer = (REPAIR | {"updated_on": day, "reason": day} for day in ("2019-10-08", "2019-11-08"))
        item = "credit_repairs"
        assert deliver(home, item, "2019-11", "新.csv", [newer])["new"] == 1
        assert deliver(home, item, "2019-12", "旧.csv", [older])["duplicate"] == 1
        with Lake(home) as lake:
            found = lake.rows(
                """SELECT r.reason, r.period, c.content_hash = r.content_hash AS current
                FROM rec.credit_repairs r JOIN core.record c USING (record_key) WHERE r.repair_no = ? ORDER BY r.period""",
                [REPAIR["repair_no"]],
            )
        # Both stand as they came; what counts is what was said last, not what came last.
        assert [(row["reason"], row["period"], row["current"]) for row in found] == [
            ("2019-11-08", "2019-11", True),
            ("2019-10-08", "2019-12", False),
        ]
    else:  # the whole list again, of which one line has changed
        rows = [PENALTY | {"document_no": f"邢市监罚〔2019〕35-{n}号"} for n in range(5)]
        assert deliver(home, "admin_penalties", "2019-11", first, rows)["new"] == 5
        rows[3] = rows[3] | {"content": "警告，责令改正"}
        second = NAME.format(**CITY | {"date": "20200105"})
        counts = deliver(home, "admin_penalties", "2019-12", second, rows)
        assert (counts["new"], counts["updated"], counts["duplicate"]) == (0, 1, 4)
