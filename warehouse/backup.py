"""Backups of a home, each complete, each copying only what no earlier one has.

A backup folder holds `objects/<first two>/<sha256>`, every content once, and `backups/<time>-<snapshot>.json`, one
manifest per backup: path, size and SHA-256 of each file. What is backed up: the lake's catalog and every data file a kept
snapshot reads, `landing`, `reports`, `data_docs/results` and `audit`. Staged files and the inbox are not: they can be
made anew.

The key behind the pseudonyms is left out unless asked for: with it, whoever holds the backup can tell persons from their
pseudonyms. The manifest has its fingerprint, so that a restore takes no other key for it.

A catalog in PostgreSQL is backed up as SQLite's file like any other, and a restore puts it where the home wants it: so a
backup and a restore are also the way from one machine to more, and back.

No lake may be open in this process meanwhile: the engine brings its own SQLite, and when two of them have one file open
in one process, closing it in one drops the locks of the other.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalog.errors import UserError
from warehouse.batch import Delivery, Document, digest
from warehouse.datafiles import data_files
from warehouse.home import Home
from warehouse.lake import copy_catalog, writer_lock
from warehouse.lock import file_lock
from warehouse.metadata import Postgres, Sqlite, metadata
from warehouse.sealed import SUFFIX, sealed_path, undamaged
from warehouse.secret import ENVIRONMENT, identity_key

_CATALOG = "lake/catalog.sqlite"
_KEY = "secrets/identity.key"
_TREES = ("landing", "reports", "data_docs/results", "audit")
_CHUNK = 1 << 20


class Entry(Document):
    """One file of a home as it was: relative path, size in bytes, time of last change, digest."""

    path: str
    size: int
    mtime_ns: int
    sha256: str


class Manifest(Document):
    """One backup. `created_at` is the time of its catalog (UTC): what was committed later is not in it."""

    created_at: str
    snapshot: int
    home: str
    key_fingerprint: str
    files: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files)


@dataclass(frozen=True)
class BackupResult:
    """The manifest's name, the lake's snapshot in it, files and bytes in all and copied this time, seconds taken."""

    name: str
    snapshot: int
    files: int
    bytes: int
    copied_files: int
    copied_bytes: int
    seconds: float


@dataclass(frozen=True)
class RestoreResult:
    """The backup restored, the lake's snapshot in it, files and bytes written, seconds taken."""

    name: str
    snapshot: int
    files: int
    bytes: int
    seconds: float


def backup(home: Home, target: Path, *, with_key: bool = False) -> BackupResult:
    """Back up a home while loads may go on; every copy is read back and compared.

    Only the copy of the catalog holds the writers' lock. Raises `UserError` without a lake, for a target inside the home,
    and for a data file that is lost.
    """
    started = time.monotonic()
    if not metadata(home).exists():
        raise UserError("没有数据湖可备份", where=str(home.lake), remedy="核对 XTCREDIT_HOME")
    target = target.resolve()
    if target.is_relative_to(home.root):
        raise UserError("备份目录在数据目录之内，会与它一起丢失", where=str(target), remedy="换到另一块磁盘")
    home.private_dir(target)
    key = identity_key(home)
    with file_lock(target / ".lock"):
        store = _Store(target, _newest(target))
        catalog = target / ".catalog"
        try:
            with writer_lock(home):
                created = datetime.now(UTC)
                _copy_catalog(home, catalog)
            with closing(sqlite3.connect(catalog)) as copy:
                (snapshot,) = copy.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()
                wanted = _data(copy)
            # Landing after the catalog: whatever batch the catalog knows had been landed before.
            paths = [*wanted, *_tree_files(home)]
            entries = [store.keep(home.root / path, path, wanted.get(path)) for path in paths]
            entries.append(store.keep(catalog, _CATALOG, None))
        finally:
            catalog.unlink(missing_ok=True)
        if with_key:
            entries.append(store.keep_key(key))
        manifest = Manifest(
            created_at=created.isoformat(),
            snapshot=snapshot,
            home=str(home.root),
            key_fingerprint=_fingerprint(key),
            files=tuple(entries),
        )
        name = f"{created:%Y%m%dT%H%M%S%f}-{snapshot}"
        (target / "backups").mkdir(exist_ok=True)
        manifest.to_file(target / "backups" / f"{name}.json")
    seconds = time.monotonic() - started
    return BackupResult(
        name, snapshot, len(entries), manifest.size, store.copied_files, store.copied_bytes, seconds
    )


