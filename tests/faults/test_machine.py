"""The machine fails a step: it says what to do, nothing loaded is lost, and running the step again is the whole cure."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import PassingError, UserError
from catalog.loader import Catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse import load as load_module
from warehouse.batch import Delivery
from warehouse.home import Home
from warehouse.lake import Lake

ITEM, PERIOD = "lawyers", "2019-12"
PERIODS = Period.parse_range("2019-10:2019-12")


def landed(home: Home) -> str:
    (manifest,) = steps.extract(ITEM, PERIOD, home)
    return manifest


def loaded(home: Home) -> dict[str, int]:
    return steps.load(steps.judge(steps.stage(landed(home), home), home), home)


def state(home: Home) -> dict[str, str]:
    with Lake(home) as lake:
        return steps.state_hash(lake, ("rec", "core", "ops"))


def refusals(home: Home) -> list[tuple[Any, ...]]:
    with Lake(home) as lake:
        return lake.execute("SELECT step, message FROM ops.outcome ORDER BY ALL").fetchall()


def assert_told(error: UserError, *words: str) -> None:
    said = str(error)
    assert "\n" not in said
    assert "处理办法：" in said
    for word in words:
        assert word in said, said


# -- files that are not what they were ---------------------------------------------------------------------------------


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[: len(data) * 2 // 3])


def flip(path: Path, at: float = 0.5) -> None:
    """One bit of the file, size and time as before."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [truncate, flip, os.unlink], ids=["truncated", "bit flipped", "gone"])
def test_a_landed_file_that_changed_is_not_read_and_lands_again(
    home: Home, harm: Callable[[Path], None]
) -> None:
    manifest = landed(home)
    before = Path(Delivery.from_file(Path(manifest)).path)
    bytes_before = before.read_bytes()
    harm(before)
    with pytest.raises(UserError) as refused:
        steps.stage(manifest, home)
    assert_told(refused.value, before.name, "从 extract 步骤起重跑")
    assert [step for step, _ in refusals(home)] == ["stage"]
    assert landed(home) == manifest
    assert before.read_bytes() == bytes_before
    assert loaded(home)["new"] > 0


@pytest.mark.parametrize("harm", [truncate, os.unlink], ids=["damaged", "missing"])
def test_a_manifest_that_is_damaged_or_missing_is_written_again(
    home: Home, harm: Callable[[Path], None]
) -> None:
    manifest = Path(landed(home))
    before = manifest.read_bytes()
    harm(manifest)
    with pytest.raises(UserError) as refused:
        steps.stage(str(manifest), home)
    assert_told(refused.value, "清单", "从 extract 步骤起重跑")
    assert landed(home) == str(manifest)
    assert manifest.read_bytes() == before
    assert loaded(home)["new"] > 0


@pytest.mark.parametrize("name", ["staged", "quarantine"])
@pytest.mark.parametrize("harm", [truncate, flip], ids=["truncated", "bit flipped"])
@pytest.mark.parametrize("at", ["judge", "load"])
def test_a_corrupt_staged_file_reaches_neither_verdict_nor_lake(
    home: Home, name: str, harm: Callable[[Path], None], at: str
) -> None:
    staged = Path(steps.stage(landed(home), home))
    step, given = steps.judge, str(staged)
    if at == "load":
        step, given = steps.load, steps.judge(given, home)
        before = state(home)
    harm(staged.with_name(f"{name}.parquet"))
    with pytest.raises(UserError) as refused:
        step(given, home)
    assert_told(refused.value, "暂存文件已损坏", f"{name}.parquet", "从 stage 步骤起重跑")
    if at == "load":
        assert {k: v for k, v in state(home).items() if k != "ops.outcome"} == {
            k: v for k, v in before.items() if k != "ops.outcome"
        }
    assert loaded(home)["new"] > 0


# -- no room, no permission --------------------------------------------------------------------------------------------


