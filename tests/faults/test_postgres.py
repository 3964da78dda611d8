"""The lake's catalog in PostgreSQL: the same state by hash; a server that goes away costs nothing but a re-run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from catalog.errors import PassingError, UserError
from catalog.loader import Catalog
from catalog.period import Period
from catalog.sample import generate
from transforms import steps
from warehouse.backup import backup, restore
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.metadata import StillHeld

sys.path.append(str(Path(__file__).parents[1] / "channels"))
from servers import PASSWORD, Server, postgres

ITEM = "lawyers"
PERIODS = Period.parse_range("2019-11:2019-12")
LAST = str(PERIODS[-1])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgres() as running:
        yield running


@pytest.fixture
def uri(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database."""
    name = f"lake_{abs(hash(request.node.name)) % 10**12}"
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield server.uri.rpartition("/")[0] + f"/{name}"
        connection_closed = connection.closed
    if not connection_closed:
        with psycopg.connect(server.uri, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shared(tmp_path: Path, catalog: Catalog, uri: str) -> Home:
    """A home with its lake's catalog in PostgreSQL and two months of lawyers in its inbox."""
    home = Home(tmp_path / "shared", uri)
    generate(
        catalog, home.inbox, items=[ITEM], periods=PERIODS, rows=30, seed=5, fault_share=0.1, set_aside_share=0,
        noise_share=0, kinds=("csv",),
    )  # fmt: skip
    return home


def verdicts(home: Home) -> list[str]:
    return [
        steps.judge(steps.stage(manifest, home), home)
        for period in PERIODS
        for manifest in steps.extract(ITEM, str(period), home)
    ]


def state(home: Home) -> dict[str, str]:
    with Lake(home) as lake:
        return steps.state_hash(lake, ("rec", "core", "lib", "mart"))


def assert_told(error: UserError, *words: str) -> None:
    said = str(error)
    assert "\n" not in said
    assert "处理办法：" in said
    assert PASSWORD not in said
    assert "s3cret" not in said
    for word in words:
        assert word in said, said


def built(home: Home) -> dict[str, str]:
    for verdict in verdicts(home):
        steps.load(verdict, home)
    steps.integrate(home)
    steps.assess(LAST, home)
    return state(home)


def test_the_same_state_as_with_sqlite_and_a_way_there_and_back(
    shared: Home, tmp_path: Path, server: Server
) -> None:
    alone = Home(tmp_path / "alone")
    (alone.root).mkdir()
    (alone.root / "inbox").symlink_to(shared.inbox)
    expected = built(alone)
    assert built(shared) == expected
    assert not (shared.lake / "catalog.sqlite").exists()
    # A backup of it is like any other, and restores to either kind of catalog.
    backup(shared, tmp_path / "kept")
    drill = steps.restore_drill(tmp_path / "kept", shared)
    assert drill["snapshots_behind"] == 0
    assert drill["clauses"] >= 60  # all hold
    one = Home(tmp_path / "one")
    restore(tmp_path / "kept", one)
    assert (one.lake / "catalog.sqlite").exists()
    assert state(one) == expected
    with pytest.raises(UserError, match="已有一个湖"):
        restore(tmp_path / "kept", Home(tmp_path / "two", shared.catalog))
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute("CREATE DATABASE lake_two")
    two = Home(tmp_path / "two", server.uri.rpartition("/")[0] + "/lake_two")
    restore(tmp_path / "kept", two)
    assert not (two.lake / "catalog.sqlite").exists()
    assert state(two) == expected
    (two.root / "inbox").symlink_to(shared.inbox)
    manifest = steps.extract(ITEM, LAST, two)[0]
    steps.load(steps.judge(steps.stage(manifest, two), two), two)
    assert state(two) == expected
    lost = next((two.lake / "data" / "rec").rglob("*.parquet"))
    lost.unlink()
    assert steps.restore_missing(tmp_path / "kept", two) == [lost.relative_to(two.root).as_posix()]
    assert state(two) == expected


@pytest.mark.parametrize("moment", ["before the commit", "at the commit"])
def test_a_server_restarted_in_the_middle_of_a_load(
    shared: Home, server: Server, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    first, second = verdicts(shared)
    steps.load(first, shared)
    before = state(shared)
    begun = Lake._transaction

    class Dying:
        """A connection before whose commit the server dies."""

        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self._connection = connection

        def execute(self, sql: str, *arguments: Any) -> Any:
            if sql == "COMMIT":
                server.kill()
            return self._connection.execute(sql, *arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    @contextmanager
    def dying(self: Lake, held: StillHeld, message: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
        whole = self.connection
        with begun(self, held, message) as tx:
            yield tx
            if moment == "at the commit":
                self.connection = Dying(whole)  # type: ignore[assignment]
            else:
                server.kill()

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "_transaction", dying)
        try:
            with pytest.raises(PassingError) as refused:
                steps.load(second, shared)
            assert_told(refused.value, "PostgreSQL", "XTCREDIT_LAKE_CATALOG", "重跑")
            with pytest.raises(PassingError) as refused:
                steps.load(second, shared)
            assert_told(refused.value, "PostgreSQL", "127.0.0.1")
        finally:
            server.start()
    assert state(shared) == before
    assert steps.load(second, shared)["new"] > 0
    manifests = [m for period in PERIODS for m in steps.extract(ITEM, str(period), shared)]
    after = state(shared)
    assert steps.load(steps.judge(steps.stage(manifests[-1], shared), shared), shared)["new"] > 0
    assert state(shared) == after


def test_a_lock_that_was_lost_commits_nothing(shared: Home, server: Server) -> None:
    with Lake(shared) as lake:
        with lake.transaction() as tx:
            tx.execute("CREATE TABLE t (a INTEGER)")

        def write_and_lose() -> None:
            with lake.transaction() as tx, psycopg.connect(server.uri, autocommit=True) as other:
                tx.execute("INSERT INTO t VALUES (1)")
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'xtcredit %'"
                )

        with pytest.raises(PassingError) as refused:
            write_and_lose()
        assert_told(refused.value, "PostgreSQL")
        assert lake.scalar("SELECT count(*) FROM t") == 0
        with lake.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (1)")
        assert lake.scalar("SELECT count(*) FROM t") == 1


def test_a_writer_is_waited_for_and_named(shared: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTCREDIT_LOCK_WAIT", "0.3")
    with Lake(shared) as lake, lake.transaction() as tx:
        tx.execute("CREATE TABLE t (a INTEGER)")
        with Lake(shared) as second:
            with pytest.raises(PassingError) as refused, second.transaction():
                raise AssertionError("two writers at once")
            assert_told(refused.value, f" {os.getpid()} ", "等了 0.3 秒", "XTCREDIT_LOCK_WAIT")
            assert second.scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 't'") == 0


WRITER = """
import sys
from pathlib import Path
from warehouse.home import Home
from warehouse.lake import Lake
for _ in range(3):
    with Lake(Home(Path(sys.argv[1]), sys.argv[2])) as lake, lake.transaction("one row") as tx:
        tx.execute("CREATE SCHEMA IF NOT EXISTS ops")
        tx.execute("CREATE TABLE IF NOT EXISTS ops.t (a INTEGER)")
        n = tx.execute("SELECT count(*) FROM ops.t").fetchone()[0]
        tx.execute("INSERT INTO ops.t VALUES (?)", [n])
"""


def test_processes_that_write_at_once_follow_each_other(shared: Home) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(shared.root), str(shared.catalog)], stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    errors = [writer.communicate(timeout=120)[1].decode()[-300:] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, errors
    with Lake(shared) as lake:
        assert lake.execute("SELECT a FROM ops.t ORDER BY a").fetchall() == [(n,) for n in range(12)]


def test_the_key_must_be_the_same_on_all_machines(shared: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XTCREDIT_IDENTITY_KEY")
    with pytest.raises(UserError) as refused:
        Lake(shared)
    assert_told(refused.value, "各台相同", "XTCREDIT_IDENTITY_KEY")
    assert not (shared.secrets / "identity.key").exists()


@pytest.mark.parametrize(
    "wrong", ["postgresql://front:s3cret%2Fp@127.0.0.1", "nonsense s3cret", "postgresql://h/s3cret%zz"]
)
def test_an_address_that_is_none_is_told_without_its_password(
    tmp_path: Path, catalog: Catalog, wrong: str
) -> None:
    with pytest.raises(UserError) as refused:
        Lake(Home(tmp_path, wrong))
    assert_told(refused.value, "XTCREDIT_LAKE_CATALOG")
    assert wrong not in repr(Home(tmp_path, wrong))
