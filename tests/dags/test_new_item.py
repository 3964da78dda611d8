"""One YAML file more, and nothing else touched: DAG, tables, rules, suite, sample, dictionary, obligations and report row are there."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from catalog.check import check
from catalog.loader import ROOT, load_catalog
from catalog.period import Period
from catalog.sample import generate
from quality.gate import judge, read_history
from quality.suite import History, expectations
from transforms.assess import assess
from transforms.dictionary import write_dictionary
from transforms.extract.drop import extract_drop
from transforms.integrate import integrate
from transforms.report import report
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.load import load_batch
from warehouse.schema import ensure_schema

from .conftest import DAGS

HOTELS = """\
# 运行须知
# - 一店一证；换证不换号。
id: hotel_licence
code: XT107
title: 旅馆业特种行业许可信息
english: Hotel licences
department: gaj
library: industry_administration
category: "03"
subject: {kind: organization, name: name, uscc: uscc}
share: public
frequency: monthly
legal_basis:
  - {document: 旅馆业治安管理办法, clause: 第四条}
owner: {provider: 市公安局}
provision: {role: city_department, since: "2019-10", reason: 试验}
retention: 许可有效期内保留
key: [licence_no]
fields:
  - {include: organisation, with: {title: 旅馆, prefixes: ["91", "92"]}}
  - {name: licence_no, title: 许可证号, type: certificate_no, required: true, length: 30, headers: [证号]}
  - {name: rooms, title: 客房数, type: integer, unit: 间, min: "1", max: "900"}
  - {name: issued_on, title: 发证日期, type: date, min: "1987-11-10"}
rules:
  - {rule: not_after_period, field: issued_on}
county:
  - {by: registrar, field: uscc}
rows: {min: 1, max: 10000}
"""
PERIOD = Period(2019, 12)


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    root = tmp_path / "catalog"
    for part in ("items", "groups", "libraries", "reference", "corrections"):
        shutil.copytree(ROOT / part, root / part)
    (root / "items" / "gaj" / "hotel_licence.yml").write_text(HOTELS, encoding="utf-8")
    assert [f for f in check(root) if f.path.stem == "hotel_licence"] == []
    return load_catalog(root)


def test_one_yaml_file_is_all_it_takes(
    catalog: Any, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    item = catalog.item("XT107")
    home = Home(tmp_path / "home")
    # A DAG of its own.
    monkeypatch.syspath_prepend(str(DAGS))
    dag = importlib.import_module("ingest").ingest(catalog, item)
    sys.modules.pop("ingest")
    assert dag.dag_id == "ingest__hotel_licence"
    assert "一店一证" in dag.doc_md
    # A suite.
    suite = expectations(item, None, catalog, History(str(PERIOD)))
    assert {e.field for e in suite} >= {"uscc", "licence_no", "rooms"}
    # A sample, with its truth.
    (made,) = generate(
        catalog, home.inbox, items=["hotel_licence"], periods=[PERIOD], rows=120, seed=3, fault_share=0.1
    )
    truth = json.loads(made.truth_path.read_text("utf-8"))
    # Tables with comments; a way from file to ledger, libraries, marts and bulletin.
    with Lake(home) as lake:
        ensure_schema(lake, catalog)
        (manifest,) = extract_drop(item, PERIOD, home)
        delivery = Delivery.from_file(manifest)
        batch = stage_delivery(delivery, catalog, home, tmp_path / "staged")
        history = read_history(lake, item.id, str(PERIOD), division=delivery.division)
        result = load_batch(lake, catalog, judge(batch, catalog, history))
        assert (result.read, result.new, result.updated, result.duplicate, result.quarantined) == tuple(
            truth[f"rows_{name}"] for name in ("read", "new", "updated", "duplicate", "quarantined")
        )
        integrate(lake, catalog)
        assert lake.scalar("SELECT count(*) FROM lib.industry_administration") > 0
        assess(lake, catalog, PERIOD)
        obligation = lake.rows("SELECT * FROM mart.obligation WHERE item_id = 'hotel_licence'")
        assert [(o["department"], o["state"]) for o in obligation] == [("gaj", "delivered")]
        row = lake.rows("SELECT * FROM mart.item_progress WHERE item_id = 'hotel_licence'")[0]
        assert row["submitted"] == truth["rows_read"] - truth["rows_ignored"]
        comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'hotel_licence' AND column_name = 'rooms'"
        assert "客房数" in lake.scalar(comment)
        pages = report(lake, catalog, PERIOD, tmp_path / "report")
    assert any(
        "旅馆业特种行业许可信息" in page.read_text("utf-8") for page in pages if page.suffix == ".html"
    )
    # A page of the dictionary.
    assert "旅馆业特种行业许可信息" in write_dictionary(catalog, tmp_path / "dictionary").read_text("utf-8")
