"""Files that departments drop into the inbox, and files handed over on the command line."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from catalog.errors import UserError
from catalog.model import Item
from catalog.period import Period
from catalog.personal import redact
from warehouse.batch import Delivery, digest
from warehouse.home import Home

_NAME = re.compile(
    r"(?P<division>\d{6})_(?P<department>[a-z0-9]+)_(?P<item>[a-z0-9_]+?)_(?P<date>\d{8})_(?P<number>\d{2,4})"
)
RETURN = "return"
"""What stands in the item's place in the name of a monthly return (报送情况月报表)."""


@dataclass(frozen=True)
class MonthlyReturn:
    """A landed return: whose it is, and the day and number by which a later one replaces it."""

    division: str
    department: str
    day: date
    number: str
    sha256: str
    path: Path
    """The landed copy; the original name is its name."""


def extract_drop(item: Item, period: Period, home: Home, into: Home | None = None) -> list[Path]:
    """Land every file of the item in `inbox/<period>/`; returns the manifests' paths in delivery order.

    `into` is another home to land them in. Landing the same bytes again changes nothing. Files being written (names starting with `.`, ending in `.part` or
    `.tmp`) are left alone.
    """
    found = [land(path, item, period, into or home) for path, _ in _dropped(item.id, period, home)]
    return sorted(found, key=lambda manifest: Delivery.from_file(manifest).delivery)


def extract_returns(period: Period, home: Home) -> list[MonthlyReturn]:
    """Land every monthly return in `inbox/<period>/` (`<division>_<department>_return_<yyyymmdd>_<no>`), by day and number.

    Raises `UserError` for a date in a name that is none.
    """
    found = []
    for path, match in _dropped(RETURN, period, home):
        try:
            day = datetime.strptime(match["date"], "%Y%m%d").date()  # noqa: DTZ007 - a day, no instant
        except ValueError as error:
            raise UserError(
                "文件名中的日期不存在", where=path.name, remedy="写成八位年月日，例如 20200105"
            ) from error
        target, sha256 = _keep(path, home.private_dir(home.landing) / RETURN / str(period))
        found.append(
            MonthlyReturn(match["division"], match["department"], day, match["number"], sha256, target)
        )
    return sorted(found, key=lambda r: (r.day, r.number, r.path.name))


def _dropped(item: str, period: Period, home: Home) -> Iterator[tuple[Path, re.Match[str]]]:
    """Finished files of the period's inbox whose name says that they are of `item`."""
    folder = home.inbox / str(period)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _NAME.fullmatch(path.stem)
        if match and match["item"] == item and path.is_file() and not _unfinished(path):
            yield path, match


def land(source: Path, item: Item, period: Period, home: Home) -> Path:
    """Copy one file to landing, with its manifest; a name by the convention gives division, department and delivery.

    Raises `UserError` for a missing file, one whose name says that it is another item's, or holds a personal number.
    """
    if not source.is_file():
        raise UserError("文件不存在", where=str(source), remedy="核对路径")
    if redact(source.name) != source.name:
        # The name becomes part of paths, of the batch's name and of reports.
        raise UserError("文件名中有个人号码", where=str(source), remedy="改名后再报送")
    match = _NAME.fullmatch(source.stem)
    if match and match["item"] != item.id:
        raise UserError(
            f"文件名表明它属于目录“{match['item']}”，不是“{item.id}”",
            where=source.name,
            remedy="改用对应的目录，或改正文件名",
        )
    delivery = _delivery(match, item) if match else _slug(source.stem)
    target, sha256 = _keep(source, home.private_dir(home.landing) / item.id / str(period) / delivery)
    manifest = target.parent / "manifest.json"
    if _stands(manifest):
        return manifest
    return Delivery(
        item_id=item.id,
        period=str(period),
        delivery=delivery,
        division=match["division"] if match else None,
        department=match["department"] if match else item.department,
        source_file=source.name,
        path=str(target),
        sha256=sha256,
        size=target.stat().st_size,
        received_at=datetime.fromtimestamp(source.stat().st_mtime, UTC).replace(tzinfo=None).isoformat(),
    ).to_file(manifest)


def _delivery(match: re.Match[str], item: Item) -> str:
    """Day, number and place; and who, where the item is not one department's alone."""
    place = f"{match['date']}-{match['number']}-{match['division']}"
    return place if match["department"] == item.department else f"{place}-{match['department']}"


def _keep(source: Path, folder: Path) -> tuple[Path, str]:
    """Copy a file into `folder/<digest>/`, immutable; the copy and the digest. A copy that is whole is not made again."""
    found = digest(source)
    home = folder / found[:12]
    target = home / source.name
    if not target.is_file() or digest(target) != found:
        home.mkdir(parents=True, exist_ok=True)
        temporary = home / f".{source.name}.{os.getpid()}"
        try:
            shutil.copyfile(source, temporary)
            temporary.chmod(0o400)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target, found


def _stands(manifest: Path) -> bool:
    """Whether a manifest is there, whole, and names a landed copy that is there (a restored home may lie elsewhere)."""
    try:
        return Path(Delivery.from_file(manifest).path).is_file()
    except UserError:
        return False


def _unfinished(path: Path) -> bool:
    return path.name.startswith((".", "~$")) or path.suffix in (".part", ".tmp")


def _slug(stem: str) -> str:
    """A delivery's name from any file name: no separators that a path or an identifier would read otherwise."""
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "file"
