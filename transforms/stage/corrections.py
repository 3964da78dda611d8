"""A provider's known mistakes: each must still be there, and each row in which one was put right is told."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from catalog.correction import Correction
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.types.base_sql import quote
from quality.rules import RowRule
from transforms.stage.cells import Source
from warehouse.batch import Delivery


def corrections_of(delivery: Delivery, catalog: Catalog) -> dict[str, list[Correction]]:
    """The corrections that concern a delivery, by field."""
    found: dict[str, list[Correction]] = {}
    known = catalog.corrections.get(catalog.item(delivery.item_id).id)
    for correction in known.corrections if known else ():
        if correction.concerns(delivery.department, delivery.division, delivery.period):
            found.setdefault(correction.field, []).append(correction)
    return found


def uncorrected(name: str) -> str:
    """SQL name of a field's text before a known mistake in it was put right."""
    return f'"b_{name}"'


def expect_mistakes(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Raises `UserError` for a correction that finds less than it expects: it is out of date."""
    for name, corrections in source.corrections.items():
        field = source.item.field(name)
        cell = source.delivered_text(field)
        for c in corrections:
            row = connection.execute(
                f"SELECT count(*) FROM {source.lines} WHERE {source.below_header} AND {cell} = {quote(c.find)}"
            ).fetchone()
            found = row[0] if row else 0
            if found < c.rows:
                raise UserError(
                    f"更正“{c.id}”应在“{field.title}”中找到“{c.find}”至少{c.rows}行，实有{found}行",
                    where=f"catalog/corrections/{source.item.id}.yml",
                    remedy="报送单位已改正的，把 status 改为 closed；否则核对 find、rows 与期次，再重跑这一批",
                )


def corrected(source: Source) -> Iterator[RowRule]:
    """What is said of each row in which a known mistake was put right."""
    for name, corrections in source.corrections.items():
        for c in corrections:
            when = f"{uncorrected(name)} = {quote(c.find)}"
            message = f"已知差错，按更正“{c.id}”改为“{c.replace}”：{c.reason}"
            yield RowRule("corrected", name, "warn", when, message, uncorrected(name))