def restore(source: Path, home: Home, *, name: str | None = None) -> RestoreResult:
    """Restore the newest backup (or the one named) into an empty home, every file checked against its digest.

    An interrupted restore can be repeated. Raises `UserError` for a home that holds something, for a backup that is not
    there or damaged, and unless the key is in the backup, in `XTCREDIT_IDENTITY_KEY` or already in `secrets/`.
    """
    started = time.monotonic()
    manifests = _manifests(source)
    chosen = name or (max(manifests) if manifests else None)
    if chosen is None or chosen not in manifests:
        known = "、".join(sorted(manifests)[-5:])
        raise UserError(
            f"没有备份{f'“{name}”' if name else ''}",
            where=str(source),
            remedy=f"核对目录；已有的备份：{known or '无'}",
        )
    manifest = manifests[chosen]
    _refuse_occupied(home)
    place = metadata(home)
    if isinstance(place, Postgres) and place.exists():
        raise UserError("要恢复到的目录库里已有一个湖", where=place.place, remedy="换一个空的 PostgreSQL 库")
    home.private_dir(home.root)
    home.restoring.touch()
    for entry in manifest.files:
        if entry.path != _CATALOG:
            _bring(source, entry, home)
    for folder in (home.landing, home.lake, home.secrets):
        if folder.exists():
            home.private_dir(folder)
    _check_key(home, manifest)
    # The catalog comes last: without it the folder is no lake.
    for entry in manifest.files:
        if entry.path == _CATALOG:
            _bring(source, entry, home)
    _settle(home, Path(manifest.home), manifest.files)
    if isinstance(place, Postgres):
        file = home.root / _CATALOG
        copy_catalog(Sqlite(file), place, home.lake_data)
        file.unlink()
    home.restoring.unlink()
    return RestoreResult(
        chosen, manifest.snapshot, len(manifest.files), manifest.size, time.monotonic() - started
    )


def restore_missing(source: Path, home: Home) -> list[str]:
    """Bring back data files and landed files that are gone or damaged, and nothing else; their paths.

    What the lake has committed since the backup stays. Raises `UserError` without a backup, and naming a data file that
    none has.
    """
    newest(source)  # a wrong folder has nothing to bring back, and must not pass for a sound home
    manifests = _manifests(source)
    known: dict[str, tuple[Entry, Manifest]] = {}
    for _, manifest in sorted(manifests.items()):
        known |= {entry.path: (entry, manifest) for entry in manifest.files}
    scratch = home.scratch() / f"catalog-{os.getpid()}"
    try:
        with writer_lock(home):
            _copy_catalog(home, scratch)
        with closing(sqlite3.connect(scratch)) as catalog:
            wanted = _data(catalog)
    finally:
        scratch.unlink(missing_ok=True)
    brought, unknown = [], []
    for path, size in wanted.items():
        if path not in known:
            target = home.root / path
            if not target.is_file() or target.stat().st_size != size:
                unknown.append(path)
        elif not _same(home.root / path, known[path][0]):
            brought.append(path)
    for path, (entry, _) in known.items():
        # What was sealed since an earlier backup comes back sealed.
        if path.startswith("landing/") and path + SUFFIX not in known:
            target = home.root / path
            # A manifest beside a landed file names its own home, which need not be the backup's.
            intact = target.is_file() if target.name == "manifest.json" else _landed(target, entry)
            if not intact:
                brought.append(path)
    for path in brought:
        entry, manifest = known[path]
        _bring(source, entry, home)
        _relocate(home, Path(manifest.home), [entry])
    if unknown:
        raise UserError(
            f"{len(unknown)} 个数据文件丢失，备份中没有",
            where=unknown[0],
            remedy="用 xtcredit verify 看涉及的批次；见 docs/operations.md“数据文件丢失”",
        )
    return brought


