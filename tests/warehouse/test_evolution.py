"""A changed catalog and a lake that is already there: columns follow, values stay, losses are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import UserError
from catalog.loader import ROOT, Catalog, load_catalog, read_model
from catalog.model import Field, Item, Retired
from warehouse.home import Home, Resources
from warehouse.lake import Lake
from warehouse.rollback import rollback
from warehouse.schema import apply_comments, ensure_schema, lake_losses, record_table

ITEM = """\
id: probe
code: XT900
title: 试验
english: probe
department: scjg
library: enterprise
category: "01"
subject: {kind: organization, name: name, uscc: uscc}
share: public
frequency: monthly
legal_basis: [{document: 某条例}]
owner: {provider: 某局}
provision: {role: city_department, since: "2019-10", reason: 某通知}
retention: 五年
key: [uscc]
fields:
  - {name: uscc, title: 统一社会信用代码, type: uscc, required: true}
  - {name: name, title: 名称, type: org_name}
  - {name: people, title: 人数, type: integer}
  - {name: begun, title: 日期, type: date}
county: [{by: registrar, field: uscc}]
rows: {min: 1, max: 100}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    path = tmp_path / "probe.yml"
    path.write_text(ITEM, encoding="utf-8")
    item, findings = read_model(Item, path)
    assert item is not None, findings
    full = load_catalog()
    return replace(
        full,
        items={"probe": item},
        libraries={},
        corrections={},
        paths={"probe": ROOT / "items" / "probe.yml"},
    )


@pytest.fixture
def lake(tmp_path: Path, catalog: Catalog) -> Any:
    with Lake(Home(tmp_path / "home"), resources=Resources(1, "1GiB")) as opened:
        ensure_schema(opened, catalog)
        with opened.transaction("load probe") as tx:
            tx.execute(
                "INSERT INTO ops.batch (batch_id, item_id, period) VALUES ('probe/2019-10/a', 'probe', '2019-10')"
            )
            tx.execute(
                "INSERT INTO rec.probe (batch_id, period, row_number, uscc, name, people, begun)"
                " VALUES ('probe/2019-10/a', '2019-10', 2, '91130500MA0A1B2C2J', '甲公司', 7, '2019-05-06')"
            )
        yield opened


def changed(catalog: Catalog, fields: dict[str, Field | None] | None = None, **keys: object) -> Catalog:
    """The catalog with fields of `probe` replaced, dropped (None) or added, and other keys set."""
    item = catalog.items["probe"]
    known = {f.name: f for f in item.fields} | (fields or {})
    kept = tuple(f for f in known.values() if f is not None)
    return replace(catalog, items={"probe": item.model_copy(update={"fields": kept} | keys)})


def test_added_renamed_and_widened_columns_keep_old_batches(lake: Lake, catalog: Catalog) -> None:
    new = changed(
        catalog,
        {
            "name": None,
            "title": Field(name="title", title="名称", type="org_name", renamed_from="name"),
            "people": Field(name="people", title="人数", type="decimal"),
            "begun": Field(name="begun", title="日期", type="line", length="20"),
            "grade": Field(name="grade", title="等级", type="line", length="5"),
        },
    )
    assert list(lake_losses(lake, new)) == []
    ensure_schema(lake, new)
    (row,) = lake.rows("SELECT uscc, title, people::VARCHAR AS people, begun, grade FROM rec.probe")
    assert row == {
        "uscc": "91130500MA0A1B2C2J",
        "title": "甲公司",
        "people": "7.000000",
        "begun": "2019-05-06",
        "grade": None,
    }
    ensure_schema(lake, new)  # twice is once


def test_a_retired_field_keeps_its_column(lake: Lake, catalog: Catalog) -> None:
    new = changed(
        catalog,
        {"people": None},
        retired=(Retired(name="people", title="人数", type="integer", until="2019-12"),),
    )
    ensure_schema(lake, new)
    assert lake.scalar("SELECT people FROM rec.probe") == 7


@pytest.mark.parametrize(
    ("fields", "keys", "what"),
    [
        ({"people": None}, {}, "湖中有数据项“people”而目录中没有"),
        ({"begun": Field(name="begun", title="日期", type="integer")}, {}, "由 DATE 改为 BIGINT"),
        ({"name": Field(name="name", title="名称", type="date")}, {}, "由 VARCHAR 改为 DATE"),
        ({}, {"key": ("uscc", "name")}, "关键项由 uscc 改为 uscc+name"),
    ],
)
def test_what_would_lose_data_is_refused_and_changes_nothing(
    lake: Lake, catalog: Catalog, fields: dict[str, Field | None], keys: dict[str, object], what: str
) -> None:
    new = changed(catalog, fields, **keys)
    ((item, loss),) = lake_losses(lake, new)
    assert item == "probe"
    assert what in loss.what
    with pytest.raises(UserError, match="会丢失数据") as refusal:
        ensure_schema(lake, new)
    assert what in str(refusal.value)
    assert (
        lake.scalar("SELECT (name, people, begun::VARCHAR)::VARCHAR FROM rec.probe")
        == "(甲公司, 7, 2019-05-06)"
    )


