"""Front-end databases: what stands in the table is what lands, whatever the engine, and a broken pull ends in the same batch."""

# ruff: noqa: DTZ001 - departments' tables hold naive times
from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from catalog.channel import DatabaseSource, Operation, Receipt, Watermark
from catalog.errors import PassingError, UserError
from catalog.model import Item
from catalog.period import Period
from transforms import steps
from transforms.extract import database
from transforms.extract.database import pull
from warehouse.batch import Delivery
from warehouse.home import Home
from warehouse.lake import Lake

from .conftest import HOTELS, PERIOD, QUICK, Rows, Use, fill
from .servers import PASSWORD, Server

COLUMNS = {"uscc": "TYSHXYDM", "name": "QYMC", "licence_no": "XKZH", "rooms": "KFS", "issued_on": "FZRQ"}
TITLES = {
    "uscc": "统一社会信用代码",
    "name": "旅馆名称",
    "licence_no": "许可证号",
    "rooms": "客房数",
    "issued_on": "发证日期",
}
# pymysql's cursor stumbles over its lost connection once more when it is collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
ENGINES = ("postgres", "mariadb")


def source(**more: Any) -> DatabaseSource:
    return DatabaseSource(
        id="front", connection="gaj_front", kind="database", **({"table": "HOTEL", "columns": COLUMNS} | more)
    )


def as_columns(rows: Rows) -> Rows:
    return [{COLUMNS[name]: value for name, value in row.items()} for row in rows]


def landed(manifest: Path | None) -> Rows:
    assert manifest is not None
    delivery = Delivery.from_file(manifest)
    delivery.check()
    return pq.read_table(delivery.path).to_pylist()


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


def test_every_value_lands_as_it_stands(server: Server, hotels: Item, home: Home) -> None:
    odd = [
        None,
        "",
        " 两边有空格 ",
        'quotes "and" commas, too',
        "line\nbreak",
        "𠮷野家",
        "100%",
        "\\N",
        "\\.",
        "'; DROP TABLE",
    ]
    made = [{"XKZH": str(i), "QYMC": text, "TYSHXYDM": None} for i, text in enumerate(odd)]
    fill(server.uri, "HOTEL", made)
    columns = {"licence_no": "XKZH", "name": "QYMC", "uscc": "TYSHXYDM"}
    got = landed(pull(source(columns=columns, order_by=("XKZH",)), hotels, PERIOD, home, server.uri))
    assert got == [
        {TITLES["licence_no"]: row["XKZH"], TITLES["name"]: row["QYMC"], TITLES["uscc"]: None} for row in made
    ]


def test_numbers_dates_and_times_land_as_text(server: Server, hotels: Item, home: Home) -> None:
    types = {
        "XKZH": sa.BigInteger(),
        "KFS": sa.Numeric(20, 2),
        "FZRQ": sa.Date(),
        "QYMC": sa.DateTime(),
        "TYSHXYDM": sa.CHAR(4),
    }
    row = {
        "XKZH": 10**17,
        "KFS": Decimal("12000000000.50"),
        "FZRQ": dt.date(2019, 9, 30),
        "QYMC": dt.datetime(2019, 9, 30, 8, 5),
        "TYSHXYDM": "ab",
    }
    fill(server.uri, "HOTEL", [row, dict.fromkeys(row)], types)
    got = landed(pull(source(order_by=("XKZH",)), hotels, PERIOD, home, server.uri))
    (full,) = [{k: v.strip() for k, v in r.items()} for r in got if r["客房数"]]
    assert full == {
        TITLES["licence_no"]: "1" + "0" * 17, TITLES["rooms"]: "12000000000.50", TITLES["issued_on"]: "2019-09-30",
        TITLES["name"]: "2019-09-30 08:05:00", TITLES["uscc"]: "ab",
    }  # fmt: skip
    assert [r for r in got if not r["客房数"]] == [dict.fromkeys(full)]


