"""What the machine may do to a step: disk full, folder not writable, lake locked. Each is told with what to do about it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from catalog.errors import PassingError, UserError
from warehouse.home import LAKE_CATALOG

_AGAIN = "再重跑这一步即可，已入库的数据不受影响"
# The engines say what the system told them in its own words, whatever the class of the error.
_FAULTS = (
    (
        ("no space left on device", "disk is full", "disk quota exceeded", "file too large"),
        "磁盘已满或超出配额，写不下去",
        f"用 df -h 查看并腾出空间，{_AGAIN}",
    ),
    (
        ("disk i/o error",),  # SQLite's word for a quota, and for a dying disk
        "磁盘读写出错：多因已满、超出配额，也可能是磁盘损坏",
        f"用 df -h 与系统日志（dmesg）查看并处理，{_AGAIN}",
    ),
    (
        ("read-only file system", "permission denied", "operation not permitted", "readonly database"),
        "没有写入或读取的权限",
        f"核对该文件夹的权限与挂载方式（须能读写），{_AGAIN}",
    ),
    (
        ("database is locked", "database table is locked"),
        "数据湖的目录库被别的程序锁住",
        f"关闭打开着 lake/catalog.sqlite 的程序，{_AGAIN}",
    ),
)

# What is said of a PostgreSQL that went away; a commit whose answer is lost may have been made, which a re-run settles.
_UNREACHABLE = (
    "unable to connect to postgres",
    "server closed the connection",
    "terminating connection",
    'failed to execute query "rollback"',
)


@contextmanager
def told() -> Iterator[None]:
    """Turn a fault of the machine into a `PassingError`; whatever else goes wrong passes as it is."""
    try:
        yield
    except UserError:
        raise
    except (OSError, duckdb.Error) as error:
        if fault := machine_fault(error):
            raise fault from error
        raise


def machine_fault(error: OSError | duckdb.Error) -> PassingError | None:
    """The error for the user, None if it is no fault of the machine that is known here."""
    said = str(error).lower()
    for words, what, remedy in _FAULTS:
        if any(word in said for word in words):
            return PassingError(what, where=_place(error), remedy=remedy)
    if any(word in said for word in _UNREACHABLE):
        return unreachable(None, error)
    return None


def unreachable(place: str | None, error: BaseException) -> PassingError:
    """The error for a PostgreSQL that holds the lake's catalog and does not answer, or went away in the middle."""
    fault = PassingError(
        "连不上湖的目录库（PostgreSQL），或中途断开",
        where=place,
        remedy=f"核对该服务是否在运行、网络是否通、{LAKE_CATALOG} 是否正确；恢复后{_AGAIN}",
    )
    fault.__cause__ = error
    return fault


def held(place: str, holders: list[str], waited: float) -> PassingError:
    """The error for a lake whose writers' lock another session of its PostgreSQL keeps."""
    who = f"{'、'.join(holders)} " if holders else "别的进程"
    return PassingError(
        f"{who}正在写数据湖，等了 {waited:g} 秒仍未放开",
        where=place,
        remedy="等它结束后重跑；确已停住不动的，到那台机器上结束该进程；要等得更久，设环境变量 XTCREDIT_LOCK_WAIT（秒）",
    )


def locked(path: Path, waited: float, error: BaseException) -> PassingError:
    """The error for a lake that another process keeps locked, with that process's number where the system tells."""
    holders = lock_holders(path)
    who = f"进程 {'、'.join(map(str, holders))} " if holders else "别的进程"
    kill = f"；确已停住不动的，结束它（kill {holders[0]}），它未提交的部分自行作废" if holders else ""
    fault = PassingError(
        f"{who}正占用数据湖，等了 {waited:g} 秒仍未放开",
        where=str(path),
        remedy=f"等它结束后重跑{kill}；要等得更久，设环境变量 XTCREDIT_LOCK_WAIT（秒）",
    )
    fault.__cause__ = error
    return fault


def lock_holders(path: Path) -> list[int]:
    """Other processes that hold a lock on the file, or on SQLite's files beside it; none where /proc/locks is missing."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
        inodes = {
            str(file.stat().st_ino)
            for file in (path, path.with_name(f"{path.name}-shm"), path.with_name(f"{path.name}-wal"))
            if file.exists()
        }
    except OSError:
        return []
    found = set()
    for line in lines:
        # 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF; a waiting process has "->" after the number.
        words = line.split()
        if "->" not in words and words[5].rpartition(":")[2] in inodes and words[3] == "WRITE":
            found.add(int(words[4]))
    return sorted(found - {os.getpid(), 0, -1})


def _place(error: BaseException) -> str | None:
    filename = getattr(error, "filename", None)
    if filename is not None:
        return str(filename)
    quoted = re.search(r"[\"'](/[^\"']+)[\"']", str(error))
    return quoted[1] if quoted else None
