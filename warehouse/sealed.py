"""Landed files at rest: sealed with the vault's key once their batch has been judged, and read again through `clear_copy`.

A sealed file stands in its original's place as `<name>.sealed`: a head (form, which key, salt), chunks of AES-256-GCM under
a key of the file's own, numbered and the last one marked (the STREAM construction, so that no chunk can be dropped,
repeated or moved), and a SHA-256 of all of it, by which damage is seen without the key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from catalog.errors import UserError
from warehouse.batch import Delivery
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.vault import (
    ENVIRONMENT,
    fingerprint,
    forget_handed_on,
    handed_on,
    landing_key,
    landing_keys,
    vault_key,
)

SUFFIX = ".sealed"
_FORM = b"xtsealed"
_HEAD = len(_FORM) + 8 + 16
_TAIL = 32
_CHUNK = 1 << 20
_TAG = 16


def sealed_path(path: Path) -> Path:
    """Where the sealed form of a landed file lies."""
    return path.with_name(path.name + SUFFIX)


def is_kept(path: Path) -> bool:
    """Whether a landed file is there, in clear or sealed."""
    return path.is_file() or sealed_path(path).is_file()


def clear_size(path: Path) -> int | None:
    """Bytes of what a sealed file holds, by its own length; None for a file too short to be one."""
    body = path.stat().st_size - _HEAD - _TAIL
    chunks = max(1, -(-body // (_CHUNK + _TAG)))
    return body - chunks * _TAG if body >= _TAG else None


def undamaged(path: Path) -> bool:
    """Whether a sealed file is byte for byte what was written; needs no key."""
    left = path.stat().st_size - _TAIL
    if left < _HEAD + _TAG:
        return False
    found = hashlib.sha256()
    with path.open("rb") as file:
        while left:
            block = file.read(min(_CHUNK, left))
            if not block:
                return False
            found.update(block)
            left -= len(block)
        return file.read() == found.digest()


def sealed_with(path: Path) -> str:
    """The fingerprint of the vault key that a sealed file was sealed with; empty for a file that is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head[8:16].decode("ascii", "replace") if head.startswith(_FORM) else ""


def clear_digest(path: Path, home: Home) -> str | None:
    """SHA-256 of what a sealed file holds; None without its key. Raises `UserError` for a damaged one."""
    key = landing_keys(home).get(sealed_with(path))
    if key is None:
        return None
    found = hashlib.sha256()
    for block in _opened(path, key):
        found.update(block)
    return found.hexdigest()


@contextmanager
def clear_copy(delivery: Delivery, home: Home, scratch: Path) -> Iterator[Path]:
    """The landed file in clear, byte for byte what was delivered; of a sealed one a copy in `scratch`, gone afterwards.

    Raises `UserError` for a file that is missing or damaged, and for a sealed one without its key.
    """
    path = Path(delivery.path)
    sealed = sealed_path(path)
    if path.is_file() or not sealed.is_file():
        delivery.check()
        yield path
        return
    key = landing_keys(home).get(sealed_with(sealed))
    if key is None:
        raise UserError(
            "原文件已封存，找不到封存它的号码库密钥",
            where=str(sealed),
            remedy=f"取回 secrets/vault.key 或设置 {ENVIRONMENT}；查询、考核、发布不需要它",
        )
    copy = home.private_dir(scratch / ".clear") / path.name
    try:
        found = hashlib.sha256()
        with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for block in _opened(sealed, key):
                found.update(block)
                file.write(block)
        if found.hexdigest() != delivery.sha256:
            raise _damaged(sealed)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
        copy.parent.rmdir()


def seal_landing(lake: Lake, before: datetime) -> tuple[int, int]:
    """Seal the landed files of every batch that was loaded or refused, and what was landed `before` and never judged.

    What another key had sealed is sealed anew. Files sealed, and files left in clear because the key is not here.
    """
    home = lake.home
    judged = {
        batch
        for (batch,) in lake.execute(
            "SELECT batch_id FROM ops.batch UNION SELECT batch_id FROM ops.outcome"
        ).fetchall()
    }
    key = vault_key(home)
    done = left = 0
    for manifest in sorted(home.landing.glob("*/*/*/*/manifest.json")):
        delivery = Delivery.from_file(manifest)
        path = Path(delivery.path)
        landed = datetime.fromtimestamp(manifest.stat().st_mtime, UTC)
        if path.is_file() and (delivery.batch_id in judged or landed < before):
            left += key is None
            if key is not None:
                delivery.check()
                _seal(path, path, key, home, delivery.sha256)
                done += 1
    if key is not None:
        done += reseal(home)
    return done, left


def reseal(home: Home) -> int:
    """Seal with today's key what an earlier one had sealed, and forget that one when nothing needs it any more; how many files."""
    key = vault_key(home)
    if key is None or not handed_on(home):
        return 0
    now, done, foreign = fingerprint(key), 0, False
    for sealed in sorted(home.landing.rglob(f"*{SUFFIX}")):
        name = sealed_with(sealed)
        if name == now:
            continue
        if name not in landing_keys(home):
            foreign = True  # the audit tells: its key is lost
            continue
        digest = clear_digest(sealed, home)
        _seal(sealed, sealed.with_name(sealed.name.removesuffix(SUFFIX)), key, home, str(digest))
        done += 1
    if not foreign:
        forget_handed_on(home)
    return done


def _seal(source: Path, path: Path, key: bytes, home: Home, digest: str) -> None:
    """Write `path` sealed; what can be read back is its original's digest, or the original stays. `source` may be sealed itself."""
    target = sealed_path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    salt = os.urandom(16)
    head = _FORM + fingerprint(key).encode("ascii") + salt
    cipher = AESGCM(hmac.digest(landing_key(key), salt, "sha256"))
    blocks = (
        _opened(source, landing_keys(home)[sealed_with(source)])
        if source.suffix == SUFFIX
        else _chunks(source)
    )
    whole = hashlib.sha256()
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            whole.update(head)
            file.write(head)
            for number, (block, last) in enumerate(_marked(blocks)):
                part = cipher.encrypt(_nonce(number, last), block, head)
                whole.update(part)
                file.write(part)
            file.write(whole.digest())
            file.flush()
            os.fsync(file.fileno())
        if clear_digest(temporary, home) != digest:
            raise _damaged(source)
        temporary.chmod(0o400)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _opened(path: Path, key: bytes) -> Iterator[bytes]:
    """What a sealed file holds, chunk by chunk, each authenticated; raises `UserError` at the first that is not."""
    left = path.stat().st_size - _HEAD - _TAIL
    with path.open("rb") as file:
        head = file.read(_HEAD)
        cipher = AESGCM(hmac.digest(key, head[16:], "sha256"))
        number = 0
        while True:
            block = file.read(min(_CHUNK + _TAG, max(left, 0)))
            left -= len(block)
            try:
                yield cipher.decrypt(_nonce(number, left <= 0), block, head)
            except (InvalidTag, ValueError) as error:
                raise _damaged(path) from error
            if left <= 0:
                return
            number += 1


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            yield block


def _marked(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk and whether it is the last; one empty chunk for an empty file."""
    held = next(blocks, b"")
    for block in blocks:
        yield held, False
        held = block
    yield held, True


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _damaged(path: Path) -> UserError:
    return UserError(
        "封存的原文件已损坏或被改动过", where=str(path), remedy="用 xtcredit restore 备份目录 --missing 补回"
    )
