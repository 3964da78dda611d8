"""Files on a department's server: a mounted folder, SFTP, or an S3-compatible store; named as in the inbox."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import asyncssh
import fsspec
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem
from pyarrow.fs import S3FileSystem
from sshfs import SSHFileSystem

from catalog.channel import FolderSource
from catalog.errors import UserError
from catalog.model import Item
from catalog.period import Period
from transforms.extract.connection import Endpoint, Patience, unreachable
from transforms.extract.drop import deliveries, land_delivery
from warehouse.faults import machine_fault
from warehouse.home import Home

_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Faults of writing, which is done on this side only."""


def fetch(
    source: FolderSource,
    item: Item,
    period: Period,
    home: Home,
    uri: str,
    *,
    patience: Patience | None = None,
) -> list[Path]:
    """Land the item's complete deliveries in the source's folder; the manifests' paths, none where there is no folder.

    Raises `PassingError` when the server does not answer, `UserError` when it refuses.
    """
    endpoint = Endpoint.parse(source.connection, uri)
    for attempt in (patience or Patience()).retrying():
        with attempt, _told(endpoint):
            return list(_fetched(source, item, period, home, endpoint))
    raise AssertionError


def _fetched(
    source: FolderSource, item: Item, period: Period, home: Home, endpoint: Endpoint
) -> Iterator[Path]:
    system = _open(source, endpoint)
    folder = str(PurePosixPath(endpoint.path or "/") / source.path.format(period=period))
    folder = folder.lstrip("/") if source.kind == "s3" else folder
    try:
        listed = {PurePosixPath(entry["name"]).name: entry for entry in system.ls(folder, detail=True)}
    except FileNotFoundError:
        return
    whole = {name: entry for name, entry in listed.items() if entry["type"] == "file"}
    for files, marker in deliveries(whole, item.id, marked=source.marker):
        if not marker and source.kind != "s3" and any(_age(whole[name]) < source.settle for name in files):
            continue  # perhaps still being written; the next run finds it
        with tempfile.TemporaryDirectory(dir=home.scratch()) as scratch:
            copies = [_download(system, whole[name], Path(scratch) / name) for name in files]
            mark = _download(system, whole[marker], Path(scratch) / marker) if marker else None
            yield land_delivery(copies, mark, item, period, home)


def _download(system: fsspec.AbstractFileSystem, entry: dict[str, Any], target: Path) -> Path:
    system.get_file(entry["name"], str(target))
    if target.stat().st_size != entry["size"]:
        raise OSError(f"{target.name}: {target.stat().st_size} of {entry['size']} bytes came")
    when = _modified(entry)
    os.utime(target, (when, when))
    return target


def _modified(entry: dict[str, Any]) -> float:
    when = entry.get("mtime") or entry.get("LastModified") or 0.0
    return when.timestamp() if isinstance(when, datetime) else float(when)


def _age(entry: dict[str, Any]) -> float:
    """Seconds since the file was last written; the clocks of both sides may differ."""
    return abs(time.time() - _modified(entry))


def _open(source: FolderSource, endpoint: Endpoint) -> fsspec.AbstractFileSystem:
    if source.kind == "folder":
        return LocalFileSystem(skip_instance_cache=True)
    if source.kind == "s3":
        return ArrowFSWrapper(
            S3FileSystem(
                access_key=endpoint.user,
                secret_key=endpoint.password,
                endpoint_override=f"{endpoint.host}:{endpoint.port}" if endpoint.port else endpoint.host,
                scheme=endpoint.options.get("scheme", "https"),
                region=endpoint.options.get("region", "us-east-1"),
                connect_timeout=10,
                request_timeout=120,
            )
        )
    options: dict[str, Any] = {"username": endpoint.user, "port": endpoint.port or 22}
    if endpoint.password:
        options["password"] = endpoint.password
    if key := endpoint.options.get("key_file"):
        options["client_keys"] = [key]
    if host_key := endpoint.options.get("host_key"):
        # The key of the connection is the only one that counts; without it, those the machine knows.
        place = f"[{endpoint.host}]:{options['port']}" if options["port"] != 22 else endpoint.host
        options["known_hosts"] = asyncssh.import_known_hosts(f"{place} {host_key}\n")
    return SSHFileSystem(endpoint.host, skip_instance_cache=True, **options)


@contextmanager
def _told(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except (asyncssh.PermissionDenied, asyncssh.HostKeyNotVerifiable, PermissionError) as error:
        raise UserError(
            f"文件服务器拒绝了连接（{endpoint.hide(str(error))}）",
            where=endpoint.name,
            remedy="核对用户、口令、主机公钥（host_key）与文件夹的权限",
        ) from error
    except (asyncssh.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno in _OURS and (fault := machine_fault(error)):
            raise fault from error
        raise unreachable(endpoint, f"{type(error).__name__}: {error}") from error
