"""The key behind the pseudonyms of natural persons."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from catalog.errors import UserError
from warehouse.home import Home

ENVIRONMENT = "XTCREDIT_IDENTITY_KEY"
_BLOCK = 64  # SHA-256's block, the length HMAC pads its key to (RFC 2104)


def identity_key(home: Home) -> bytes:
    """The 32-byte key: from `XTCREDIT_IDENTITY_KEY` (64 hex digits), else from `secrets/identity.key`, made on first use.

    Losing it makes every person of the warehouse a stranger, so it is never made anew beside an existing lake.
    Raises `UserError` for a malformed or lost key.
    """
    given = os.environ.get(ENVIRONMENT)
    path = home.secrets / "identity.key"
    if given is None and not path.exists():
        if (home.lake / "catalog.sqlite").exists():
            raise UserError(
                "找不到身份标识密钥，而数据湖已存在",
                where=str(path),
                remedy=f"从备份恢复该文件，或设置环境变量 {ENVIRONMENT}",
            )
        if home.catalog is not None:
            # Each machine would make one of its own, and the same person have a pseudonym on each.
            raise UserError(
                "多台机器共用一个数据湖时，身份标识密钥须先备好，各台相同",
                where=str(path),
                remedy=f"用 openssl rand -hex 32 生成一次，另行保管，各台都设环境变量 {ENVIRONMENT}",
            )
        _create(home, path)
    key = key_of(given if given is not None else path.read_bytes())
    if len(key) != 32:
        raise UserError(
            "身份标识密钥应为64位十六进制数",
            where=ENVIRONMENT if given is not None else str(path),
            remedy="恢复原来的密钥",
        )
    return key


def key_of(written: str | bytes) -> bytes:
    """A key written in hex digits; empty for what is none, whatever was put there in its place."""
    try:
        return bytes.fromhex((written if isinstance(written, str) else written.decode("ascii")).strip())
    except ValueError:
        return b""


def _create(home: Home, path: Path) -> None:
    home.private_dir(home.secrets)
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(temporary, path)  # fails if another process was first: its key counts
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def derived_key(home: Home, purpose: str) -> bytes:
    """A key for one purpose, from which neither the identity key nor that of another purpose can be told."""
    return hmac.digest(identity_key(home), f"xtcredit {purpose}".encode(), "sha256")


def pseudonym_macro(key: bytes, name: str = "xt_pseudonym") -> str:
    """SQL macro `xt_pseudonym(number)`: the first 128 bits of HMAC-SHA256 as 32 hex digits, NULL for NULL."""
    padded = key.ljust(_BLOCK, b"\0")
    inner = "".join(f"\\x{byte ^ 0x36:02X}" for byte in padded)
    outer = "".join(f"\\x{byte ^ 0x5C:02X}" for byte in padded)
    return (
        f"CREATE OR REPLACE TEMP MACRO {name}(number) AS "
        f"left(sha256('{outer}'::BLOB || unhex(sha256('{inner}'::BLOB || encode(number)))), 32)"
    )
