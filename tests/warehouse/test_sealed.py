"""Landed files at rest: sealed after judgment, read as before with the key, found out when touched, and nobody's without it."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from quality.audit.files import CHECKS
from transforms import steps
from warehouse import sealed
from warehouse.backup import backup, restore, restore_missing
from warehouse.batch import Delivery, StagedBatch, Verdict
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.sealed import clear_copy, clear_digest, clear_size, sealed_path, undamaged
from warehouse.vault import allow_unsealing

ITEM = "lawyers"
MONTH = "2019-12"
KEY = "7c" * 32


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", KEY)


def load(manifest: str, home: Home) -> None:
    batch = StagedBatch.from_file(Path(steps.stage(manifest, home)))
    verdict = Verdict(batch=batch, status="loaded", findings=())
    steps.load(str(verdict.to_file(Path(batch.folder) / "verdict.json")), home)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A loaded home and a backup of it: making a lake takes seconds, restoring one does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", KEY)
        folder = tmp_path_factory.mktemp("sealed")
        home = Home(folder / "home")
        generate(
            load_catalog(),
            home.inbox,
            items=[ITEM],
            periods=[Period.parse(MONTH)],
            rows=30,
            seed=8,
            fault_share=0.1,
        )
        for manifest in steps.extract(ITEM, MONTH, home):
            load(manifest, home)
        backup(home, folder / "kept")
        return home.inbox, folder / "kept"


@pytest.fixture
def home(made, tmp_path):
    inbox, kept = made
    home = Home(tmp_path / "home")
    restore(kept, home)
    shutil.copytree(inbox, home.inbox)
    return home


@pytest.fixture
def closed(home):
    """The home after its upkeep: sealed. Its manifest and what had been delivered."""
    (manifest,) = home.landing.glob(f"{ITEM}/*/*/*/manifest.json")
    path = Path(Delivery.from_file(manifest).path)
    told = path.read_bytes()
    assert steps.maintain(home)["sealed"] == 1
    return home, manifest, path, told


def violated(home: Home) -> dict[str, list]:
    with Lake(home) as lake:
        found = {name: list(check(lake)) for name, (_, check) in CHECKS.items() if name.startswith("files_")}
    return {name: rows for name, rows in found.items() if rows}


def state(home: Home) -> dict[str, str]:
    with Lake(home) as lake:
        return steps.state_hash(lake)


def test_what_was_judged_is_sealed_and_reads_as_before(closed):
    home, manifest, path, told = closed
    assert not path.exists()
    assert told[:40] not in sealed_path(path).read_bytes()
    with clear_copy(Delivery.from_file(manifest), home, home.root / "scratch") as copy:
        assert copy.read_bytes() == told
        assert copy.name == path.name
        assert copy.stat().st_mode & 0o077 == 0
    assert [p for p in home.root.rglob(path.name) if "inbox" not in p.parts] == []
    assert violated(home) == {}
    assert steps.maintain(home)["sealed"] == 0


def test_replay_and_a_second_delivery_of_the_same_bytes_change_nothing(closed):
    home, manifest, path, _ = closed
    before = state(home)
    load(str(manifest), home)
    assert state(home) == before
    assert steps.extract(ITEM, MONTH, home) == [str(manifest)]
    assert not path.exists()
    assert state(home) == before


def test_an_unjudged_file_waits(closed):
    home, _, _, told = closed
    other = home.root / "另一份.csv"
    other.write_bytes(told)
    manifest = Path(steps.hand_over(other, ITEM, MONTH, home))
    assert steps.maintain(home)["sealed"] == 0
    old = time.time() - 4 * 86400
    os.utime(manifest, (old, old))
    assert steps.maintain(home)["sealed"] == 1
    with clear_copy(Delivery.from_file(manifest), home, home.root / "scratch") as copy:
        assert copy.read_bytes() == told


def test_a_refused_file_is_sealed_and_leaves_nothing_staged(home, tmp_path):
    bad = tmp_path / "坏.csv"
    bad.write_text("不认识的列,另一列\n130521197001010017,x\n", encoding="utf-8")
    manifest = steps.hand_over(bad, ITEM, "2019-11", home)
    with pytest.raises(UserError):
        steps.stage(manifest, home)
    assert not list(home.staged.rglob("*.parquet"))
    steps.maintain(home)
    assert not Path(Delivery.from_file(Path(manifest)).path).exists()


def test_one_altered_byte_is_found(closed):
    home, manifest, path, _ = closed
    target = sealed_path(path)
    target.chmod(0o600)
    whole = target.read_bytes()
    for place in (0, 3, 12, 40, len(whole) // 2, -40, -1):
        raw = bytearray(whole)
        raw[place] ^= 1
        target.write_bytes(raw)
        assert not undamaged(target), place
        assert "files_landing" in violated(home), place
        # Whoever sets the outer digest right is told by the key's tags.
        target.write_bytes(raw[:-32] + hashlib.sha256(raw[:-32]).digest())
        if place != -1:
            delivery = Delivery.from_file(manifest)
            with pytest.raises(UserError), clear_copy(delivery, home, home.root / "scratch"):
                pass
    assert not list((home.root / "scratch").rglob("*.csv"))


def test_a_missing_sealed_file_is_told_and_comes_back_from_a_backup(closed, tmp_path):
    home, _, path, _ = closed
    backup(home, tmp_path / "kept")
    target = sealed_path(path)
    target.unlink()
    assert "files_landing" in violated(home)
    restore_missing(tmp_path / "kept", home)
    assert violated(home) == {}
    assert not path.exists()


def test_a_backup_from_before_brings_back_no_clear_file(home, tmp_path):
    backup(home, tmp_path / "kept")
    (path,) = [Path(Delivery.from_file(m).path) for m in home.landing.glob("*/*/*/*/manifest.json")]
    steps.maintain(home)
    assert restore_missing(tmp_path / "kept", home) == []
    assert not path.exists()
    backup(home, tmp_path / "kept")
    copy = Home(tmp_path / "copy")
    restore(tmp_path / "kept", copy)
    assert violated(copy) == {}
    (manifest,) = copy.landing.glob("*/*/*/*/manifest.json")
    load(str(manifest), copy)
    assert state(copy) == state(home)


def test_rotation_seals_anew_and_the_old_key_opens_nothing(closed):
    home, manifest, path, told = closed
    before = sealed_path(path).read_bytes()
    values, files = steps.rotate_vault(home)
    assert (values > 0, files) == (True, 1)
    assert sealed.sealed_with(sealed_path(path)) not in before[8:16].decode()
    with clear_copy(Delivery.from_file(manifest), home, home.root / "scratch") as copy:
        assert copy.read_bytes() == told
    assert violated(home) == {}
    assert not (home.audit / "landing.keys").exists()
    # The key in force before is the derived one: it opens what was, and not what is.
    (home.secrets / "vault.key").unlink()
    (home.audit / "vault.fingerprint").unlink()
    assert clear_digest(sealed_path(path), home) is None


def test_a_load_that_waited_for_a_rotation_seals_with_the_new_key(home, monkeypatch):
    exclusive = Lake.exclusive

    @contextmanager
    def after_a_rotation(lake):
        monkeypatch.setattr(Lake, "exclusive", exclusive)
        steps.rotate_vault(home)
        with lake.exclusive() as transaction:
            yield transaction

    (manifest,) = home.landing.glob("*/*/*/*/manifest.json")
    monkeypatch.setattr(Lake, "exclusive", after_a_rotation)
    load(str(manifest), home)
    with Lake(home) as lake:
        assert allow_unsealing(lake)
        both = "SELECT count(*), count(xt_unseal(number, pseudonym)) FROM vault.identifier"
        numbers, opened = lake.execute(both).fetchall()[0]
    assert numbers == opened > 0


def test_an_interrupted_rotation_loses_nothing(closed, monkeypatch):
    home, manifest, _path, told = closed
    with monkeypatch.context() as patch:
        patch.setattr(steps, "reseal", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            steps.rotate_vault(home)
    with clear_copy(Delivery.from_file(manifest), home, home.root / "scratch") as copy:
        assert copy.read_bytes() == told
    assert (home.audit / "landing.keys").exists()
    assert steps.maintain(home)["sealed"] == 1
    assert not (home.audit / "landing.keys").exists()
    assert violated(home) == {}


def test_without_the_key_only_reading_the_original_fails(closed):
    home, manifest, _, _ = closed
    steps.rotate_vault(home)
    (home.secrets / "vault.key").unlink()
    assert violated(home) == {}
    with pytest.raises(UserError, match="找不到封存它的号码库密钥"):
        steps.stage(str(manifest), home)
    steps.integrate(home)
    steps.assess(MONTH, home)
    result = steps.maintain(home)
    assert (result["sealed"], result["inbox"]) == (0, 0)


def test_without_the_key_nothing_is_sealed_and_upkeep_says_how_much(home):
    steps.rotate_vault(home)
    (home.secrets / "vault.key").unlink()
    assert steps.maintain(home)["unsealed"] == 1


def test_the_inbox_is_cleared_of_what_is_sealed_and_old_enough(closed, monkeypatch):
    home, manifest, _, _ = closed
    delivered = [p for p in (home.inbox / MONTH).iterdir() if ITEM in p.name]
    stray = home.inbox / MONTH / f"130500_sfj_{ITEM}_20200104_09.csv"
    stray.write_text("never landed", encoding="utf-8")
    assert steps.maintain(home)["inbox"] == 0
    old = time.time() - 91 * 86400
    os.utime(manifest, (old, old))
    assert steps.maintain(home)["inbox"] == len(delivered) == 1
    assert stray.exists()
    assert not delivered[0].exists()
    before = state(home)
    load(str(manifest), home)
    assert state(home) == before


def test_an_original_that_cannot_be_proven_stays_in_the_inbox(closed):
    home, manifest, path, _ = closed
    old = time.time() - 91 * 86400
    os.utime(manifest, (old, old))
    home.private_dir(home.secrets)
    (home.secrets / "vault.key").write_text("ab" * 64, "ascii")
    assert clear_digest(sealed_path(path), home) is None
    assert steps.maintain(home)["inbox"] == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_in_chunks_of_any_size(tmp_path, content, chunk):
    home = Home(tmp_path / "home")
    path = home.private_dir(home.root / "x") / "a.bin"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "_CHUNK", chunk)
        path.write_bytes(content)
        key = sealed.vault_key(home)
        sealed._seal(path, path, key, home, hashlib.sha256(content).hexdigest())
        target = sealed_path(path)
        assert not path.exists()
        assert undamaged(target)
        assert clear_size(target) == len(content)
        assert clear_digest(target, home) == hashlib.sha256(content).hexdigest()
        # A whole chunk cut off the end is no shorter file, even with the outer digest set right.
        raw = target.read_bytes()[:-32]
        if len(content) > chunk:
            short = raw[: -(len(content) % chunk or chunk) - 16]
            target.chmod(0o600)
            target.write_bytes(short + hashlib.sha256(short).digest())
            with pytest.raises(UserError):
                clear_digest(target, home)
        target.unlink()
