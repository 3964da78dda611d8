"""Files that departments drop into the inbox, and files handed over on the command line."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from catalog.errors import PassingError, UserError
from catalog.model import Item
from catalog.period import Period
from catalog.personal import redact
from transforms.extract.landing import pack, sealed_already
from warehouse.batch import Delivery, digest
from warehouse.home import Home
from warehouse.sealed import clear_digest, is_kept, sealed_path

_NAME = re.compile(
    r"(?P<division>\d{6})_(?P<department>[a-z0-9]+)_(?P<item>[a-z0-9_]+?)_(?P<date>\d{8})_(?P<number>\d{2,4})(?:-(?P<part>\d{1,3}))?"
)
CONVENTION = "区划_部门_目录_年月日_序号"
"""What a name is made of, in words."""
MARKER = ".ok"
"""Ending, in whatever case, of the marker that says that a delivery is complete; its lines, if any, name the files, with size and SHA-256."""
_BEING_WRITTEN = (".part", ".filepart", ".tmp")  # WinSCP writes .filepart
_PART = re.compile(r"-\d{1,3}$")
RETURN = "return"
"""What stands in the item's place in the name of a monthly return (报送情况月报表)."""


@dataclass(frozen=True)
class MonthlyReturn:
    """A landed return: whose it is, and the day and number by which a later one replaces it."""

    division: str
    department: str
    dated: str
    """The day as the name has it, eight digits; there may be no such day."""
    number: str
    sha256: str
    path: Path
    """The landed copy; the original name is its name."""

    @property
    def day(self) -> date:
        """Raises `UserError` for a date that does not exist."""
        day = day_named(self.path.name)
        assert day is not None
        return day


def extract_drop(item: Item, period: Period, home: Home, into: Home | None = None) -> list[Path]:
    """Land every file of the item in `inbox/<period>/`; returns the manifests' paths in delivery order.

    `into` is another home to land them in. Landing the same bytes again changes nothing. Left alone are files being written
    (names starting with `.`, ending in `.part`, `.filepart` or `.tmp`) and deliveries of several parts (`..._01-1`, `..._01-2`) whose
    marker (`..._01.ok`) is not there yet; the parts of one delivery are landed as one zip.
    """
    folder = home.inbox / str(period)
    names = [path.name for path in _lying_in(folder) if path.is_file()]
    found = [
        land_delivery(
            [folder / name for name in files], folder / marker if marker else None, item, period, into or home
        )
        for files, marker in deliveries(names, item.id)
    ]
    return sorted(found, key=lambda manifest: Delivery.from_file(manifest).delivery)


def deliveries(
    names: Iterable[str], item_id: str, *, marked: bool = False
) -> Iterator[tuple[list[str], str | None]]:
    """The complete deliveries of an item among the names of a folder: its files in order, and its marker if it has one.

    With `marked`, a delivery without a marker is not complete.
    """
    found: dict[str, list[str]] = {}
    markers: dict[str, str] = {}
    for name in sorted(names):
        match = _named(name)
        if not match or match["item"] != item_id or _unfinished(Path(name)):
            continue
        whole = match[0].removesuffix(f"-{match['part']}")
        if _is_marker(name):
            markers[whole] = name
        else:
            # Two files of one name but different endings are two, of which `collect` takes neither; parts are one.
            found.setdefault(whole if match["part"] else name, []).append(name)
    for key, files in found.items():
        whole = _bare(key)
        if whole in markers or not (marked or _is_part(files[0])):
            yield sorted(files, key=_part), markers.get(whole)


def land_delivery(files: Sequence[Path], marker: Path | None, item: Item, period: Period, home: Home) -> Path:
    """Land the files of one delivery as one; the manifest's path. One that is not what its marker lists is landed as refused."""
    refused = _unlike(files, marker) if marker else None
    if not _is_part(files[0].name):
        return land(files[0], item, period, home, refused=refused)
    whole = _PART.sub("", _bare(files[0].name))
    with tempfile.TemporaryDirectory(dir=home.scratch()) as folder:
        packed = Path(folder) / f"{whole}.zip"
        pack(files, packed)
        newest = max(path.stat().st_mtime for path in files)
        os.utime(packed, (newest, newest))
        return land(packed, item, period, home, refused=refused)