@contextmanager
def file_size_limit(bytes_: int) -> Iterator[None]:
    """No file may grow beyond this: a quota as the kernel enforces it, open to any user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("at", ["extract", "stage", "load", "integrate"])
def test_a_quota_stops_a_step_and_costs_nothing_else(home: Home, at: str) -> None:
    calls: dict[str, Callable[[], object]] = {}
    before: dict[str, str] = {}
    if at == "extract":
        calls[at] = lambda: landed(home)
    elif at == "stage":
        manifest = landed(home)
        calls[at] = lambda: steps.stage(manifest, home)
    else:
        verdict = steps.judge(steps.stage(landed(home), home), home)
        if at == "integrate":
            steps.load(verdict, home)
        before = state(home)
        calls[at] = (lambda: steps.load(verdict, home)) if at == "load" else (lambda: steps.integrate(home))
    with file_size_limit(600), pytest.raises(PassingError) as refused:
        calls[at]()
    assert_told(refused.value, "超出配额", "df -h")
    if before:
        assert state(home) == before  # and no refusal is recorded: the file is not at fault
    assert calls[at]()
    assert loaded(home)["new"] > 0
    assert not [p for p in home.landing.rglob(".*") if p.is_file()]


MOUNTED = """
import os, subprocess, sys
from pathlib import Path
from catalog.errors import PassingError
from catalog.loader import load_catalog
from quality.audit import files as audited_files
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake

sys.path.insert(0, {tests!r})
from conftest import cut_down, files_of
small = cut_down(load_catalog(), ["lawyers"])
steps.load_catalog = lambda: small
audited_files.ROOT = files_of(small, Path({files!r}))
disk, inbox, kind = Path({disk!r}), Path({inbox!r}), {kind!r}
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], check=True)
home = Home(disk / "home")
(home.root / "inbox").mkdir(parents=True)
subprocess.run(["cp", "-r", *inbox.iterdir(), home.inbox], check=True)

def state():
    with Lake(home) as lake:
        return steps.state_hash(lake, ("rec", "core", "ops"))

def spoil():
    if kind == "full":
        with open(disk / "filler", "wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                try:
                    while filler.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass
    else:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

def mend():
    if kind == "full":
        (disk / "filler").unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)

def through(step):
    spoil()
    try:
        step()
    except PassingError as error:
        assert "\\n" not in str(error), error
        print("TOLD", error)
    else:
        raise AssertionError("no error")
    mend()
    return step()

(manifest,) = through(lambda: steps.extract("lawyers", "2019-12", home))
staged = through(lambda: steps.stage(manifest, home))
verdict = steps.judge(staged, home)
before = state()
spoil()
try:
    steps.load(verdict, home)
except PassingError as error:
    print("TOLD", error)
mend()
assert state() == before
assert steps.load(verdict, home)["new"] > 0
loaded = state()
through(lambda: steps.integrate(home))
steps.assess("2019-12", home)
assert steps.verify(home) == []
print("DONE")
"""


@pytest.mark.parametrize(
    ("kind", "told"), [("full", "磁盘已满|磁盘读写出错"), ("read-only", "没有写入或读取的权限|磁盘读写出错")]
)
def test_a_disk_that_is_full_or_read_only(home: Home, tmp_path: Path, kind: str, told: str) -> None:
    """On a small disk of its own, mounted for one process: every step fails with a word of advice and then succeeds."""
    unshare = shutil.which("unshare")
    own_mounts = [str(unshare), "--user", "--map-root-user", "--mount"]
    disk = tmp_path / "disk"
    disk.mkdir()
    try_mount = [*own_mounts, "mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if unshare is None or subprocess.run(try_mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no process mount a small disk of its own (unshare --user --mount)")
    script = tmp_path / "mounted.py"
    script.write_text(
        textwrap.dedent(MOUNTED).format(
            tests=str(Path(__file__).parent),
            disk=str(disk),
            inbox=str(home.inbox),
            kind=kind,
            files=str(tmp_path / "catalog"),
        ),
        "utf-8",
    )
    done = subprocess.run(
        [*own_mounts, sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.stdout.endswith("DONE\n"), done.stdout + done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    assert len(lines) == 4
    assert all(re.search(told, line) and "处理办法" in line for line in lines), lines


# -- locks -------------------------------------------------------------------------------------------------------------

HOLDER = """
import fcntl, sqlite3, sys, time
if sys.argv[1] == "writer":
    file = open(sys.argv[2], "a")
    fcntl.flock(file, fcntl.LOCK_EX)
