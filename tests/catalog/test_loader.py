"""Reading the catalog: text stays text, findings know their line, look-ups name what is near."""

from __future__ import annotations

import pytest

from catalog.codes import CodeList
from catalog.errors import UserError
from catalog.loader import ROOT, Source, Unreadable, load_catalog, read_all, read_model
from catalog.model import Format, Item


def test_every_scalar_is_text(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("a: 0555\nb: no\nc: 1.10\nd: 2019-01-01\ne: [null, ~]\n", encoding="utf-8")
    assert Source(path).data == {"a": "0555", "b": "no", "c": "1.10", "d": "2019-01-01", "e": ["null", "~"]}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), 1),
        (("a",), 1),
        (("b", 1), 4),
        (("b", 1, "d"), 5),
        (("b", 1, "union_tag", "d"), 5),
        (("b", 9), 2),
        (("ghost",), 1),
        (("b", 1, "ghost"), 4),
    ],
)
def test_lines_of_nodes(tmp_path, keys, line):
    path = tmp_path / "a.yml"
    path.write_text("a: x\nb:\n  - c: 1\n  - c: 2\n    d: 3\n", encoding="utf-8")
    assert Source(path).line(*keys) == line


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"a: [1\nb: 2\n", 2, "YAML"),
        (b"a: 1\n b: 2\n", 2, "YAML"),
        ("a: 中".encode("gb18030"), 1, "UTF-8"),
        (b"a: \x07\n", 1, "YAML"),
        (b"a: 1\na: 2\n", 2, "写了两次"),
    ],
)
def test_what_is_no_catalog_file(tmp_path, content, line, says):
    path = tmp_path / "a.yml"
    path.write_bytes(content)
    model, findings = read_model(CodeList, path)
    assert model is None
    assert says in findings[0].what
    assert findings[0].line == line


@pytest.mark.parametrize("content", ["", "- a\n", "text\n"])
def test_a_file_of_another_shape_is_a_finding(tmp_path, content):
    path = tmp_path / "a.yml"
    path.write_text(content, encoding="utf-8")
    model, findings = read_model(CodeList, path)
    assert model is None
    assert findings[0].remedy


def test_an_unreadable_file_is_an_error_of_the_user(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(Unreadable, match=r"a\.yml:\d+：YAML 写法有误") as raised:
        Source(path)
    assert isinstance(raised.value, UserError)


def test_a_broken_catalog_is_not_loaded(tmp_path):
    import shutil

    for part in ("reference", "groups", "items/scjg"):
        shutil.copytree(ROOT / part, tmp_path / part)
    (tmp_path / "items" / "scjg" / "bad.yml").write_text("id: bad\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"bad\.yml:1：目录有误.*catalog check"):
        load_catalog(tmp_path)
    catalog, findings = read_all(tmp_path)
    assert "enterprise_registration" in catalog.items  # the sound files are read all the same
    assert {f.path.name for f in findings} == {"bad.yml"}


@pytest.mark.parametrize("name", ["enterprise_registration", "XT001", "企业设立登记信息"])
def test_an_item_is_found_by_id_code_and_title(name):
    assert load_catalog().item(name).id == "enterprise_registration"


def test_an_unknown_item_names_near_ones():
    with pytest.raises(UserError, match=r"相近的有.*enterprise_registration"):
        load_catalog().item("enterprise")


def test_the_formats_list_counts_before_the_fields():
    catalog = load_catalog()
    status = catalog.item("admin_permits").field("status")
    assert catalog.code_list(status).id == "permit_status_2018"
    assert (
        catalog.code_list(status, Format(id="x", title="x", lists={"status": "permit_status_2016"})).id
        == "permit_status_2016"
    )
    assert catalog.code_list(catalog.item("admin_permits").field("content")) is None


@pytest.mark.parametrize(
    ("frequency", "day", "months", "cron"),
    [
        ("monthly", 5, 1, "0 2 6 * *"),
        ("daily", 5, 1, "0 2 6 * *"),
        ("quarterly", 10, 3, "0 2 11 1,4,7,10 *"),
        ("half_yearly", 5, 6, "0 2 6 1,7 *"),
        ("yearly", 5, 12, "0 2 6 1 *"),
    ],
)
def test_schedules(frequency, day, months, cron):
    item: Item = load_catalog().item("enterprise_registration")
    changed = item.model_copy(
        update={"frequency": frequency, "due": item.due.model_copy(update={"day": day})}
    )
    assert (changed.period_months, changed.cron) == (months, cron)