def test_a_key_may_change_as_long_as_nothing_is_loaded(lake: Lake, catalog: Catalog) -> None:
    with lake.transaction() as tx:
        tx.execute("DELETE FROM ops.batch")
    ensure_schema(lake, changed(catalog, key=("uscc", "name")))


def test_what_has_ended_follows_how_the_item_is_delivered(lake: Lake, catalog: Catalog) -> None:
    """Two full lists, the second without the record of the first; nothing is loaded after the catalog changed."""
    with lake.transaction("load probe") as tx:
        tx.execute(
            "INSERT INTO ops.batch (batch_id, item_id, period, department) VALUES ('probe/2019-11/a', 'probe', '2019-11', 'scjg')"
        )
        tx.execute("UPDATE ops.batch SET department = 'scjg'")
        tx.execute("UPDATE rec.probe SET record_key = uuid()")
        tx.execute(
            "INSERT INTO core.record (item_id, record_key, status) SELECT 'probe', record_key, 'active' FROM rec.probe"
        )
    state = "SELECT status, ended_period FROM core.record"
    before, lists = lake.snapshot_id(), changed(catalog, delivery="replaces")
    ensure_schema(lake, lists)
    assert lake.execute(state).fetchall() == [("ended", "2019-11")]
    rollback(lake, lists, before)
    assert lake.execute(state).fetchall() == [("ended", "2019-11")]
    ensure_schema(lake, catalog)
    assert lake.execute(state).fetchall() == [("active", None)]


def test_what_was_found_of_a_renamed_or_retired_field_is_still_told_of_a_field(
    lake: Lake, catalog: Catalog
) -> None:
    """Its issues and quarantined rows stand under the name it has now, after a rollback to before the change as well."""
    with lake.transaction("load probe") as tx:
        for table in ("quarantine", "issue", "expectation"):
            tx.execute(
                f"INSERT INTO ops.{table} (item_id, field) VALUES ('probe', 'name'), ('probe', 'people')"
            )
        tx.execute("UPDATE ops.quarantine SET value = '甲'")
    before = lake.snapshot_id()
    new = changed(
        catalog,
        {
            "name": None,
            "title": Field(name="title", title="名称", type="org_name", renamed_from="name"),
            "people": None,
        },
        retired=(Retired(name="people", title="人数", type="integer", until="2019-12"),),
    )
    ensure_schema(lake, new)
    told = [("people",), ("title",)]
    for table in ("quarantine", "issue", "expectation"):
        assert lake.execute(f"SELECT field FROM ops.{table} ORDER BY 1").fetchall() == told
    found = "SELECT q.field FROM ops.quarantine AS q JOIN ref.field USING (item_id, field) ORDER BY 1"
    assert lake.execute(found).fetchall() == told
    rollback(lake, new, before)
    assert lake.execute(found).fetchall() == told


def test_a_retired_field_that_the_lake_never_had_gets_its_column(lake: Lake, catalog: Catalog) -> None:
    """It came and went while this lake was not opened: in a backup of before, say."""
    new = changed(catalog, retired=(Retired(name="grade", title="等级", type="line", until="2019-12"),))
    ensure_schema(lake, new)
    assert lake.scalar("SELECT grade FROM rec.probe") is None


def test_a_table_made_anew_in_the_same_transaction_has_its_comments(lake: Lake, catalog: Catalog) -> None:
    table = record_table(catalog.items["probe"])
    with lake.transaction() as tx:
        tx.execute("DROP TABLE rec.probe")
        tx.execute(f"CREATE TABLE {table.definition}")
        apply_comments(tx, [table])
    of_table = "SELECT comment FROM duckdb_tables() WHERE schema_name = 'rec' AND table_name = 'probe'"
    assert lake.scalar(of_table) == table.comment
    columns = "SELECT comment FROM duckdb_columns() WHERE schema_name = 'rec' AND table_name = 'probe' ORDER BY column_index"
    assert [c for (c,) in lake.execute(columns).fetchall()] == [comment for _, _, comment in table.columns]
    before = lake.snapshot_id()
    with lake.transaction() as tx:
        apply_comments(tx, [table])
    assert lake.snapshot_id() == before