else:
    connection = sqlite3.connect(sys.argv[2], isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(("kind", "name"), [("writer", "writer.lock"), ("sqlite", "catalog.sqlite")])
def test_a_lake_that_another_process_holds_is_told_with_its_number(
    home: Home, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    verdict = steps.judge(steps.stage(landed(home), home), home)
    before = state(home)
    monkeypatch.setenv("XTCREDIT_LOCK_WAIT", "0.5")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, kind, str(home.lake / name)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        started = time.monotonic()
        with pytest.raises(PassingError) as refused:
            steps.load(verdict, home)
        assert time.monotonic() - started < 20
        assert_told(refused.value, name, "等了 0.5 秒", "XTCREDIT_LOCK_WAIT")
        if Path("/proc/locks").exists():
            assert_told(refused.value, f"进程 {holder.pid} 正占用", f"kill {holder.pid}")
        assert state(home) == before  # reading goes on while another writes
    finally:
        holder.kill()
        holder.wait()
    assert steps.load(verdict, home)["new"] > 0


@pytest.mark.parametrize(
    "command",
    [
        lambda home: steps.backup(home.root / "to", home),
        lambda home: steps.restore(home.root / "from", home),
        lambda home: steps.restore_missing(home.root / "from", home),
        lambda home: steps.restore_drill(home.root / "from", home),
        steps.rotate_vault,
        lambda home: steps.rollback(1, home),
        steps.snapshots,
        lambda home: steps.data_docs(PERIOD, home),
        lambda home: list(steps.audit(home)),
    ],
    ids=["backup", "restore", "missing", "drill", "rotate", "rollback", "snapshots", "docs", "audit"],
)
def test_every_command_of_upkeep_tells_of_a_full_disk(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: Callable[[Home], object]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(home.root))

    for name in ("open_lake", "back_up", "restore_home", "restore_lost", "newest_backup", "build_data_docs"):
        monkeypatch.setattr(steps, name, full)
    with pytest.raises(PassingError) as caught:
        command(home)
    assert_told(caught.value, "磁盘")


def test_the_wait_must_be_a_number(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTCREDIT_LOCK_WAIT", "long")
    with pytest.raises(UserError, match="XTCREDIT_LOCK_WAIT"):
        Lake(home)


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_changes_no_record(
    home: Home, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and loads stamped years before those that came earlier: which version is current is no matter of clocks."""
    straight = Home(tmp_path / "straight")
    for place in (straight, home):
        generate(
            catalog, place.inbox, items=[ITEM], periods=PERIODS, rows=40, seed=9, update_share=0.3, fault_share=0.05,
            kinds=("csv",),
        )  # fmt: skip
    months = [str(p) for p in PERIODS]

    def load_all(place: Home) -> dict[str, str]:
        for month in months:
            for manifest in steps.extract(ITEM, month, place):
                steps.load(steps.judge(steps.stage(manifest, place), place), place)
        steps.integrate_if_needed(place)
        with Lake(place) as lake:
            return steps.state_hash(lake, ("rec", "core", "lib"))

    expected = load_all(straight)
    for number, path in enumerate(sorted(home.inbox.glob("*/*.csv"))):
        earlier = datetime(2020, 1, 1).timestamp() - number * 86_400 * 30  # noqa: DTZ001 - any instant will do
        os.utime(path, (earlier, earlier))
    clock = [datetime(2031, 5, 1)]  # noqa: DTZ001

    class Backwards(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            clock[0] -= timedelta(days=400)
            return clock[0].replace(tzinfo=tz)

    monkeypatch.setattr(load_module, "datetime", Backwards)
    assert load_all(home) == expected
    with Lake(home) as lake:
        times = [t for (t,) in lake.execute("SELECT loaded_at FROM ops.batch ORDER BY period").fetchall()]
    assert times == sorted(times, reverse=True)
    # The snapshots' own times too: as if the clock had been years ahead until now.
    with sqlite3.connect(home.lake / "catalog.sqlite") as catalog_file:
        catalog_file.execute("UPDATE ducklake_snapshot SET snapshot_time = '2040-01-01 00:00:00+00'")
    manifest = landed(home)
    steps.load(steps.judge(steps.stage(manifest, home), home), home)
    assert steps.integrate_if_needed(home), (
        "a load after the last integration is seen whatever the clock says"
    )
    with Lake(home) as lake:
        assert steps.state_hash(lake, ("rec", "core", "lib")) == expected
    steps.assess(PERIOD, home)
    assert steps.verify(home) == []
