"""A small item with one of everything a suite is derived from, and staged batches of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.codes import CodeList
from catalog.divisions import load_divisions
from catalog.loader import Catalog, Department
from catalog.model import Item
from warehouse.batch import Counts, Delivery, StagedBatch
from warehouse.home import Resources
from warehouse.lake import connect

ITEM: dict[str, Any] = {
    "id": "permit",
    "code": "XT900",
    "title": "试验许可",
    "english": "permit",
    "department": "scjg",
    "library": "enterprise",
    "category": "01",
    "subject": {"kind": "person", "name": "name", "person": "number"},
    "share": "public",
    "frequency": "monthly",
    "legal_basis": [{"document": "试验"}],
    "owner": {"provider": "试验"},
    "provision": {"role": "city_department", "since": "2019-10", "reason": "试验"},
    "retention": "试验",
    "key": ["number"],
    "fields": [
        {"name": "number", "title": "证件号码", "type": "resident_id", "required": True},
        {"name": "name", "title": "姓名", "type": "person_name", "required": True},
        {"name": "kind", "title": "类别", "type": "code", "list": "kinds"},
        {"name": "measures", "title": "措施", "type": "code_set", "list": "open_kinds"},
        {"name": "day", "title": "日期", "type": "date", "min": "2000-01-01", "max": "2020-12-31"},
        {"name": "since", "title": "起始日期", "type": "date", "min": "2000-01-01"},
        {"name": "fee", "title": "费用", "type": "amount", "unit": "元", "max": "1000"},
        {"name": "reason", "title": "理由", "type": "line", "required": {"field": "kind", "in": ["1"]}},
        {"name": "phone", "title": "备注", "type": "line"},
    ],
    "county": [{"by": "authority"}],
    "formats": [{"id": "old", "title": "旧格式", "absent": ["reason", "phone", "fee"]}],
    "rows": {"min": 10, "max": 1000},
    "reject_rate": {"warn": 0.02, "fail": 0.3},
    "checks": [
        {"level": "warn", "check": "fill_rate_min", "field": "phone", "value": 0.5},
        {"level": "fail", "check": "distinct_max_share", "field": "day", "value": 0.5},
        {"level": "warn", "check": "volume_change", "months": 3, "tolerance": 0.5},
    ],
}
_KINDS = [{"code": "1", "title": "甲"}, {"code": "2", "title": "乙"}]
"""A clear number no result, message or page may ever show."""

Stage = Callable[..., StagedBatch]


@pytest.fixture(scope="session")
def item() -> Item:
    return Item.model_validate(ITEM)


@pytest.fixture(scope="session")
def catalog(item: Item) -> Catalog:
    lists = {
        "kinds": CodeList.model_validate({"id": "kinds", "title": "类别", "source": "试验", "codes": _KINDS}),
        "open_kinds": CodeList.model_validate(
            {"id": "open_kinds", "title": "措施", "source": "试验", "codes": _KINDS, "other_prefix": "其他-"}
        ),
    }
    return Catalog(
        {item.id: item}, lists, {}, {"scjg": Department("scjg", "试验", "试验", (), True)}, load_divisions()
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Writes a staged batch of `rows` healthy rows; keywords replace a column's SQL (`i`: the row)."""

    def build(
        rows: int = 100,
        *,
        faulty: int = 0,
        set_aside: int = 0,
        ignored: int = 0,
        delivery: str = "20200103-01-130500",
        fmt: str = "standard",
        **columns: str,
    ) -> StagedBatch:
        values = {
            "number": "md5(i::VARCHAR)",
            "name": "'王' || i",
            "kind": "CASE WHEN i % 2 = 0 THEN '1' ELSE '2' END",
            "measures": "CASE i % 3 WHEN 0 THEN '1;2' WHEN 1 THEN '其他-训诫' END",
            "day": "DATE '2019-01-01' + i::INTEGER % 300",
            "since": "DATE '2099-12-31'",
            "fee": "12.5::DECIMAL(18,6)",
            "reason": "'有'",
            "phone": "'有'",
            "record_key": "md5(i::VARCHAR)::UUID",
            "content_hash": "md5(i::VARCHAR)::UUID",
        } | columns
        folder = tmp_path / delivery
        folder.mkdir()
        select = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
        with connect(Resources(1, "1GiB")) as connection:
            connection.execute(
                f"COPY (SELECT {select} FROM range({rows}) AS r(i))"
                f" TO '{folder / 'staged.parquet'}' (FORMAT parquet)"
            )
        counts = Counts(
            read=rows + faulty + set_aside + ignored,
            valid=rows,
            quarantined=faulty + set_aside,
            set_aside=set_aside,
            ignored=ignored,
        )
        landed = Delivery(
            item_id="permit",
            period="2019-12",
            delivery=delivery,
            division="130500",
            department="scjg",
            source_file="许可.csv",
            path="x",
            sha256="x",
            size=1,
            received_at="2020-01-03T09:00:00",
        )
        return StagedBatch(
            delivery=landed, folder=str(folder), format=fmt, counts=counts, catalog_version="x"
        )

    return build