def newest(source: Path) -> tuple[str, Manifest]:
    """The newest backup in a folder; raises `UserError` if there is none."""
    manifests = _manifests(source)
    if not manifests:
        raise UserError(
            "没有备份",
            where=str(source),
            remedy="核对目录，备份盘是否已挂载；还没有备份的先运行 xtcredit backup",
        )
    name = max(manifests)
    return name, manifests[name]


def age_seconds(manifest: Manifest) -> float:
    """Seconds since the backup's catalog was copied: work that a loss right now would cost."""
    return (datetime.now(UTC) - datetime.fromisoformat(manifest.created_at)).total_seconds()


class _Store:
    """The contents of a backup folder, and what the last backup knew of the files."""

    def __init__(self, target: Path, before: Manifest | None) -> None:
        self.target = target
        self.known = {entry.path: entry for entry in before.files} if before else {}
        self.copied_files = 0
        self.copied_bytes = 0

    def keep(self, source: Path, path: str, size: int | None) -> Entry:
        """The entry of one file, whose content is in the store afterwards. `size` is what it must have."""
        try:
            stat = source.stat()
        except FileNotFoundError:
            stat = None
        if stat is None or size not in (None, stat.st_size):
            raise UserError(
                "数据文件丢失或不完整，备份没有完成",
                where=str(source),
                remedy="先运行 xtcredit verify 并补回，再备份",
            )
        known = self.known.get(path)
        if (
            known is not None
            and path != _CATALOG
            and (known.size, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
            and _object(self.target, known.sha256).exists()
        ):
            return known
        return Entry(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=self._store(source))

    def keep_key(self, key: bytes) -> Entry:
        temporary = self.target / ".key"
        temporary.touch(mode=0o600)
        temporary.write_text(key.hex(), encoding="ascii")
        try:
            return self.keep(temporary, _KEY, None)
        finally:
            temporary.unlink()

    def _store(self, source: Path) -> str:
        temporary = self.target / f".copy.{os.getpid()}"
        stored, size = _copy(source, temporary)
        if digest(temporary) != stored:
            raise UserError("写入的备份读出来不同", where=str(self.target), remedy="检查备份盘")
        kept = _object(self.target, stored)
        if kept.exists():
            temporary.unlink()
            return stored
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o400)
        temporary.replace(kept)
        self.copied_files += 1
        self.copied_bytes += size
        return stored


def _copy_catalog(home: Home, target: Path) -> None:
    """One consistent state of the catalog, whatever its write-ahead log holds, in a single file of SQLite's."""
    target.unlink(missing_ok=True)
    source = metadata(home)
    if isinstance(source, Postgres):
        copy_catalog(source, Sqlite(target), home.lake_data)
    else:
        with closing(_read_only(home.root / _CATALOG)) as original, closing(sqlite3.connect(target)) as copy:
            original.backup(copy)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        (state,) = copy.execute("PRAGMA quick_check").fetchone()
    if state != "ok":
        raise UserError(f"湖的目录库已损坏（{state}）", where=source.place, remedy="从上一次备份恢复")


def _data(catalog: sqlite3.Connection) -> dict[str, int]:
    """Paths below the home and sizes of the data files that the catalog knows."""
    return {f"lake/data/{file.path}": file.size for file in data_files(catalog)}


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)


