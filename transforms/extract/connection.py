"""What a source's connection is: an address with a password, which goes into no file, log or message."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from catalog.errors import PassingError, UserError

Connections = Callable[[str], str]
"""Gives the URI of a connection by its name; raises `UserError` for one that is not there."""


def from_environment(name: str) -> str:
    """The URI in `XTCREDIT_SOURCE_<NAME>`; raises `UserError` when it is not set."""
    variable = f"XTCREDIT_SOURCE_{name.upper()}"
    if uri := os.environ.get(variable):
        return uri
    raise UserError(
        f"没有来源连接“{name}”",
        where=variable,
        remedy=f"命令行设环境变量 {variable}，Airflow 建连接 {name}；写法见 docs/sources.md",
    )


@dataclass(frozen=True)
class Endpoint:
    """A connection's URI in its parts; printing it shows no password."""

    name: str
    scheme: str
    host: str
    port: int | None
    user: str
    path: str
    password: str = field(repr=False)
    options: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, name: str, uri: str) -> Endpoint:
        """Read `scheme://user:password@host:port/path?option=value`; raises `UserError` for anything else."""
        try:
            parts = urlsplit(uri)
            options = dict(parse_qsl(parts.query, keep_blank_values=True))
            if extra := options.pop("__extra__", None):  # Airflow's spelling of nested extras
                options |= {key: str(value) for key, value in json.loads(extra).items()}
            found = cls(
                name=name,
                scheme=parts.scheme,
                host=unquote(parts.hostname or ""),
                port=parts.port,
                user=unquote(parts.username or ""),
                path=unquote(parts.path),
                password=unquote(parts.password or ""),
                options=options,
            )
        except ValueError as error:
            raise _unreadable(name) from error
        if not found.scheme:
            raise _unreadable(name)
        return found

    def hide(self, text: str) -> str:
        """The text without the connection's password."""
        return text.replace(self.password, "***") if self.password else text


def _unreadable(name: str) -> UserError:
    return UserError(
        "来源连接的写法有误",
        where=name,
        remedy="写成 类型://用户:口令@主机:端口/库，口令中的特殊字符用百分号编码；见 docs/sources.md",
    )


@dataclass(frozen=True)
class Patience:
    """How often a source that does not answer is asked, and the seconds between: doubled each time."""

    attempts: int = 5
    first: float = 2.0
    longest: float = 60.0

    def retrying(self) -> Retrying:
        """Asks again after a `PassingError`; the last one is raised."""
        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.first, max=self.longest),
            retry=retry_if_exception_type(PassingError),
            reraise=True,
        )


def unreachable(endpoint: Endpoint, reason: str) -> PassingError:
    """The error for a source that did not answer or broke off."""
    return PassingError(
        f"来源没有应答或中途断开（{endpoint.hide(reason)}）",
        where=endpoint.name,
        remedy="核对对方服务与网络；恢复后重跑这一步，得到的批次与一次成功相同",
    )