def _unlike(files: Sequence[Path], marker: Path) -> str | None:
    """In what the files differ from those their marker lists."""
    text = marker.read_bytes().decode("utf-8-sig", "replace")
    listed = [line.split() for line in text.splitlines() if line.strip()]
    by_name = {path.name: path for path in files}
    for name, *facts in listed:
        path = by_name.get(name)
        wrong = path is None
        for fact in facts:
            if path and fact.isdecimal() and len(fact) < 64:
                wrong |= path.stat().st_size != int(fact)
            elif path:
                wrong |= digest(path) != fact.lower()
        if wrong:
            return f"标记文件 {marker.name} 所列的“{name}”没有送来，或大小、摘要不同"
    if listed and len(listed) != len(files):
        return f"标记文件 {marker.name} 列了 {len(listed)} 个文件，实有 {len(files)} 个"
    return None


def _lying_in(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is none."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _bare(name: str) -> str:
    """A name without its endings (`.csv`, `.csv.gz`, `.ok`), which say nothing."""
    return name.partition(".")[0]


def _named(name: str) -> re.Match[str] | None:
    """What a name by the convention says."""
    return _NAME.fullmatch(_bare(name))


def _is_marker(name: str) -> bool:
    return name.lower().endswith(MARKER)


def _is_part(name: str) -> bool:
    return bool(_PART.search(_bare(name)))


def _part(name: str) -> int:
    match = _named(name)
    return int(match["part"] or 0) if match else 0


def extract_returns(period: Period, home: Home) -> list[MonthlyReturn]:
    """Land every monthly return in `inbox/<period>/` (`<division>_<department>_return_<yyyymmdd>_<no>`), by day and number."""
    folder = home.inbox / str(period)
    names = [path.name for path in _lying_in(folder) if path.is_file()]
    found = []
    for name in (name for files, _ in deliveries(names, RETURN) for name in files):
        match = _named(name)
        assert match is not None
        target, sha256 = _keep(folder / name, home.private_dir(home.landing) / RETURN / str(period))
        found.append(
            MonthlyReturn(
                match["division"], match["department"], match["date"], match["number"], sha256, target
            )
        )
    return sorted(found, key=lambda r: (r.dated, r.number, r.path.name))


def unclaimed(period: Period, items: Container[str], home: Home) -> list[Path]:
    """What lies in `inbox/<period>/` and is taken by nobody: folders, names not by the convention, items that are not among
    `items`. Files being written, and parts that wait for their marker, are not yet to be told.
    """
    return [
        path
        for path in _lying_in(home.inbox / str(period))
        if not _unfinished(path) and not _is_claimed(path, items)
    ]


def _is_claimed(path: Path, items: Container[str]) -> bool:
    match = _named(path.name)
    return path.is_file() and match is not None and (match["item"] == RETURN or match["item"] in items)


def day_named(name: str) -> date | None:
    """The day in a name by the convention; None for any other name. Raises `UserError` for a date that does not exist."""
    match = _named(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match["date"], "%Y%m%d").date()  # noqa: DTZ007 - a day, no instant
    except ValueError as error:
        raise UserError("文件名中的日期不存在", where=name, remedy="写成八位年月日，例如 20200105") from error


def land(source: Path, item: Item, period: Period, home: Home, *, refused: str | None = None) -> Path:
    """Copy one file to landing, with its manifest; a name by the convention gives division, department and delivery.

    With `refused`, it is landed as one that is not taken. Raises `UserError` for a missing file, one whose name says that it
    is another item's, or holds a personal number.
    """
    if not source.is_file():
        raise UserError("文件不存在", where=str(source), remedy="核对路径")
    if redact(source.name) != source.name:
        # The name becomes part of paths, of the batch's name and of reports.
        raise UserError("文件名中有个人号码", where=str(source), remedy="改名后再报送")
    match = _named(source.name)
    if match and match["item"] != item.id:
        raise UserError(
            f"文件名表明它属于目录“{match['item']}”，不是“{item.id}”",
            where=source.name,
            remedy="改用对应的目录，或改正文件名",
        )
    delivery = _delivery(match, item) if match else _slug(source.stem)
    size = source.stat().st_size
    target, sha256 = _keep(source, home.private_dir(home.landing) / item.id / str(period) / delivery)
    manifest = target.parent / "manifest.json"
    if _stands(manifest, refused):
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
        size=size,
        received_at=datetime.fromtimestamp(source.stat().st_mtime, UTC).replace(tzinfo=None).isoformat(),
        refused=refused,
    ).to_file(manifest)


