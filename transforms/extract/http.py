"""A paged REST service to one landed file of records, page by page; a pull that broke off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from catalog.channel import HttpSource
from catalog.errors import PassingError, UserError
from catalog.model import Item
from catalog.period import Period
from transforms.extract.connection import Endpoint, Patience, unreachable
from transforms.extract.landing import being_pulled, interval, land_pulled
from warehouse.home import Home

_LONGEST_WAIT = 600.0
_BUSY = (429, 502, 503, 504)
_MOST_PAGES = 1_000_000

Sleep = Callable[[float], None]


def pull(
    source: HttpSource,
    item: Item,
    period: Period,
    home: Home,
    uri: str,
    *,
    patience: Patience | None = None,
    sleep: Sleep = time.sleep,
) -> Path | None:
    """Land the records that the service gives for the period, one JSON object a line; the manifest's path, None without any.

    A page once received is kept until all are there, so that a repeated pull asks for the rest only. Raises
    `PassingError` when the service does not answer or says that it is busy, `UserError` when it refuses or answers otherwise
    than agreed.
    """
    endpoint = Endpoint.parse(source.connection, uri)
    pages = _folder(source, item, period, home)
    with _client(source, endpoint) as client:
        number, count, total = source.first_page, 0, None
        while True:
            kept = pages / f"{number:07d}.json"
            if not kept.exists():
                for attempt in (patience or Patience()).retrying():
                    with attempt:
                        answer = _ask(client, source, item, period, number, endpoint, sleep)
                records = _dig(answer, source.records, endpoint)
                stated = (
                    None if source.total is None else _total(_dig(answer, source.total, endpoint), endpoint)
                )
                _keep(kept, {"records": records, "total": stated})
            page = json.loads(kept.read_bytes())
            count += len(page["records"])
            total = page["total"] if page["total"] is not None else total
            # A service may give fewer a page than it is asked for: where it says how many there are in all, that counts.
            ended = len(page["records"]) < source.page_size if total is None else count >= total
            if ended or not page["records"]:
                break
            number += 1
            if number > _MOST_PAGES:
                raise UserError("接口的页数没有尽头", where=endpoint.name, remedy="核对 page 参数名")
    if total is not None and total != count:
        shutil.rmtree(pages)
        raise PassingError(
            f"接口称有 {total} 条，实得 {count} 条：翻页之间数据变了",
            where=endpoint.name,
            remedy="重跑这一步，会从头取；总不相等的，请提供单位核对接口",
        )
    try:
        return _land(pages, count, source, item, period, home)
    finally:
        shutil.rmtree(pages)


def _folder(source: HttpSource, item: Item, period: Period, home: Home) -> Path:
    """Where the pages of this very question are kept; those of another question are dropped."""
    asked = hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:12]
    folder = home.private_dir(home.tmp / "pull") / f"{item.id}-{period}-{source.id}"
    for other in folder.glob("*") if folder.is_dir() else ():
        if other.name != asked:
            shutil.rmtree(other)
    (folder / asked).mkdir(parents=True, exist_ok=True)
    return folder / asked


def _client(source: HttpSource, endpoint: Endpoint) -> httpx.Client:
    scheme = endpoint.scheme if endpoint.scheme in ("http", "https") else "https"
    scheme = endpoint.options.get("scheme", scheme)
    token = endpoint.password
    bearer = f"Bearer {token}" if source.token.casefold() == "authorization" else token
    return httpx.Client(
        base_url=httpx.URL(scheme=scheme, host=endpoint.host, port=endpoint.port, path=endpoint.path or "/"),
        headers={source.token: bearer} if token else {},
        timeout=httpx.Timeout(60, connect=10),
    )


def _ask(
    client: httpx.Client,
    source: HttpSource,
    item: Item,
    period: Period,
    number: int,
    endpoint: Endpoint,
    sleep: Sleep,
) -> Any:
    first, end = interval(item, period)
    words = {"start": first.isoformat(), "end": end.isoformat(), "period": str(period)}
    parameters = {name: value.format(**words) for name, value in source.parameters.items()}
    parameters |= {source.page: str(number), source.size: str(source.page_size)}
    try:
        answer = client.get(source.path.format(**words).lstrip("/"), params=parameters)
    except httpx.TransportError as error:
        raise unreachable(endpoint, f"{type(error).__name__}: {error}") from error
    if answer.status_code in _BUSY:
        sleep(_asked_to_wait(answer))
        raise unreachable(endpoint, f"HTTP {answer.status_code}")
    if answer.status_code >= 500:
        raise unreachable(endpoint, f"HTTP {answer.status_code}")
    if answer.status_code != 200:
        raise UserError(
            f"接口拒绝了请求（HTTP {answer.status_code}）",
            where=f"{endpoint.name} {source.path}",
            remedy="核对地址、参数与令牌；令牌写在连接的口令中",
        )
    try:
        # Numbers keep the digits they are written with: everything is text from here on.
        return json.loads(answer.content, parse_float=str, parse_int=str)
    except ValueError as error:
        raise UserError(
            "接口的应答不是 JSON", where=f"{endpoint.name} {source.path}", remedy="核对地址与格式参数"
        ) from error


def _asked_to_wait(answer: httpx.Response) -> float:
    """Seconds that the service wants us to wait (Retry-After: seconds or a date)."""
    said = answer.headers.get("Retry-After", "")
    if said.isdecimal():
        return min(float(said), _LONGEST_WAIT)
    try:
        return min(max(parsedate_to_datetime(said).timestamp() - time.time(), 0.0), _LONGEST_WAIT)
    except ValueError:
        return 0.0  # nothing that can be understood: the usual patience applies


def _dig(answer: Any, path: str, endpoint: Endpoint) -> Any:
    for key in filter(None, path.split(".")):
        if not isinstance(answer, dict) or key not in answer:
            raise UserError(
                f"接口的应答中没有“{path}”", where=endpoint.name, remedy="核对目录中的 records、total"
            )
        answer = answer[key]
    return answer


def _total(stated: object, endpoint: Endpoint) -> int | None:
    if stated is None:
        return None
    if not str(stated).isdecimal():
        raise UserError(
            "接口所称的总条数不是0或正整数",
            where=endpoint.name,
            remedy="核对目录中的 total，或请提供单位改正",
        )
    return int(str(stated))


def _keep(path: Path, page: dict[str, Any]) -> None:
    if not isinstance(page["records"], list):
        raise UserError(
            "接口的应答中没有记录的列表", where=path.parent.parent.name, remedy="核对目录中的 records"
        )
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(page, ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)


def _land(pages: Path, count: int, source: HttpSource, item: Item, period: Period, home: Home) -> Path | None:
    if count == 0:
        return None
    with being_pulled(source, item, period, home) as path:
        with path.open("w", encoding="utf-8") as into:
            for page in sorted(pages.glob("*.json")):
                for record in json.loads(page.read_bytes())["records"]:
                    into.write(json.dumps(record, ensure_ascii=False) + "\n")
        return land_pulled(path, f"{source.connection}.{source.id}.json", source, item, period)