@pytest.mark.parametrize(
    ("watermark", "write"),
    [
        (Watermark(column="SJC"), lambda when: when),
        (Watermark(column="SJC", kind="date"), lambda when: when.date()),
        (
            Watermark(column="SJC", kind="text", format="%Y%m%d%H%M%S"),
            lambda when: when.strftime("%Y%m%d%H%M%S"),
        ),
    ],
    ids=["timestamp", "date", "text"],
)
def test_increments_split_the_table_by_period(
    server: Server, hotels: Item, home: Home, watermark: Watermark, write: Callable[[dt.datetime], Any]
) -> None:
    """Each row lies in exactly one period's pull, those of the first and last instant too."""
    whens = [dt.datetime(2019, 11, 30, 23, 59, 59), dt.datetime(2019, 12, 1), dt.datetime(2019, 12, 31, 23, 59, 59),
             dt.datetime(2020, 1, 1), dt.datetime(2019, 12, 15, 12)]  # fmt: skip
    kind = {"timestamp": sa.DateTime(), "date": sa.Date(), "text": sa.String(14)}[watermark.kind]
    fill(server.uri, "HOTEL", [{"XKZH": str(n), "SJC": write(w)} for n, w in enumerate(whens)], {"SJC": kind})
    one = source(columns={"licence_no": "XKZH"}, watermark=watermark)
    found = {
        str(period): [row["许可证号"] for row in landed(pull(one, hotels, period, home, server.uri))]
        for period in (Period(2019, 11), Period(2019, 12), Period(2020, 1))
    }
    assert found == {"2019-11": ["0"], "2019-12": ["1", "4", "2"], "2020-01": ["3"]}
    yearly = hotels.model_copy(update={"frequency": "yearly"})
    assert len(landed(pull(one, yearly, Period(2019, 12), home, server.uri))) == 4
    assert pull(one, hotels, Period(2018, 1), home, server.uri) is None
    assert not (home.landing / hotels.id / "2018-01" / "20180206-front").exists()


def test_the_server_leaves_out_what_is_not_asked_for(server: Server, hotels: Item, home: Home) -> None:
    fill(
        server.uri,
        "HOTEL",
        [{"XKZH": n, "CHECK_FLAG": f, "HYZK": "已婚"} for n, f in zip("abcd", "1201", strict=True)],
    )
    one = source(columns={"licence_no": "XKZH"}, filter={"CHECK_FLAG": ("1", "2")}, order_by=("XKZH",))
    assert landed(pull(one, hotels, PERIOD, home, server.uri)) == [{"许可证号": n} for n in "abd"]


