"""A backup restores the same state; it copies only what is new, while loads go on, and never the key unasked."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.errors import UserError
from transforms import steps
from warehouse.backup import Manifest, backup, newest, restore, restore_missing
from warehouse.batch import digest
from warehouse.home import Home
from warehouse.lake import Lake

from .conftest import ITEMS, KEY, load, staged

State = Callable[[Home], dict[str, str]]


def test_a_restored_home_has_the_same_state_and_is_sound(built: Home, home: Home, state: State) -> None:
    assert state(home) == state(built)
    assert steps.verify(home) == []


def test_it_goes_on_where_it_was_restored(home: Home, kept: Path, state: State) -> None:
    """The landed files' manifests and the lake's data path name the new place: a batch can be staged and loaded again."""
    before = state(home)
    (manifest,) = steps.extract("permanent_residents", "2019-12", home)
    assert manifest.startswith(str(home.root))
    load(manifest, home)
    assert state(home) == before
    with Lake(home) as lake:
        assert lake.snapshot_id() > newest(kept)[1].snapshot


def test_a_second_backup_copies_only_what_is_new(home: Home, tmp_path: Path) -> None:
    first = backup(home, tmp_path / "b")
    assert first.copied_files > 50
    steps.assess("2019-12", home)
    second = backup(home, tmp_path / "b")
    assert second.files >= first.files
    assert second.snapshot == first.snapshot + 1
    assert 1 <= second.copied_files < 15  # the catalog, and of the period's marts what is not the same bytes
    objects = [p for p in (tmp_path / "b" / "objects").rglob("*") if p.is_file()]
    for kept in objects:
        assert digest(kept) == kept.name
    assert len(objects) == first.copied_files + second.copied_files
    restore(tmp_path / "b", Home(tmp_path / "old"), name=first.name)
    with Lake(Home(tmp_path / "old")) as lake:
        assert lake.snapshot_id() == first.snapshot


def test_the_key_is_copied_only_when_asked_for(home: Home, kept: Path, tmp_path: Path, monkeypatch) -> None:
    def holds_key(folder: Path) -> bool:
        return any(KEY.encode() in p.read_bytes() for p in folder.rglob("*") if p.is_file())

    assert not holds_key(kept)
    backup(home, tmp_path / "with", with_key=True)
    assert holds_key(tmp_path / "with")
    monkeypatch.delenv("XTCREDIT_IDENTITY_KEY")
    restored = Home(tmp_path / "r1")
    restore(tmp_path / "with", restored)
    assert (restored.secrets / "identity.key").read_text("ascii") == KEY
    assert (restored.secrets / "identity.key").stat().st_mode & 0o077 == 0
    with pytest.raises(UserError, match="不含身份标识密钥"):
        restore(kept, Home(tmp_path / "r2"))
    assert not (tmp_path / "r2" / "lake" / "catalog.sqlite").exists()
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", "00" * 32)
    with pytest.raises(UserError, match="不是备份时的那一把"):
        restore(kept, Home(tmp_path / "r2"))
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", KEY)
    with pytest.raises(UserError, match="还没有做完"):
        steps.history(Home(tmp_path / "r2"))  # no lake is made in there meanwhile
    restore(kept, Home(tmp_path / "r2"))  # goes on where it stopped
    assert not (tmp_path / "r2" / ".restoring").exists()


def test_a_home_that_holds_something_is_not_restored_over(home: Home, kept: Path) -> None:
    with pytest.raises(UserError, match="不是空的"):
        restore(kept, home)


def test_no_backup_inside_the_home_and_none_without_a_lake(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="数据目录之内"):
        backup(home, home.root / "backup")
    with pytest.raises(UserError, match="没有数据湖"):
        backup(Home(tmp_path / "nothing"), tmp_path / "b")
    with pytest.raises(UserError, match="没有备份"):
        restore(tmp_path / "b", Home(tmp_path / "r"))


def test_a_damaged_copy_is_refused(home: Home, kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(kept, folder)
    _, manifest = newest(folder)
    entry = next(e for e in manifest.files if e.path.startswith("lake/data/rec"))
    broken = folder / "objects" / entry.sha256[:2] / entry.sha256
    broken.chmod(0o600)
    broken.write_bytes(b"x" * entry.size)
    with pytest.raises(UserError, match="丢失或损坏"):
        restore(folder, Home(tmp_path / "r"))
    assert not (tmp_path / "r" / "lake" / "catalog.sqlite").exists()  # no half lake


def test_a_lost_data_file_stops_the_backup_and_is_brought_back(
    home: Home, kept: Path, tmp_path: Path, state: State
) -> None:
    before = state(home)
    lost = next((home.lake / "data" / "core" / "record").rglob("*.parquet"))
    landed = next(home.landing.glob("permanent_residents/*/*/*/130500_*"))
    manifest = landed.parent / "manifest.json"
    lost.unlink()
    manifest.unlink()
    landed.chmod(0o600)
    landed.write_bytes(b"?")
    with pytest.raises(UserError, match="丢失"):
        backup(home, tmp_path / "b")
    brought = restore_missing(kept, home)
    assert sorted(brought) == sorted(p.relative_to(home.root).as_posix() for p in (lost, landed, manifest))
    assert state(home) == before
    assert steps.verify(home) == []
    assert restore_missing(kept, home) == []


def test_a_data_file_no_backup_has_is_named(home: Home, kept: Path) -> None:
    steps.assess("2019-12", home)
    with sqlite3.connect(home.lake / "catalog.sqlite") as catalog:
        (path,) = catalog.execute(
            "SELECT path FROM ducklake_data_file ORDER BY data_file_id DESC LIMIT 1"
        ).fetchone()
    next((home.lake / "data").rglob(path)).unlink()
    with pytest.raises(UserError, match="备份中没有"):
        restore_missing(kept, home)


# A process of its own: see the module's word on two SQLites in one process.
CHILD = """
import sys
from pathlib import Path
from transforms import steps
from warehouse.home import Home
for verdict in sys.argv[2:]:
    steps.load(verdict, Home(Path(sys.argv[1])))
