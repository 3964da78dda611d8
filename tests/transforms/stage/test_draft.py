"""A draft parses, knows what the catalog knows, and leaves people's facts to people."""

from __future__ import annotations

import shutil

import pytest
import yaml

from catalog.check import check
from catalog.errors import UserError
from catalog.loader import ROOT, load_catalog
from catalog.model import Item
from transforms.stage.draft import draft_item
from warehouse.home import Resources
from warehouse.lake import connect

SAMPLE = """邢台市旅馆业特种行业许可证情况表,,,,,,,,,,,
序号,旅馆名称,统一社会信用代码,经营者姓名,许可证号,发证日期,所在区划,星级,民族,房间数,"押金(元)",经理身份证
""" + "".join(
    f"{n},邢台旅馆{n},{'91130500MA0A1B2C2J' if n % 2 else '92130528MA0C3D4EX6'},王{'一二三'[n % 3]}丰,冀邢旅{n:03d}号,"
    f"{'2019/3/2' if n % 2 else '20190402'},{'宁晋县' if n % 2 else '桥东区'},{'三星' if n % 3 else '二星'},汉,{n * 10},{'' if n == 4 else '200'},130521197001010017\n"
    for n in range(1, 13)
)


@pytest.fixture(scope="module")
def draft(tmp_path_factory):
    path = tmp_path_factory.mktemp("draft") / "旅馆.csv"
    path.write_text(SAMPLE, encoding="utf-8")
    with connect(Resources(1, "1GiB")) as connection:
        return draft_item("hotel_licence", path, load_catalog(), connection)


@pytest.fixture(scope="module")
def item(draft):
    return Item.model_validate(yaml.load(draft, Loader=yaml.BaseLoader))


def test_check_finds_just_the_lines_to_be_filled_in(draft, tmp_path):
    for part in ("reference", "groups", "items", "libraries", "targets"):
        shutil.copytree(ROOT / part, tmp_path / part)
    path = tmp_path / "items" / "somewhere" / "hotel_licence.yml"
    path.parent.mkdir()
    path.write_text(draft, encoding="utf-8")
    todo = [n for n, line in enumerate(draft.splitlines(), 1) if "TODO" in line and not line.startswith("#")]
    assert [(f.path, f.line) for f in check(tmp_path)] == [(path, n) for n in todo]
    asked = "".join(f.what for f in check(tmp_path))
    for fact in ("依据", "提供单位", "频率", "次月几日", "归入哪个库", "来源部门"):
        assert fact in asked


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("旅馆名称", "line"), ("统一社会信用代码", "uscc"), ("发证日期", "date"), ("所在区划", "division"),
        ("房间数", "integer"), ("押金(元)", "amount"), ("经理身份证", "resident_id"),
    ],
)  # fmt: skip
def test_types_are_guessed_from_the_content(item, title, kind):
    assert next(f for f in item.fields if f.title == title).type == kind


def test_what_the_catalog_knows_keeps_its_name(item):
    named = {f.title: f.name for f in item.fields}
    assert named["统一社会信用代码"] == "uscc"
    assert named["旅馆名称"] == "c2"


def test_required_and_shares_follow_from_the_cells(item):
    fields = {f.title: f for f in item.fields}
    assert fields["旅馆名称"].required is True
    assert fields["押金(元)"].required is False
    assert fields["经理身份证"].share == "authorised"


def test_what_must_not_be_collected_is_left_out_with_a_warning(draft, item):
    assert "民族" not in {f.title for f in item.fields}
    assert "# 警告：样例中的“民族”不得归集" in draft


def test_candidates_are_named(draft, item):
    assert "只有 2 种取值，可做代码表：三星、二星" in draft
    assert "王" not in draft, "names of persons have no place in the catalog"
    assert item.key == ("c2",)
    assert item.ignore == ("序号",)


@pytest.mark.parametrize(
    ("item_id", "content", "says"),
    [
        ("Hotel", SAMPLE, "写法不符"), ("lawyers", SAMPLE, "已经存在"), ("hotel", "", "文件是空的"),
        ("hotel", "名称,代码\n", "没有数据行"), ("hotel", "1,2\n3,4\n", "没有找到表头"), ("hotel", "民族\n汉\n", "没有可以归集的列"),
    ],
)  # fmt: skip
def test_what_cannot_be_drafted(tmp_path, item_id, content, says):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with connect(Resources(1, "1GiB")) as connection, pytest.raises(UserError, match=says):
        draft_item(item_id, path, load_catalog(), connection)