def test_from_table_to_ledger_and_back(
    server: Server,
    use: Use,
    rows: Rows,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Withdrawn rows are put aside, every other row is judged as in a file, and the department is told of each."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("XTCREDIT_SOURCE_GAJ_FRONT", server.uri)
    table = [
        row | {"RECID": n, "OP": "D" if n % 50 == 7 else "IU"[n % 2]}
        for n, row in enumerate(as_columns(rows))
    ]
    engine = fill(server.uri, "HOTEL", table, {"RECID": sa.Integer()})
    fill(
        server.uri,
        "XT_RECEIPT",
        [dict.fromkeys(("batch_id", "item_id", "period", "source_id", "status", "code", "message"), "old")],
    )
    item = use(
        source(
            operation=Operation(column="OP"),
            receipt=Receipt(table="XT_RECEIPT", id="RECID"),
            order_by=("RECID",),
        )
    )
    (manifest,) = steps.extract(item.id, "2019-12", home)
    verdict = steps.judge(steps.stage(manifest, home), home)
    counts = steps.load(verdict, home)
    withdrawn = sum(row["OP"] == "D" for row in table)
    assert withdrawn > 3
    assert (counts["read"], counts["ignored"]) == (len(table), withdrawn)
    assert counts["quarantined"] > 3
    told = steps.acknowledge(verdict, home)
    assert told == {
        "accepted": counts["new"] + counts["updated"] + counts["duplicate"],
        "questioned": counts["quarantined"] - counts["set_aside"],
        "withdrawn": withdrawn,
    } | ({"set_aside": counts["set_aside"]} if counts["set_aside"] else {})
    assert steps.acknowledge(verdict, home) == told  # once more changes nothing
    steps.maintain(home)
    assert not Path(Delivery.from_file(Path(manifest)).path).exists()  # sealed, since its batch is loaded
    assert steps.acknowledge(verdict, home) == told
    with engine.connect() as connected:
        receipts = (
            connected.execute(
                sa.text(
                    'SELECT * FROM "XT_RECEIPT"' if "postgres" in server.uri else "SELECT * FROM XT_RECEIPT"
                )
            )
            .mappings()
            .all()
        )
    mine = {int(r["source_id"]): r for r in receipts if r["batch_id"] != "old"}
    assert len(receipts) == len(table) + 1
    assert sorted(mine) == list(range(len(table)))
    assert {n for n, r in mine.items() if r["status"] == "withdrawn"} == {
        r["RECID"] for r in table if r["OP"] == "D"
    }
    nameless = {r["RECID"] for r in table if not r["QYMC"] and r["OP"] != "D"}
    assert all(mine[n]["status"] == "questioned" for n in nameless)
    assert all(
        (r["status"] == "questioned") == bool(r["code"] and r["message"])
        for r in mine.values()
        if r["status"] != "set_aside"
    )
    with Lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM ops.ignored WHERE reason = 'withdrawn'") == withdrawn
        keys = {r[0] for r in lake.execute("SELECT licence_no FROM rec.hotel_licence").fetchall()}
    only_withdrawn = {r["XKZH"] for r in table if r["OP"] == "D"} - {
        r["XKZH"] for r in table if r["OP"] != "D"
    }
    assert not keys & only_withdrawn
    # No password in any file, message or log.
    kept = [path for path in home.root.rglob("*") if path.is_file()]
    assert len(kept) > 5
    for secret in (PASSWORD, "s3cret"):
        assert not [path for path in kept if secret.encode() in path.read_bytes()]
        assert secret not in caplog.text


def test_a_server_killed_in_the_middle_ends_in_the_same_batch(
    server: Server, hotels: Item, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BLOCK", 1 << 18)
    monkeypatch.setattr(database, "ROWS", 1000)
    engine = fill(server.uri, "HOTEL", [{"XKZH": "1", "QYMC": "旅馆" * 200}] * 20)
    double = sa.text(
        "INSERT INTO {0} SELECT * FROM {0}".format(
            '"HOTEL"' if engine.dialect.name == "postgresql" else "HOTEL"
        )
    )
    with engine.begin() as connected:
        for _ in range(10):
            connected.execute(double)
    engine.dispose()
    one = source(columns={"licence_no": "XKZH", "name": "QYMC"})
    undisturbed = Delivery.from_file(
        pull(one, hotels, PERIOD, Home(tmp_path / "a"), server.uri, patience=QUICK) or Path()
    )
    write, written = pq.ParquetWriter.write_batch, []

    def kill_once(self: pq.ParquetWriter, batch: Any, *args: Any) -> None:
        write(self, batch, *args)
        written.append(batch.num_rows)
        if len(written) == 2:
            server.kill()
            server.start()

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", kill_once)
    again = Delivery.from_file(
        pull(one, hotels, PERIOD, Home(tmp_path / "b"), server.uri, patience=QUICK) or Path()
    )
    assert sum(written) > 20 * 2**10  # two attempts
    assert (again.batch_id, again.sha256, again.size) == (
        undisturbed.batch_id,
        undisturbed.sha256,
        undisturbed.size,
    )
    assert not list((tmp_path / "b").rglob(".pull-*"))


def test_a_server_that_stays_away_is_a_passing_fault(server: Server, hotels: Item, home: Home) -> None:
    server.kill()
    try:
        with pytest.raises(PassingError, match="gaj_front：来源没有应答") as told:
            pull(source(), hotels, PERIOD, home, server.uri, patience=QUICK)
    finally:
        server.start()
    assert "s3cret" not in str(told.value)
    assert not home.landing.exists() or not [p for p in home.landing.rglob("*") if p.is_file()]


def test_what_a_server_refuses_is_told_at_once(server: Server, hotels: Item, home: Home) -> None:
    fill(server.uri, "HOTEL", [{"XKZH": "1"}])
    for wrong in (source(table="NOWHERE"), source(columns={"licence_no": "NO_SUCH"})):
        with pytest.raises(UserError, match="来源数据库不能读写") as told:
            pull(wrong, hotels, PERIOD, home, server.uri)
        assert not isinstance(told.value, PassingError)
    with pytest.raises(UserError, match="来源数据库不能读写") as told:
        pull(source(), hotels, PERIOD, home, server.uri.replace("s3cret", "wrong"))
    assert not isinstance(told.value, PassingError)
    assert "%2Fp%40ss" not in str(told.value)


def test_what_a_killed_process_left_is_removed(postgres: Server, hotels: Item, home: Home) -> None:
    fill(postgres.uri, "HOTEL", [{"XKZH": "1"}])
    one = source(columns={"licence_no": "XKZH"})
    folder = home.landing / hotels.id / "2019-12" / "20200105-front"
    folder.mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (folder / f".pull-{dead.pid}").write_bytes(b"half")
    assert landed(pull(one, hotels, PERIOD, home, postgres.uri))
    assert not list(folder.glob(".pull-*"))


@pytest.mark.parametrize("uri", ["", "postgres", "nothing://x", "postgres://h:port/x", "postgres://[/x"])
def test_a_wrong_uri_is_told_without_being_shown(uri: str, hotels: Item, home: Home) -> None:
    with pytest.raises(UserError, match="gaj_front"):
        pull(source(), hotels, PERIOD, home, uri)


def test_a_connection_that_is_not_set_is_named(use: Use, home: Home) -> None:
    with pytest.raises(UserError, match="XTCREDIT_SOURCE_GAJ_FRONT：没有来源连接“gaj_front”"):
        steps.extract(use(source()).id, "2019-12", home)


SOURCES = """\
sources:
  - id: front
    kind: database
    connection: gaj_front
    table: ods.HOTEL
    columns: {uscc: TYSHXYDM, name: QYMC, licence_no: XKZH, rooms: KFS, issued_on: FZRQ}
    filter: {CHECK_FLAG: ["1"]}
    watermark: {column: SJC, kind: text, format: "%Y%m%d%H%M%S"}
    operation: {column: DATA_STATE, withdrawn: [D, "2"]}
    receipt: {table: ods.XT_RECEIPT, id: RECID}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", None),
        ("kind: database", "kind: ftp", "kind"),
        ("QYMC", "婚姻状况", "不得归集"),
        ("rooms: KFS", "beds: KFS", "beds"),
        ("licence_no: XKZH, ", "", "必填的“licence_no”没有对应的列"),
        ("connection: gaj_front", "connection: postgres://u:p@h/d", "写法不符"),
        ("table: ods.HOTEL", "table: (select 1)", "写法不符"),
        ("%Y%m%d%H%M%S", "%d%m%Y", "先后"),
        ("kind: database", "kind: database\n    password: x", "不认识的键"),
        ("kind: database", "kind: database\n    format: other", "不在 formats 中"),
        ("kind: database", "kind: database\n    department: nobody", "不在部门表中"),
        ("kind: database", "kind: database\n    division: '990000'", "不在区划表中"),
    ],
)  # fmt: skip
def test_the_catalog_checks_its_sources(tmp_path: Path, old: str, new: str, told: str | None) -> None:
    from catalog.check_item import ItemCheck
    from catalog.forbidden import load_forbidden
    from catalog.groups import expand
    from catalog.loader import ROOT, group_sources, load_catalog, read_model
    from catalog.source import Source as Yaml

    path = tmp_path / "gaj" / "hotel_licence.yml"
    path.parent.mkdir()
    path.write_text(HOTELS + SOURCES.replace(old, new) if old else HOTELS + SOURCES, encoding="utf-8")
    item, findings = read_model(Item, path, group_sources(ROOT))
    if item is not None:
        expanded = expand(Yaml(path), group_sources(ROOT))
        findings += list(ItemCheck(item, expanded, load_catalog(), load_forbidden()).findings())
    if told is None:
        assert findings == []
    else:
        assert any(told in f.what and f.line >= HOTELS.count("\n") for f in findings), findings
