"""One good row of each item passes staging without a fault; a spoilt one is named by field and rule."""

import csv

import duckdb
import pytest

from catalog.loader import load_catalog
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery, digest
from warehouse.home import Home

MAN, WOMAN = "132228197501010013", "130528198506070129"
PERSON = {"姓名": "周样例", "性别": "男", "身份证号": MAN}

GOOD = {
    "individual_business_registration": {
        "统一社会信用代码": "92130528MA0C3D4EX6",
        "字号名称": "样例小吃店",
        "经营者": "钱样例",
        "组成形式": "个人经营",
        "资金数额": "5万元",
        "成立日期": "2018.3.5",
        "登记机关": "宁晋县市场监督管理局",
        "登记状态": "存续",
        "经营场所": "宁晋县凤凰镇",
        "行政区划": "130528000000",
    },
    "cooperative_registration": {
        "统一社会信用代码": "93130525MA0E5F6G74",
        "合作社名称": "样例种植专业合作社",
        "法定代表人": "吴样例",
        "成员出资总额": "300(万元人民币)",
        "成员数": "12",
        "成立日期": "2012年5月6日",
        "登记机关": "隆尧县市场监督管理局",
        "登记状态": "在营（开业）",
        "住所": "隆尧县",
    },
    "permanent_residents": PERSON
    | {
        "出生日期": "1975-01-01",
        "户籍区划": "130527000000",
        "户籍状态": "正常",
    },
    "social_organization_registration": {
        "统一社会信用代码": "51130500501234569B",
        "社会组织名称": "邢台市样例协会",
        "社会组织类型": "社会团体",
        "法定代表人": "郑样例",
        "注册资金（万元）": "3",
        "成立日期": "2010-01-01",
        "登记管理机关": "邢台市民政局",
        "登记状态": "正常",
    },
    "public_institution_registration": {
        "统一社会信用代码": "121305004012345618",
        "单位名称": "邢台市样例馆",
        "法定代表人": "冯样例",
        "宗旨和业务范围": "服务公众",
        "经费来源": "全额拨款",
        "开办资金（万元）": "100",
        "举办单位": "邢台市样例局",
        "有效期自": "2019-01-01",
        "有效期至": "2024-01-01",
        "登记管理机关": "邢台市事业单位登记管理局",
        "登记状态": "正常",
    },
    "government_organ_codes": {
        "统一社会信用代码": "11130500000456788X",
        "机构名称": "邢台市样例局",
        "负责人": "陈样例",
        "机构地址": "邢台市桥东区",
    },
    "teachers_in_service": PERSON
    | {
        "任职学校": "邢台市样例学校",
        "学校代码": "121305004012345618",
        "学段": "初中、高中",
        "岗位": "专任教师",
        "职称": "一级教师",
        "聘期自": "2018-09-01",
        "聘期至": "长期",
        "在职状态": "在职",
    },
    "physician_registration": PERSON
    | {
        "执业证书编码": "110130500000001",
        "医师级别": "执业医师",
        "执业类别": "临床",
        "执业范围": "内科专业、医学检验、病理专业",
        "主要执业机构": "邢台市样例医院",
        "机构代码": "121305004012345618",
        "注册日期": "2005-06-01",
        "注册机关": "邢台市卫生健康委员会",
        "执业状态": "注册",
    },
    "nurse_registration": {
        "护士执业证书编号": "201013000001",
        "姓名": "褚样例",
        "性别": "女",
        "身份证号": WOMAN,
        "执业机构": "邢台市样例医院",
        "注册日期": "2015-06-01",
        "有效期至": "2020-06-01",
        "注册机关": "邢台市卫生健康委员会",
        "执业状态": "有效",
    },
    "civil_servant_registration": PERSON
    | {
        "所在单位": "邢台市样例局",
        "单位代码": "11130500000456788X",
        "职务层次": "正科级",
        "职级": "一级主任科员",
        "登记类别": "公务员登记",
        "登记日期": "2008-01-01",
        "在职状态": "在职",
    },
    "lawyers": PERSON
    | {
        "执业证号": "11305200010000001",
        "律师类别": "专职律师",
        "律师事务所": "样例律师事务所",
        "律所统一社会信用代码": "31130500MD3344551T",
        "执业状态": "执业",
    },
    "driving_licences": PERSON
    | {
        "准驾车型": "A2、D",
        "初次领证日期": "1998-03-01",
        "有效期止": "2028-03-01",
        "发证机关": "邢台市公安局交通警察支队",
        "驾驶证状态": "正常",
    },
    "judgment_debtor_persons": PERSON
    | {
        "案号": "(2019)冀0528执123号",
        "执行法院": "宁晋县人民法院",
        "执行依据文号": "(2018)冀0528民初9号",
        "作出执行依据单位": "宁晋县人民法院",
        "义务": "给付货款",
        "履行情况": "全部未履行",
        "行为情形": "违反财产报告制度,以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行",
        "立案时间": "20190114",
        "发布时间": "2019年07月13日",
    },
}
SPOILT = {
    "individual_business_registration": ("组成形式", "合伙", "form", "code_unknown"),
    "cooperative_registration": ("成员数", "0", "members", "number_too_small"),
    "permanent_residents": ("性别", "女", "sex", "matches_id"),
    "social_organization_registration": ("登记状态", "", "status", "required"),
    "public_institution_registration": ("有效期至", "2018-12-31", "valid_to", "not_before"),
    "government_organ_codes": ("统一社会信用代码", "111305000004567889", "uscc", "uscc_check"),
    "teachers_in_service": ("聘期至", "2018-02-30", "appointed_to", "date_invalid"),
    "physician_registration": ("执业范围", "占星专业", "scope", "code_unknown"),
    "nurse_registration": ("注册日期", "2030-06-01", "registered_on", "not_after_period"),
    "civil_servant_registration": ("单位代码", "91130500MA0A1B2C2J", "unit_uscc", "prefix"),
    "lawyers": ("律所统一社会信用代码", "", "firm_uscc", "required"),
    "driving_licences": ("准驾车型", "Z9", "classes", "code_unknown"),
    "judgment_debtor_persons": ("案号", "123", "case_no", "case_no_invalid"),
}


@pytest.mark.parametrize("item_id", GOOD)
def test_a_good_row_is_accepted_and_a_spoilt_one_named(item_id, tmp_path):
    good = GOOD[item_id]
    heading, value, field, rule = SPOILT[item_id]
    source = tmp_path / "file.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(good))
        writer.writeheader()
        writer.writerows([good, good | {heading: value}])
    delivery = Delivery(
        item_id=item_id,
        period="2019-12",
        delivery="x",
        division=None,
        department="x",
        source_file=source.name,
        path=str(source),
        sha256=digest(source),
        size=source.stat().st_size,
        received_at="2020-01-05T08:00:00",
    )
    stage_delivery(delivery, load_catalog(), Home(tmp_path / "home"), tmp_path / "staged")
    with duckdb.connect() as connection:
        faults = connection.execute(
            f"SELECT row_number, field, rule FROM '{tmp_path}/staged/quarantine.parquet'"
        ).fetchall()
        subjects = connection.execute(
            f"SELECT DISTINCT subject_key FROM '{tmp_path}/staged/staged.parquet'"
        ).fetchall()
    assert faults == [(3, field, rule)]
    assert len(subjects) == 1
    assert subjects[0][0] is not None
