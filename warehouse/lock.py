"""A lock between the processes of one machine."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

from warehouse.faults import locked
from warehouse.home import lock_wait


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """An exclusive lock held by this process; released by the kernel even when the process is killed.

    Raises `PassingError` if another process keeps it longer than `XTCREDIT_LOCK_WAIT`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path) -> None:
    seconds = lock_wait()
    again = Retrying(
        retry=retry_if_exception_type(BlockingIOError),
        wait=wait_random(0.02, 0.1),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
    try:
        again(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise locked(path, seconds, error) from None