def clear_inbox(home: Home, before: datetime) -> int:
    """Remove from the inbox what was landed before a time and is kept sealed, byte for byte; how many files.

    Only what can be proven with the vault's key is removed; monthly returns, which hold no person's data, stay.
    """
    removed = 0
    for folder in sorted(home.inbox.glob("????-??")):
        kept = dict(_sealed_before(home, folder.name, before))
        names = [path.name for path in folder.iterdir() if path.is_file()] if kept else []
        for item in {match["item"] for name in names if (match := _named(name))}:
            for files, marker in deliveries(names, item):
                paths = [folder / name for name in files]
                landed = _landed_digest(paths, home)
                sealed = kept.get(landed)
                if sealed is not None and clear_digest(sealed, home) == landed:
                    for path in (*paths, *([folder / marker] if marker else ())):
                        path.unlink()
                        removed += 1
    return removed


def _sealed_before(home: Home, period: str, before: datetime) -> Iterator[tuple[str, Path]]:
    """The sealed files of the period that were landed before a time, each after the digest of what it holds."""
    for manifest in home.landing.glob(f"*/{period}/*/*/manifest.json"):
        delivery = Delivery.from_file(manifest)
        sealed = sealed_path(Path(delivery.path))
        if sealed.is_file() and datetime.fromtimestamp(manifest.stat().st_mtime, UTC) < before:
            yield delivery.sha256, sealed


def _landed_digest(files: Sequence[Path], home: Home) -> str:
    """The digest that the files of one delivery were landed with."""
    if not _is_part(files[0].name):
        return digest(files[0])
    with tempfile.TemporaryDirectory(dir=home.scratch()) as folder:
        packed = Path(folder) / "packed.zip"
        pack(files, packed)
        return digest(packed)


def _delivery(match: re.Match[str], item: Item) -> str:
    """Day, number and place; and who, where the item is not one department's alone."""
    place = f"{match['date']}-{match['number']}-{match['division']}"
    return place if match["department"] == item.department else f"{place}-{match['department']}"


def _keep(source: Path, folder: Path) -> tuple[Path, str]:
    """Copy a file into `folder/<digest>/`, immutable; the copy and the digest. A copy that is whole is not made again."""
    before = source.stat()
    found = digest(source)
    home = folder / found[:12]
    target = home / source.name
    if not sealed_already(target, found) and (not target.is_file() or digest(target) != found):
        home.mkdir(parents=True, exist_ok=True)
        temporary = home / f".{source.name}.{os.getpid()}"
        try:
            shutil.copyfile(source, temporary)
            after = source.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise PassingError("文件正在写入", where=source.name, remedy="等写完后重跑这一步")
            temporary.chmod(0o400)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target, found


def _stands(manifest: Path, refused: str | None) -> bool:
    """Whether a manifest is there, whole, says the same, and names a landed copy that is there (a restored home may lie elsewhere)."""
    try:
        found = Delivery.from_file(manifest)
    except UserError:
        return False
    return found.refused == refused and is_kept(Path(found.path))


def _unfinished(path: Path) -> bool:
    return path.name.startswith((".", "~$")) or path.suffix in _BEING_WRITTEN


def _slug(stem: str) -> str:
    """A delivery's name from any file name: no separators that a path or an identifier would read otherwise."""
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "file"
