"""Landed files judged again, full lists that shrink, and corrected rows, through the steps as commands call them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import UserError
from catalog.loader import Catalog, load_catalog
from quality.audit import _ask, clauses
from quality.audit.prepare import prepare
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

ITEM = "government_organ_codes"
HEADER = ["统一社会信用代码", "机构名称", "负责人", "机构地址"]
BODIES = ("00045678", "00045679", "00045680", "00045681", "00045682", "00045683")


def uscc(body: str) -> str:
    """A valid code of an organ of Ningjin, worked out from the standards."""
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    rest = 11 - sum(w * int(c) for w, c in zip((3, 7, 9, 10, 5, 8, 4, 2), body, strict=True)) % 11
    head = "11130528" + body + {10: "X", 11: "0"}.get(rest, str(rest))
    return head + letters[-sum(letters.index(c) * pow(3, i, 31) for i, c in enumerate(head)) % 31]


ROWS = [[uscc(body), f"宁晋县样例{n}局", "陈样例", "宁晋县"] for n, body in enumerate(BODIES)]
Change = Callable[..., None]


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Change:
    """Puts another catalog in force, in which the item is otherwise (`item`), or has fields with other headings (`headers`)."""
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    # Great Expectations has tests of its own and costs seconds to import.
    monkeypatch.setattr("quality.gate.examine", lambda *_, **__: ())
    base = load_catalog()

    def put(version: str, **item: object) -> None:
        headers = item.pop("headers", {})
        old = base.items[ITEM]
        fields = tuple(
            f.model_copy(update={"headers": (*f.headers, *headers.get(f.name, ()))}) for f in old.fields
        )
        new = old.model_copy(update={"fields": fields, **item})
        catalog: Catalog = replace(base, items=base.items | {ITEM: new})
        object.__setattr__(catalog, "version", version)
        monkeypatch.setattr(steps, "load_catalog", lambda: catalog)

    put("one")
    return put


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def drop(home: Home, period: str, day: str, rows: list[list[str]], header: list[str] = HEADER) -> None:
    folder = home.inbox / period
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"130528_bianban_{ITEM}_{day}_01.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def load(home: Home, period: str, *, confirm_ends: bool = False) -> None:
    for manifest in steps.extract(ITEM, period, home):
        steps.load(steps.judge(steps.stage(manifest, home), home, confirm_ends=confirm_ends), home)


def ask(home: Home, sql: str) -> list[tuple[object, ...]]:
    with Lake(home) as lake:
        return lake.execute(sql).fetchall()


def sound(home: Home) -> bool:
    """Whether the audit agrees on what ended and what was put right."""
    found = {c.id: c for c in clauses()}
    with Lake(home) as lake:
        prepare(lake.connection)
        return all(
            _ask(lake, found[name])[0] == 0
            for name in ("core_status", "ops_rectification", "core_completeness")
        )


def test_a_changed_catalog_takes_what_it_kept_out_exactly_once(home: Home, change: Change) -> None:
    drop(home, "2019-12", "20200103", [*ROWS[:2], [ROWS[2][0], "", "陈样例", "宁晋县"]])
    load(home, "2019-12")
    assert [r.nothing for r in steps.replay(ITEM, "2019-12", home)] == [True]
    state = ask(home, "SELECT rows_new, rows_quarantined FROM ops.batch")
    assert state == [(2, 1)]

    fields = load_catalog().items[ITEM].fields
    lenient = tuple(f.model_copy(update={"required": False}) if f.name == "name" else f for f in fields)
    change("two", fields=lenient)
    # `change` adds headings to the catalog's own fields; these are given whole.
    (told,) = steps.replay(ITEM, "2019-12", home)
    assert [(r.row_number, r.rule, r.field) for r in told.accepted] == [(4, "required", "name")]
    assert (told.quarantined, told.read_otherwise) == ((), 0)
    assert "第4行现入库（name required）" in "\n".join(told.lines())
    assert ask(home, "SELECT rows_new, rows_quarantined FROM ops.batch") == [(3, 0)]
    (again,) = steps.replay(ITEM, "2019-12", home)
    assert again.nothing
    assert ask(home, "SELECT count(*), sum(versions) FROM core.record") == [(3, 3)]
    assert sound(home)

    change("three", rules=(*load_catalog().items[ITEM].rules,), fields=fields)
    (back,) = steps.replay(ITEM, "2019-12", home)
    assert [(r.row_number, r.rule) for r in back.quarantined] == [(4, "required")]
    assert ask(home, "SELECT count(*) FROM core.record") == [(2,)]


def test_a_file_once_refused_is_taken_when_its_heading_is_known(home: Home, change: Change) -> None:
    drop(home, "2019-12", "20200103", ROWS[:2], ["统一社会信用代码", "机关大名", "负责人", "机构地址"])
    with pytest.raises(UserError, match="机关大名"):
        load(home, "2019-12")
    (told,) = steps.replay(ITEM, "2019-12", home)
    assert told.refused is not None
    assert "原有数据不变" in next(told.lines())
    change("two", headers={"name": ("机关大名",)})
    (told,) = steps.replay(ITEM, "2019-12", home)
    assert told.first
    assert ask(home, "SELECT count(*) FROM core.record") == [(2,)]


def test_replay_says_what_is_missing(home: Home, change: Change) -> None:
    with pytest.raises(UserError, match="没有落地"):
        steps.replay(ITEM, "2019-12", home)
    drop(home, "2019-12", "20200103", ROWS[:2])
    load(home, "2019-12")
    next((home.landing / ITEM).rglob("manifest.json")).unlink()
    with pytest.raises(UserError, match=r"原文件不在.*--missing"):
        steps.replay(ITEM, "2019-12", home)


def test_a_shrunken_list_stops_until_confirmed(home: Home, change: Change) -> None:
    change("two", delivery="replaces")
    drop(home, "2019-11", "20191203", ROWS)
    load(home, "2019-11")
    drop(home, "2019-12", "20200103", ROWS[:4])
    with pytest.raises(UserError, match=r"--confirm-ends.*6 条中消失 2 条（33\.33%）"):
        load(home, "2019-12")
    assert ask(home, "SELECT count(*) FROM ops.batch") == [(1,)]
    (told,) = steps.preview(ITEM, "2019-12", home)
    assert "--confirm-ends" in told.refused[0]
    (told,) = steps.preview(ITEM, "2019-12", home, confirm_ends=True)
    assert told.refused == ()
    assert "与上期全量清单相比：6 条中消失 2 条（33.33%）" in told.notes
    load(home, "2019-12", confirm_ends=True)
    ended = "SELECT count(*), min(ended_period) FROM core.record WHERE status = 'ended'"
    assert ask(home, ended) == [(2, "2019-12")]
    assert ask(home, "SELECT status FROM ops.batch WHERE period = '2019-12'") == [("warned",)]
    assert sound(home)
    drop(home, "2020-01", "20200203", ROWS)
    load(home, "2020-01")
    assert ask(home, ended) == [(0, None)]
    assert ask(home, "SELECT count(*), max(first_period) FROM core.record") == [(6, "2019-11")]
    assert sound(home)


@pytest.mark.parametrize(("listed", "stops"), [(8, False), (7, True)], ids=["a fifth", "more"])
def test_a_fifth_of_a_list_may_end_and_no_more(home: Home, change: Change, listed: int, stops: bool) -> None:
    change("two", delivery="replaces")
    rows = [[uscc(f"000456{n}"), f"宁晋县样例{n}局", "陈样例", "宁晋县"] for n in range(78, 88)]
    drop(home, "2019-11", "20191203", rows)
    load(home, "2019-11")
    drop(home, "2019-12", "20200103", rows[:listed])
    if stops:
        with pytest.raises(UserError, match="--confirm-ends"):
            load(home, "2019-12")
    else:
        load(home, "2019-12")
    ended = [(10 - listed,)] if not stops else [(0,)]
    assert ask(home, "SELECT count(*) FROM core.record WHERE status = 'ended'") == ended


def test_a_corrected_row_closes_the_quarantined_one_and_the_days_are_kept(home: Home, change: Change) -> None:
    wrong = [
        ROWS[0],
        [ROWS[1][0], "", "陈样例", "宁晋县"],
        [ROWS[2][0][:-1], "宁晋县样例局", "陈样例", "宁晋县"],
    ]
    drop(home, "2019-12", "20200103", wrong)
    load(home, "2019-12")
    drop(home, "2019-12", "20200110", ROWS[1:2])
    load(home, "2019-12")
    found = ask(
        home, "SELECT row_number, matched_by, closed_batch_id, days FROM ops.rectification ORDER BY 1"
    )
    assert found == [(3, "record", f"{ITEM}/2019-12/20200110-01-130528", 7), (4, None, None, None)]
    assert sound(home)
