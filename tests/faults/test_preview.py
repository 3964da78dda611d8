"""A preview says what the load then does, and does nothing itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import xtcredit
from catalog.loader import Catalog
from catalog.model import CountyRule
from transforms import steps
from transforms.preview import Preview
from warehouse.home import Home
from warehouse.lake import Lake

ITEM, PERIOD = "lawyers", "2019-12"


def load_all(home: Home) -> dict[str, int]:
    (manifest,) = steps.extract(ITEM, PERIOD, home)
    return steps.load(steps.judge(steps.stage(manifest, home), home), home)


def ledger(home: Home) -> dict[str, tuple[str, str]]:
    """Record to (content, county) of the item."""
    with Lake(home) as lake:
        rows = lake.execute(
            "SELECT record_key, content_hash, local_county_code FROM core.record WHERE item_id = ?", [ITEM]
        ).fetchall()
    return {str(key): (str(content), county) for key, content, county in rows}


def files(home: Home) -> set[Path]:
    return {path for path in home.root.rglob("*") if path.is_file()}


def previewed(home: Home) -> Preview:
    """The preview, with its promise kept: no file and no snapshot is new."""
    with Lake(home) as lake:
        snapshot = lake.snapshot_id()
    before = files(home)
    (found,) = steps.preview(ITEM, PERIOD, home)
    with Lake(home) as lake:
        assert lake.snapshot_id() == snapshot
    assert files(home) == before
    return found


def assert_it_came_so(told: Preview, before: dict[str, tuple[str, str]], home: Home) -> None:
    """Load, and compare with what was told: by counting the ledger in Python."""
    assert load_all(home) == told.then
    after = ledger(home)
    kinds = {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "changed": sum(before[k][0] != after[k][0] for k in before.keys() & after.keys()),
        "moved": sum(
            before[k][0] == after[k][0] and before[k][1] != after[k][1] for k in before.keys() & after.keys()
        ),
    }
    assert {kind: sum(c.records for c in told.changes if c.kind == kind) for kind in kinds} == kinds
    for moment, records in (("before", before), ("after", after)):
        counted: dict[str, int] = {}
        for _, county in records.values():
            counted[county] = counted.get(county, 0) + 1
        assert {c.county_code: n for c in told.counties if (n := getattr(c, moment))} == counted
    for c in told.counties:
        assert c.after == c.before + c.added - c.removed + c.moved_in - c.moved_out
    assert previewed(home).nothing


def test_of_an_empty_lake(home: Home) -> None:
    told = previewed(home)
    assert told.now is None
    assert {c.reason for c in told.changes} == {"rows"}
    assert told.then["new"] > 20
    assert told.rules
    assert_it_came_so(told, {}, home)


def test_of_a_file_that_changed(home: Home) -> None:
    load_all(home)
    before = ledger(home)
    (path,) = (home.inbox / PERIOD).glob(f"*_{ITEM}_*.csv")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-12]))
    told = previewed(home)
    assert "文件内容与已入库的不同" in told.notes
    assert {(c.kind, c.reason) for c in told.changes} >= {("removed", "rows")}
    assert_it_came_so(told, before, home)


def changed(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, **update: Any) -> None:
    item = catalog.items[ITEM].model_copy(update=update)
    other = replace(catalog, items=catalog.items | {ITEM: item})
    monkeypatch.setattr(steps, "load_catalog", lambda: other)


def test_of_a_rule_that_changed(home: Home, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that was required no longer is: its quarantined rows would be let in, as the preview says."""
    load_all(home)
    before = ledger(home)
    with Lake(home) as lake:
        row = lake.execute("SELECT DISTINCT field FROM ops.quarantine WHERE rule = 'required'").fetchone()
    assert row is not None, "another seed is needed: no row lacks a required field"
    fields = tuple(
        f.model_copy(update={"required": False}) if f.name == row[0] else f
        for f in catalog.items[ITEM].fields
    )
    changed(catalog, monkeypatch, fields=fields)
    told = previewed(home)
    assert [(c.kind, c.reason) for c in told.changes] == [("added", "rule")]
    assert [rule for rule, was, then in told.rules if then < was] == [f"{row[0]}/required"]
    assert any(note.startswith("目录版本由") for note in told.notes)
    assert_it_came_so(told, before, home)


def test_of_an_attribution_that_changed(
    home: Home, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_all(home)
    before = ledger(home)
    changed(catalog, monkeypatch, county=(CountyRule(by="household", field="id_number"),))
    told = previewed(home)
    assert [(c.kind, c.reason) for c in told.changes] == [("moved", "attribution")]
    assert sum(c.moved_in for c in told.counties) == sum(c.moved_out for c in told.counties) > 0
    assert told.now == told.then
    assert not told.nothing
    assert_it_came_so(told, before, home)


def test_of_a_batch_the_gate_would_refuse(
    home: Home, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_all(home)
    rows = catalog.items[ITEM].rows.model_copy(update={"min": 1000})
    changed(catalog, monkeypatch, rows=rows)
    told = previewed(home)
    assert told.refused
    assert told.changes == ()
    assert told.then == told.now


@pytest.mark.parametrize("words", [(), ("--format", "json")])
def test_the_command_prints_it(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("XTCREDIT_HOME", str(home.root))
    monkeypatch.setattr("sys.argv", ["xtcredit", "ingest", ITEM, "--period", PERIOD, "--dry-run", *words])
    with pytest.raises(SystemExit) as ended:
        xtcredit.main()
    assert ended.value.code in (0, None)
    said = capsys.readouterr().out
    if words:
        assert json.loads(said)[0]["then"]["new"] > 20
    else:
        assert "这一批尚未入库" in said
        assert "报送的行有增减或改动" in said
    assert not home.landing.exists()
