"""Servers of the tests' own, started from what is installed, on ports of their own, gone afterwards.

Where a server is not installed its tests skip and say so; with XTCREDIT_REQUIRE_SERVICES=1 that is a failure
(.ci/services installs them).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest

PASSWORD = "s3cret/p@ss%word"
"""Needs encoding in a URI, and must be found in no file, message or log."""


@dataclass(frozen=True)
class Server:
    """A database server: its URI, and how it is killed and started."""

    uri: str
    kill: Callable[[], None]
    start: Callable[[], None]


def missing(what: str) -> None:
    """Skip, or fail where services are required."""
    if os.environ.get("XTCREDIT_REQUIRE_SERVICES") == "1":
        pytest.fail(
            f"{what} is required here (XTCREDIT_REQUIRE_SERVICES=1) but not installed: run .ci/services"
        )
    pytest.skip(f"{what} is not installed: .ci/services installs it")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come up in {seconds:g} s")
        time.sleep(0.05)


def listening(port: int) -> Callable[[], bool]:
    def connected() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return connected


def _as_user(user: str) -> list[str]:
    """Database servers refuse to run as root."""
    return ["runuser", "-u", user, "--"] if os.getuid() == 0 else []


@contextmanager
def _folder(user: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="xtcredit-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@contextmanager
def postgres() -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = found[-1] if found else shutil.which("initdb")
    if not initdb:
        missing("PostgreSQL")
    bin_ = Path(str(initdb)).parent
    with _folder("postgres") as folder:
        data, port = folder / "data", free_port()
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        if os.getuid() == 0:
            shutil.chown(secret, "postgres")
        user = _as_user("postgres")
        _run([*user, bin_ / "initdb", "-D", data, "-U", "front", "-A", "scram-sha-256", f"--pwfile={secret}",
              "-E", "UTF8", "--locale=C", "--no-sync"])  # fmt: skip
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off -c shared_buffers=64MB"

        def start() -> None:
            # Its output must not hold the pipe of a command that waits for the end of it.
            _run([*user, bin_ / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start"])

        def kill() -> None:
            _run([*user, bin_ / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])

        start()
        try:
            yield Server(
                f"postgres://front:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres", kill, start
            )
        finally:
            kill()


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis that keeps nothing on disk."""
    daemon = shutil.which("redis-server")
    if not daemon:
        missing("Redis")
    port = free_port()
    command = [str(daemon), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )
    try:
        wait_for(listening(port), "Redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


@contextmanager
def mariadb() -> Iterator[Server]:
    install, daemon = shutil.which("mariadb-install-db"), shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    if not install or not Path(daemon).exists():
        missing("MariaDB")
    with _folder("mysql") as folder:
        data, port = folder / "data", free_port()
        user = _as_user("mysql")
        _run([*user, str(install), "--no-defaults", f"--datadir={data}", "--skip-test-db",
              "--auth-root-authentication-method=normal"])  # fmt: skip
        first = folder / "init.sql"
        first.write_text(
            "CREATE DATABASE IF NOT EXISTS front CHARACTER SET utf8mb4;\n"
            f"CREATE USER IF NOT EXISTS front@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON front.* TO front@'127.0.0.1';\n"
        )
        first.chmod(0o644)
        process: list[subprocess.Popen[bytes]] = []

        def answering() -> bool:
            try:
                pymysql.connect(host="127.0.0.1", port=port, user="front", password=PASSWORD).close()
            except pymysql.Error:
                return False
            return True

        def start() -> None:
            command = [*user, daemon, "--no-defaults", f"--datadir={data}", f"--port={port}",
                       f"--socket={folder}/socket", "--bind-address=127.0.0.1", f"--init-file={first}",
                       "--skip-name-resolve"]  # fmt: skip
            with (folder / "log").open("ab") as log:
                process.append(
                    subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
                )
            wait_for(answering, "MariaDB")

        def kill() -> None:
            _end(process.pop())

        start()
        try:
            yield Server(f"mysql://front:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/front", kill, start)
        finally:
            kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it started (runuser stands before the server)."""
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for pid in children:
        os.kill(int(pid), 9)
    process.kill()
    process.wait()
