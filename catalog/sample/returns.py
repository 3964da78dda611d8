"""Monthly returns beside generated deliveries: what each provider says it produced, most of it nothing."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from catalog.loader import Catalog
from catalog.model import Item
from catalog.obligations import Provider, is_owed, providers
from catalog.period import Period
from catalog.sample.draw import Draw

HEADER = ("目录编号", "目录名称", "产生数", "说明")
_SILENT, _CONCEALING = 12, 15
"""One provider in so many sends no return; one in so many declares a little more than it delivered."""


def write_returns(
    catalog: Catalog,
    out: Path,
    items: Sequence[Item],
    period: Period,
    accepted: Mapping[tuple[str, Provider], int],
    seed: int,
) -> list[Path]:
    """Write a return for most who owe any of `items` in the period; `accepted` are the rows that count, by item and provider."""
    owed: dict[Provider, list[Item]] = {}
    for item in items:
        if is_owed(item, period):
            for provider in providers(item, catalog, period):
                owed.setdefault(provider, []).append(item)
    due = period.shift(1)
    written = []
    for provider, own in owed.items():
        draw = Draw(f"return/{seed}/{provider.county_code}/{provider.department}")
        delivered = any((item.id, provider) in accepted for item in own)
        if not delivered and draw.of("silent").one(_SILENT) == 0:
            continue
        more = 1 + draw.of("more").one(9) if draw.of("conceals").one(_CONCEALING) == 0 else 0
        name = f"{provider.county_code}_{provider.department}_return_{due.year:04d}{due.month:02d}05_01.csv"
        path = out / str(period) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for item in own:
                count = accepted.get((item.id, provider), 0)
                produced = count + more if count else 0
                writer.writerow((item.code, item.title, produced, "" if produced else "本期未产生"))
        written.append(path)
    return written
