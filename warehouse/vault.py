"""The vault: personal numbers, sealed with a key of its own, in the lake's schema `vault`.

Each value is sealed alone with AES-SIV (RFC 5297) and bound to its pseudonym: equal numbers give equal seals, so that a
batch loaded again gives the same rows; a seal moved to another row does not open. Kept in the lake, they are part of
its transactions, snapshots and backups; the Parquet files, wherever they go, tell nothing without the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from catalog.errors import UserError
from catalog.types.arrow_function import add_function
from warehouse.commits import ROTATION
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.secret import derived_key, key_of

ENVIRONMENT = "XTCREDIT_VAULT_KEY"
_FORM = "siv1"


def vault_key(home: Home) -> bytes | None:
    """The 64-byte key: `XTCREDIT_VAULT_KEY` or `secrets/vault.key` (128 hex digits); while no rotation has made one, derived
    from the identity key. None where a key of its own is in use and is not here. Raises `UserError` for a malformed one.
    """
    path = home.secrets / "vault.key"
    given = os.environ.get(ENVIRONMENT)
    named = _named(home)
    if not given and not path.exists():
        return None if named else derived_key(home, "vault 1") + derived_key(home, "vault 2")
    key = key_of(given or path.read_bytes())
    if len(key) != 64:
        raise UserError(
            "号码库密钥应为128位十六进制数",
            where=ENVIRONMENT if given else str(path),
            remedy="恢复原来的密钥",
        )
    return key if named in ("", fingerprint(key)) else None


def fingerprint(key: bytes) -> str:
    """Tells one key from another and nothing about it."""
    return hashlib.sha256(b"xtcredit vault" + key).hexdigest()[:8]


def _coming(home: Home) -> Path:
    """The new key from before a rotation's commit until it is in force."""
    return home.secrets / "vault.key.new"


def _marker(home: Home) -> Path:
    return home.audit / "vault.fingerprint"  # no secret, and it must come back with a backup


def _named(home: Home) -> str:
    return _marker(home).read_text(encoding="ascii").strip() if _marker(home).exists() else ""


def allow_sealing(lake: Lake) -> None:
    """Give the lake's connection `xt_seal(text, bound)`. Raises `UserError` without the key: nothing is stored in clear instead."""
    _finish_rotation(lake)
    key = vault_key(lake.home)
    if key is None:
        raise UserError(
            "找不到号码库密钥，含个人号码的批次不能入库",
            where=str(lake.home.secrets / "vault.key"),
            remedy=f"取回该密钥，或设置 {ENVIRONMENT}；查询、考核、发布不需要它",
        )
    _register(lake.connection, "xt_seal", sealer(key))


def allow_unsealing(lake: Lake) -> bool:
    """Give the lake's connection `xt_unseal(sealed, bound)`: NULL for what this key did not seal; whether the key is here.

    Only for those who may see numbers: the audit, rotation.
    """
    _finish_rotation(lake)
    key = vault_key(lake.home)
    _register(lake.connection, "xt_unseal", opener(key) if key is not None else lambda value, bound: None)
    return key is not None


def sealer(key: bytes) -> Callable[[str, str], str | None]:
    """The function behind `xt_seal`."""
    cipher, head = AESSIV(key), f"{_FORM}:{fingerprint(key)}:"

    def seal(value: str, bound: str) -> str | None:
        return head + base64.b64encode(cipher.encrypt(value.encode(), [bound.encode()])).decode("ascii")

    return seal


def opener(key: bytes) -> Callable[[str, str], str | None]:
    """The function behind `xt_unseal`. What was stored before there were seals is given as it is."""
    cipher, head = AESSIV(key), f"{_FORM}:{fingerprint(key)}:"

    def unseal(value: str, bound: str) -> str | None:
        if not value.startswith(f"{_FORM}:"):
            return value
        if not value.startswith(head):
            return None
        try:
            return cipher.decrypt(base64.b64decode(value[len(head) :]), [bound.encode()]).decode()
        except (InvalidTag, ValueError):  # altered, or of another row: no number, which the audit tells
            return None

    return unseal


def _register(
    connection: duckdb.DuckDBPyConnection, name: str, function: Callable[[str, str], str | None]
) -> None:
    def vector(values: pa.ChunkedArray, bounds: pa.ChunkedArray) -> pa.Array:
        pairs = zip(values.to_pylist(), bounds.to_pylist(), strict=True)
        return pa.array([None if v is None or b is None else function(v, b) for v, b in pairs], pa.string())

    found = connection.execute(
        "SELECT count(*) FROM duckdb_functions() WHERE function_name = ? AND NOT internal", [name]
    ).fetchone()
    if found and found[0]:
        connection.remove_function(name)
    add_function(connection, name, vector, texts=2, gives="VARCHAR")


