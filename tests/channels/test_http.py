"""A paged REST service: token, rate limit, resumption; what it has is what lands."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from catalog.channel import HttpSource
from catalog.errors import PassingError, UserError
from catalog.model import Item
from transforms.extract.http import pull
from warehouse.batch import Delivery
from warehouse.home import Home

from .conftest import PERIOD, QUICK

RECORDS = [{"XKZH": f"{n}", "JE": n + 0.5} for n in range(25)]


@dataclass
class Service:
    """A service whose answers the test decides: `fail` maps a request's place in the order to (status, headers)."""

    uri: str = ""
    total: object = len(RECORDS)
    most: int = 1000
    asked: list[int] = field(default_factory=list)
    fail: dict[int, tuple[int, dict[str, str]]] = field(default_factory=dict)


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(url.query).items()}
            page, size = int(query["pageNo"]), min(int(query["size"]), state.most)
            status, headers = state.fail.get(len(state.asked), (200, {}))
            state.asked.append(page)
            if self.headers["Authorization"] != "Bearer s3cret" or url.path != "/api/hotels":
                status = 401
            if (query["from"], query["to"]) != ("2019-12-01", "2020-01-01"):
                status = 400
            answer = {
                "code": 0,
                "data": {"total": state.total, "list": RECORDS[(page - 1) * size : page * size]},
            }
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode() if status == 200 else b"")

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.uri = f"http://:s3cret@127.0.0.1:{server.server_port}/api"
    yield state
    server.shutdown()
    server.server_close()


def source(**more: object) -> HttpSource:
    return HttpSource.model_validate(
        {"id": "rest", "kind": "http", "connection": "gaj_api", "path": "/hotels", "parameters": {"from": "{start}", "to": "{end}"},
         "page": "pageNo", "page_size": 10, "records": "data.list", "total": "data.total"} | more
    )  # fmt: skip


def landed(manifest: Path | None) -> list[dict[str, str]]:
    assert manifest is not None
    delivery = Delivery.from_file(manifest)
    delivery.check()
    return [json.loads(line) for line in Path(delivery.path).read_text("utf-8").splitlines()]


WANTED = [{"XKZH": r["XKZH"], "JE": str(r["JE"])} for r in RECORDS]


def test_all_pages_land_in_their_order(service: Service, hotels: Item, home: Home) -> None:
    assert landed(pull(source(), hotels, PERIOD, home, service.uri, patience=QUICK)) == WANTED
    assert service.asked == [1, 2, 3]
    assert not [p for p in home.root.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]


def test_a_busy_service_is_waited_for_as_long_as_it_says(service: Service, hotels: Item, home: Home) -> None:
    service.fail = {
        1: (429, {"Retry-After": "7"}),
        3: (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        4: (500, {}),
    }
    waited: list[float] = []
    assert (
        landed(pull(source(), hotels, PERIOD, home, service.uri, patience=QUICK, sleep=waited.append))
        == WANTED
    )
    assert waited == [7.0, 0.0]


def test_a_pull_that_broke_off_goes_on_where_it_stopped(service: Service, hotels: Item, home: Home) -> None:
    service.fail = {n: (502, {}) for n in range(2, 2 + QUICK.attempts)}
    with pytest.raises(PassingError, match="gaj_api：来源没有应答"):
        pull(source(), hotels, PERIOD, home, service.uri, patience=QUICK)
    service.asked.clear()
    service.fail = {}
    assert landed(pull(source(), hotels, PERIOD, home, service.uri, patience=QUICK)) == WANTED
    assert service.asked == [3]
    assert not [p for p in (home.root / "tmp" / "pull").rglob("*") if p.is_file()]


def test_what_is_refused_or_not_as_agreed_is_told(service: Service, hotels: Item, home: Home) -> None:
    wrong = service.uri.replace("s3cret", "other")
    for case, uri, told in (
        (source(), wrong, "HTTP 401"),
        (source(records="data.rows"), service.uri, "没有“data.rows”"),
        (source(records="data"), service.uri, "记录的列表"),
    ):
        with pytest.raises(UserError, match=told) as error:
            pull(case, hotels, PERIOD, home, uri, patience=QUICK)
        assert not isinstance(error.value, PassingError)
    service.total = 26
    with pytest.raises(PassingError, match="称有 26 条，实得 25 条"):
        pull(source(), hotels, PERIOD, home, service.uri, patience=QUICK)
    service.total = "二十五"
    with pytest.raises(UserError, match="总条数不是0或正整数"):
        pull(source(size="size", page_size=11), hotels, PERIOD, home, service.uri, patience=QUICK)


def test_a_service_that_gives_fewer_a_page_than_asked_for_is_read_to_its_end(
    service: Service, hotels: Item, home: Home
) -> None:
    service.most = 5
    assert landed(pull(source(), hotels, PERIOD, home, service.uri, patience=QUICK)) == WANTED
    assert service.asked == [1, 2, 3, 4, 5]