def _tree_files(home: Home) -> Iterator[str]:
    """Files of the other folders; names that begin with a dot are being written."""
    for tree in _TREES:
        for path in sorted((home.root / tree).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(home.root).as_posix()


def _refuse_occupied(home: Home) -> None:
    if not home.root.exists() or home.restoring.exists():
        return
    if rest := sorted(path.name for path in home.root.iterdir() if path.name != "secrets"):
        raise UserError(
            f"要恢复到的目录不是空的（{rest[0]}）",
            where=str(home.root),
            remedy="把 XTCREDIT_HOME 设为一个空目录；只补丢失的文件用 --missing",
        )


def _check_key(home: Home, manifest: Manifest) -> None:
    path = home.root / _KEY
    if not path.exists() and not os.environ.get(ENVIRONMENT):
        raise UserError(
            "备份不含身份标识密钥，没有它个人的假名无法再算",
            where=str(path),
            remedy=f"把另行保管的 identity.key 放到该处，或设置 {ENVIRONMENT}，再运行一次",
        )
    if _fingerprint(identity_key(home)) != manifest.key_fingerprint:
        raise UserError(
            "身份标识密钥不是备份时的那一把", where=str(path), remedy="换成备份时的密钥，再运行一次"
        )


def _settle(home: Home, before: Path, entries: Iterable[Entry]) -> None:
    """Tell the catalog and the manifests of landed files where they are now."""
    with closing(sqlite3.connect(home.root / _CATALOG)) as catalog, catalog:
        catalog.execute(
            "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [f"{home.lake_data}/"]
        )
    _relocate(home, before, entries)


def _relocate(home: Home, before: Path, entries: Iterable[Entry]) -> None:
    if before == home.root:
        return
    for entry in entries:
        if entry.path.startswith("landing/") and entry.path.endswith("/manifest.json"):
            path = home.root / entry.path
            delivery = Delivery.from_file(path)
            moved = home.root / Path(delivery.path).relative_to(before)
            delivery.model_copy(update={"path": str(moved)}).to_file(path)


def _bring(source: Path, entry: Entry, home: Home) -> None:
    """Write one file of the backup into the home, unless it is there already."""
    target = home.root / entry.path
    if _same(target, entry):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        brought, _ = _copy(_object(source, entry.sha256), temporary)
    except FileNotFoundError:
        brought = None
    if brought != entry.sha256:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"备份中“{entry.path}”的内容丢失或损坏",
            where=str(_object(source, entry.sha256)),
            remedy="换一份备份（--backup），或换一块备份盘",
        )
    if entry.path.startswith("landing/") and not entry.path.endswith(".json"):
        temporary.chmod(0o400)
    os.utime(temporary, ns=(entry.mtime_ns, entry.mtime_ns))
    temporary.replace(target)


def _same(path: Path, entry: Entry) -> bool:
    return path.is_file() and path.stat().st_size == entry.size and digest(path) == entry.sha256


def _landed(path: Path, entry: Entry) -> bool:
    """Whether a landed file is there whole: as it was backed up, or sealed (anew) since then."""
    if path.suffix == SUFFIX:
        return path.with_suffix("").is_file() or (path.is_file() and undamaged(path))
    sealed = sealed_path(path)
    return _same(path, entry) or (sealed.is_file() and undamaged(sealed))


def _manifests(source: Path) -> dict[str, Manifest]:
    return {path.stem: Manifest.from_file(path) for path in _manifest_files(source)}


def _newest(target: Path) -> Manifest | None:
    files = _manifest_files(target)
    return Manifest.from_file(files[-1]) if files else None


def _manifest_files(source: Path) -> list[Path]:
    """The backups' manifests, the oldest first."""
    return sorted((source / "backups").glob("[0-9]*.json"))


def _object(root: Path, sha256: str) -> Path:
    return root / "objects" / sha256[:2] / sha256


def _copy(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file to disk, past the page cache; digest and size of what was read."""
    read, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
        while chunk := reader.read(_CHUNK):
            read.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return read.hexdigest(), size


def _fingerprint(key: bytes) -> str:
    """Tells one key from another and nothing about it: 32 random bytes cannot be guessed from a digest."""
    return hashlib.sha256(b"xtcredit backup" + key).hexdigest()[:16]