def rotate(lake: Lake, key: bytes | None = None) -> int:
    """Seal the whole vault with a new key (random unless given), written to `secrets/vault.key`; values sealed anew.

    One transaction; landed files stay readable under the new key and are sealed anew by `sealed.reseal`. Earlier snapshots stay sealed with the old key: with it destroyed they are lost for good. Raises
    `UserError` without the old key.
    """
    new = key or secrets.token_bytes(64)
    # Held until the key is in force: a load in between would seal with the one that goes.
    with lake.exclusive() as transaction:
        if not allow_unsealing(lake):
            raise UserError("没有旧的号码库密钥，不能更换", where=ENVIRONMENT, remedy="取回旧密钥后再换")
        _register(lake.connection, "xt_seal", sealer(new))
        old = vault_key(lake.home)
        assert old is not None
        # The new key is on disk before anything depends on it; beside the old one until the commit.
        lake.home.private_dir(lake.home.secrets)
        coming = _coming(lake.home)
        coming.touch(mode=0o600)
        coming.write_text(new.hex(), encoding="ascii")
        _hand_on(lake.home, old, new)
        count = 0
        with transaction(f"{ROTATION} {fingerprint(new)}") as tx:
            for table, column, bound in (
                ("identifier", "number", "pseudonym"),
                ("quarantine", "raw", "batch_id"),
            ):
                lost = tx.execute(
                    f"SELECT count(*) FROM vault.{table} WHERE {column} IS NOT NULL AND xt_unseal({column}, {bound}) IS NULL"
                ).fetchone()
                if lost and lost[0]:
                    coming.unlink()
                    raise UserError(
                        f"{lost[0]} 个值不是用现在的密钥封存的，没有更换",
                        where=f"vault.{table}",
                        remedy="取回当时的密钥",
                    )
                done = tx.execute(
                    f"UPDATE vault.{table} SET {column} = xt_seal(xt_unseal({column}, {bound}), {bound})"
                ).fetchone()
                count += int(done[0]) if done else 0
        _finish_rotation(lake)
    return count


def _finish_rotation(lake: Lake) -> None:
    """Put the key in force that the vault is sealed with: this rotation's, or one's that was cut off behind its commit.

    The marker goes first: whoever is cut off here leaves `vault.key.new`, and the next one goes on.
    """
    home, coming = lake.home, _coming(lake.home)
    if not coming.exists():
        return
    key = key_of(coming.read_bytes())
    found = fingerprint(key)
    if len(key) != 64 or lake.newest(f"{ROTATION} {found}") < max(1, lake.newest(ROTATION)):
        return  # not committed, or not yet
    home.private_dir(home.audit)
    temporary = _marker(home).with_suffix(f".{os.getpid()}")
    temporary.write_text(found, encoding="ascii")
    temporary.replace(_marker(home))
    with suppress(FileNotFoundError):  # somebody else was first
        coming.replace(home.secrets / "vault.key")


# -- the keys of landed files ------------------------------------------------------------------------------------------


def landing_key(key: bytes) -> bytes:
    """The key of landed files that belongs to a vault key."""
    return hmac.digest(key, b"xtcredit landing", "sha256")


def landing_keys(home: Home) -> dict[str, bytes]:
    """The keys of landed files that are at hand, by the fingerprint of the vault key each belongs to; none without the vault's."""
    key = vault_key(home)
    if key is None:
        return {}
    now = fingerprint(key)
    found = {now: landing_key(key)}
    for sealed_by, wrapped_by, wrapped in _ring_lines(home):
        if wrapped_by == now:
            found[sealed_by] = AESSIV(key).decrypt(base64.b64decode(wrapped), [sealed_by.encode()])
    return found


def handed_on(home: Home) -> bool:
    """Whether keys of landed files from before a rotation are still kept, under the key of today."""
    return _ring(home).exists()


def forget_handed_on(home: Home) -> None:
    """No landed file is sealed with an earlier key any more."""
    _ring(home).unlink()


def _hand_on(home: Home, old: bytes, new: bytes) -> None:
    """Before the key changes: what the old one sealed can be read with the new one, whichever is in force after a crash."""
    lines = [" ".join(line) for line in _ring_lines(home)]
    for sealed_by, key in (landing_keys(home) | {fingerprint(old): landing_key(old)}).items():
        wrapped = base64.b64encode(AESSIV(new).encrypt(key, [sealed_by.encode()])).decode("ascii")
        lines.append(f"{sealed_by} {fingerprint(new)} {wrapped}")
    home.private_dir(home.audit)
    temporary = _ring(home).with_suffix(f".{os.getpid()}")
    temporary.write_text("\n".join(lines) + "\n", "ascii")
    temporary.replace(_ring(home))


def _ring(home: Home) -> Path:
    # No secret: keys under the vault's key. It must come back with a backup.
    return home.audit / "landing.keys"


def _ring_lines(home: Home) -> list[list[str]]:
    return [line.split() for line in _ring(home).read_text("ascii").splitlines()] if handed_on(home) else []
