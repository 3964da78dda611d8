"""Both layouts, their successors, and the names departments write."""

from datetime import date

import pytest

from catalog.divisions import load_divisions

OLD, NEW, CHANGE = date(2019, 12, 31), date(2020, 12, 31), date(2020, 6, 23)
TO_XIANGDU = ["豫让桥街道", "晏家屯镇", "祝村镇"]
TO_XINDU = [
    "南石门镇",
    "羊范镇",
    "皇寺镇",
    "会宁镇",
    "西黄村镇",
    "路罗镇",
    "将军墓镇",
    "浆水镇",
    "宋家庄镇",
    "太子井乡",
    "龙泉寺乡",
    "北小庄乡",
    "城计头乡",
    "白岸乡",
    "冀家村乡",
]
table = load_divisions()


def test_nineteen_units_in_2019_and_eighteen_afterwards():
    old, new = table.units(OLD), table.units(NEW)
    assert (len(old), len(new)) == (19, 18)
    assert {"130521", "130526", "130527"} == {u.code for u in old} - {u.code for u in new}
    assert {"130505", "130506"} == {u.code for u in new} - {u.code for u in old}
    assert [u.code for u in old] == sorted(u.code for u in old)
    assert len(table.units(NEW, statistical=True)) == 19


def test_the_day_of_change_belongs_to_the_new_layout():
    assert len(table.units(date(2020, 6, 22))) == 19
    assert len(table.units(CHANGE)) == 18
    assert table.at("130502", date(2020, 6, 22)).name == "桥东区"
    assert table.at("130502", CHANGE).name == "襄都区"


def test_every_successor_and_every_parent_exists():
    for row in table.rows:
        assert row.valid_from < row.valid_to, row
        assert all(table.known(code) for code in row.successors), row
        assert row.parent == "130000" or table.known(row.parent), row
        if row.level != "city" and row.valid_to.year < 9999:
            assert row.successors, row


def test_no_code_has_two_rows_in_force_at_once():
    by_code = {}
    for row in table.rows:
        for other in by_code.setdefault(row.code, []):
            assert row.valid_to <= other.valid_from or other.valid_to <= row.valid_from, (row, other)
        by_code[row.code].append(row)


def test_the_towns_of_xingtai_county_map_by_code_and_by_name_in_both_layouts():
    towns = [row for row in table.rows if row.parent == "130521" and row.valid(OLD)]
    assert {row.name for row in towns} == {*TO_XIANGDU, *TO_XINDU, "东汪镇"}
    for row in towns:
        county = "130503" if row.name in TO_XINDU else "130502"
        assert table.county_of(row.code, OLD) == "130521", row
        assert table.county_of(row.code, NEW) == county, row
        (new,) = table.successors(row.code, NEW)
        assert new.name == row.name
        if row.name != "东汪镇":  # 宁晋 has one too
            assert table.county_by_name(row.name, OLD) == "130521"
            assert table.county_by_name(row.name, NEW) == county


def test_a_split_county_without_its_township_is_left_open():
    assert table.county_of("130521", OLD) == "130521"
    assert table.county_of("130521", NEW) is None
    assert {row.code for row in table.successors("130521", NEW)} == {"130502", "130503"}


@pytest.mark.parametrize(
    ("code", "on", "county"),
    [
        ("130526", NEW, "130505"),
        ("130526200", NEW, "130505"),  # 西固城乡, a 镇 since
        ("130527", NEW, "130506"),
        ("132229", OLD, "130528"),
        ("132227", NEW, "130505"),  # 任县 of 1992 -> 任县 -> 任泽区
        ("132222", OLD, "130582"),  # 沙河县 -> 沙河市 of 1987 -> 沙河市
        ("130528000000", OLD, "130528"),
        ("130528104201", OLD, "130528"),
        ("130522999", OLD, "130522"),  # a town we do not list
        ("130506", OLD, "130528"),  # 大曹庄管理区's registrar
        ("130506", NEW, "130506"),  # 南和区
        ("130501", OLD, None),
        ("130500", OLD, None),
        ("130504", OLD, None),
        ("130102", OLD, None),
    ],
)
def test_county_of_code(code, on, county):
    assert table.county_of(code, on) == county


@pytest.mark.parametrize(
    ("name", "on", "county"),
    [
        ("任　县", OLD, "130526"),
        ("任县", NEW, "130505"),
        ("仁泽区", NEW, "130505"),
        ("囊都区", NEW, "130502"),
        ("内邱县", OLD, "130523"),
        ("河北省邢台市威县", OLD, "130533"),
        ("邢台市桥西区", NEW, "130503"),
        ("南和", OLD, "130527"),
        ("南和", NEW, "130506"),
        ("邢台县", OLD, "130521"),
        ("邢台县", NEW, None),
        ("邢台市大曹庄管理区", OLD, "130528"),
        ("河北邢台经济开发区", OLD, "130571"),
        ("东汪镇", OLD, None),
        ("桥西街道", OLD, "130582"),
        ("邢台市", OLD, None),
        ("石家庄市", OLD, None),
    ],
)
def test_county_by_name(name, on, county):
    assert table.county_by_name(name, on) == county


def test_an_ambiguous_town_is_told_apart_by_its_county():
    assert len(table.find("东汪镇", OLD)) == 2
    assert [row.code for row in table.find("东汪镇", OLD, within="130528")] == ["130528104"]


@pytest.mark.parametrize(
    ("code", "on", "name"),
    [
        ("130521", OLD, "邢台县"),
        ("130521", NEW, "邢台县"),
        ("130503", OLD, "桥西区"),
        ("130503", NEW, "信都区"),
        ("110101", NEW, "110101"),
    ],
)
def test_a_code_is_called_what_it_is_called_on_the_day_or_was_last(code, on, name):
    assert table.name(code, on) == name