"""


def test_a_backup_beside_loads_is_one_consistent_snapshot(home: Home, tmp_path: Path, state: State) -> None:
    """Every backup taken while batches are replaced restores to the one state that all of them make."""
    before = state(home)
    verdicts = [staged(m, home) for i in ITEMS for m in steps.extract(i, "2019-12", home)]
    loading = subprocess.Popen([sys.executable, "-c", CHILD, str(home.root), *verdicts])
    names: list[str] = []
    while loading.poll() is None or not names:
        names.append(backup(home, tmp_path / "b").name)
    assert loading.returncode == 0
    assert len({name.rpartition("-")[2] for name in names}) > 1  # snapshots
    for number, name in enumerate({names[0], names[len(names) // 2], names[-1]}):
        copy = Home(tmp_path / f"r{number}")
        restore(tmp_path / "b", copy, name=name)
        assert state(copy) == before


def test_the_drill_measures_and_compares(home: Home, tmp_path: Path, monkeypatch) -> None:
    backup(home, tmp_path / "b")
    steps.assess("2019-11", home)
    measured = steps.restore_drill(tmp_path / "b", home)
    assert measured["snapshots_behind"] == 1
    assert 0 < measured["restore_seconds"] <= measured["rto_seconds"]
    assert measured["rpo_seconds"] > 0
    assert measured["clauses"] >= 60
    assert not list((home.root / "tmp").glob("drill-*"))
    with Lake(home) as lake, lake.transaction() as tx:  # the lake says otherwise about the backup's snapshot
        tx.execute("UPDATE core.record SET versions = versions + 1")
    backup(home, tmp_path / "b")
    with pytest.raises(UserError, match="core_versions"):
        steps.restore_drill(tmp_path / "b", home)


def test_a_manifest_lists_every_file_with_its_digest(kept: Path, built: Home) -> None:
    _, manifest = newest(kept)
    assert isinstance(manifest, Manifest)
    paths = {entry.path for entry in manifest.files}
    assert "lake/catalog.sqlite" in paths
    landed = {p.relative_to(built.root).as_posix() for p in built.landing.rglob("*") if p.is_file()}
    assert landed <= paths
    assert all(len(entry.sha256) == 64 for entry in manifest.files)
