"""From a county's number to the items, files and lines it is made of."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from catalog.divisions import CITY
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.period import Period
from transforms.assess.facts import Places
from transforms.report.figures import county_of, require_assessed
from transforms.report.publication import published
from warehouse.lake import Lake

Row = dict[str, Any]


@dataclass(frozen=True)
class Explanation:
    """A county's cumulative number, and the same by item, by file, and line by line (the first `limit`)."""

    county_name: str
    snapshot: int
    collected: int
    items: list[Row]
    files: list[Row]
    lines: list[Row]


def explain(
    lake: Lake, catalog: Catalog, county: str, period: Period, *, item: str | None = None, limit: int = 20
) -> Explanation:
    """Trace `mart.county_progress.collected` of a unit (code or name) to batches, files and lines.

    A published month is traced at its snapshot. `item` limits files and lines to one item. Raises `UserError` for an
    unknown unit, a month without assessment, and records that do not add up to the number.
    """
    with ExitStack() as stack:
        frozen = published(lake, period)
        at = lake if frozen is None else stack.enter_context(lake.at(frozen.snapshot))
        require_assessed(at, period)
        units = at.rows(
            "SELECT county_code, county_name, collected FROM mart.county_progress WHERE period = ?",
            [str(period)],
        )
        unit = county_of(units, county)
        _members(at, catalog, period, unit["county_code"])
        found = Explanation(
            unit["county_name"],
            at.snapshot_id(),
            unit["collected"],
            _items(at, catalog),
            _files(at, item),
            _lines(at, item, limit),
        )
    if sum(row["records"] for row in found.items) != found.collected:
        raise UserError(
            f"{period}考核之后又有数据入库，台账与考核结果不一致",
            remedy=f"先运行 xtcredit assess --period {period}",
        )
    return found


def _members(lake: Lake, catalog: Catalog, period: Period, unit: str) -> None:
    """`explained`: the records that the unit's number counts."""
    places = Places(catalog.divisions, period.last_day)
    pairs = lake.execute(
        "SELECT DISTINCT coalesce(county_code, ?), coalesce(division_code, '') FROM core.record WHERE first_period <= ?",
        [CITY, str(period)],
    ).fetchall()
    mine = [pair for pair in pairs if places.place(*pair).unit == unit]
    lake.connection.register(
        "explained_place", pa.table({"county": [c for c, _ in mine], "division": [d for _, d in mine]})
    )
    lake.execute(
        """
        CREATE OR REPLACE TEMP TABLE explained AS
        SELECT record.* FROM core.record AS record ANTI JOIN ref.apart USING (item_id)
        SEMI JOIN explained_place AS place
            ON place.county = coalesce(record.county_code, $city) AND place.division = coalesce(record.division_code, '')
        WHERE record.first_period <= $period
        """,
        {"period": str(period), "city": CITY},
    )


def _items(lake: Lake, catalog: Catalog) -> list[Row]:
    rows = lake.rows(
        "SELECT item_id, coalesce(county_rule, 'city') AS county_rule, count(*) AS records, min(first_period) AS first_period,"
        " max(last_period) AS last_period FROM explained GROUP BY ALL ORDER BY records DESC, item_id, county_rule"
    )
    titles = {i.id: i.title for i in catalog.items.values()}
    return [row | {"title": titles.get(row["item_id"], row["item_id"])} for row in rows]


def _files(lake: Lake, item: str | None) -> list[Row]:
    return lake.rows(
        """
        SELECT batch_id, any_value(batch.source_file) AS source_file, any_value(batch.sha256) AS sha256, count(*) AS records,
            min(explained.row_number) AS first_line, max(explained.row_number) AS last_line
        FROM explained LEFT JOIN ops.batch AS batch USING (batch_id)
        WHERE $item IS NULL OR explained.item_id = $item
        GROUP BY batch_id ORDER BY records DESC, batch_id
        """,
        {"item": item},
    )


def _lines(lake: Lake, item: str | None, limit: int) -> list[Row]:
    return lake.rows(
        """
        SELECT batch.source_file, explained.row_number, explained.item_id, county_rule, first_period, versions, record_key::VARCHAR AS record_key
        FROM explained LEFT JOIN ops.batch AS batch USING (batch_id)
        WHERE $item IS NULL OR explained.item_id = $item
        ORDER BY explained.item_id, batch_id, explained.row_number LIMIT $limit
        """,
        {"item": item, "limit": limit},
    )
