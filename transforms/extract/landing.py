"""Landing what was pulled: a file made here enters `landing/` as one that a department dropped."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from catalog.channel import Origin
from catalog.model import Item
from catalog.obligations import due_date
from catalog.period import Period
from warehouse.batch import Delivery, digest
from warehouse.home import Home
from warehouse.sealed import sealed_path, undamaged

_UNFINISHED = ".pull-"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def interval(item: Item, period: Period) -> tuple[date, date]:
    """First day of what a period of the item covers, and the day after its last."""
    return period.shift(1 - item.period_months).first_day, period.shift(1).first_day


def pulled_delivery(source: Origin, item: Item, period: Period) -> str:
    """The delivery's name of a pull: by the day it is due and its source, so that every repetition is the same batch."""
    return f"{due_date(item, period):%Y%m%d}-{source.id}"


@contextmanager
def being_pulled(source: Origin, item: Item, period: Period, home: Home) -> Iterator[Path]:
    """A path to write a pull to; removed afterwards unless it was landed, or by the next pull if this process is killed."""
    folder = home.private_dir(home.landing) / item.id / str(period) / pulled_delivery(source, item, period)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_UNFINISHED}{os.getpid()}"
    for left in folder.glob(f"{_UNFINISHED}*"):
        if not Path("/proc", left.name.removeprefix(_UNFINISHED)).exists():
            left.unlink(missing_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def land_pulled(made: Path, name: str, source: Origin, item: Item, period: Period) -> Path:
    """Move a file written by `being_pulled` to its place, immutable; the manifest's path."""
    found = digest(made)
    target = made.parent / found[:12] / name
    manifest = target.parent / "manifest.json"
    if sealed_already(target, found) or (target.is_file() and digest(target) == found and manifest.is_file()):
        return manifest
    target.parent.mkdir(exist_ok=True)
    made.chmod(0o400)
    made.replace(target)
    return Delivery(
        item_id=item.id,
        period=str(period),
        delivery=target.parent.parent.name,
        division=source.division,
        department=source.department or item.department,
        source_file=name,
        path=str(target),
        sha256=found,
        size=target.stat().st_size,
        received_at=datetime.now(UTC).replace(tzinfo=None).isoformat(),
    ).to_file(manifest)


def sealed_already(target: Path, sha256: str) -> bool:
    """Whether these bytes had been landed at `target` before and are kept there, sealed and undamaged."""
    sealed, manifest = sealed_path(target), target.parent / "manifest.json"
    if not sealed.is_file() or not manifest.is_file() or target.is_file():
        return False
    return undamaged(sealed) and Delivery.from_file(manifest).sha256 == sha256


def pack(parts: Sequence[Path], target: Path) -> None:
    """The parts of one delivery as one file, the same bytes for the same parts; each part as it was delivered."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for part in parts:
            entry = zipfile.ZipInfo(part.name, _EPOCH)
            entry.external_attr = 0o600 << 16
            with part.open("rb") as source, archive.open(entry, "w", force_zip64=True) as into:
                while block := source.read(1 << 20):
                    into.write(block)


def source_of(delivery: Delivery, item: Item) -> Origin | None:
    """The source a delivery was pulled from; None for a dropped file."""
    period = Period.parse(delivery.period)
    return next((s for s in item.sources if pulled_delivery(s, item, period) == delivery.delivery), None)
