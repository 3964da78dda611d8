"""Files on servers of three kinds: what is complete is landed byte for byte, what is not is left alone."""

from __future__ import annotations

import asyncio
import csv
import errno
import io
import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncssh
import pyarrow.fs
import pytest

from catalog.channel import FolderSource
from catalog.errors import PassingError, UserError
from catalog.model import Item
from transforms import steps
from transforms.extract import remote
from transforms.extract.drop import extract_drop
from transforms.extract.remote import fetch
from warehouse.batch import Delivery, digest
from warehouse.home import Home
from warehouse.lake import Lake

from .conftest import PERIOD, QUICK, Rows, Use
from .servers import PASSWORD, free_port, listening, missing, wait_for

NAME = "130500_gaj_hotel_licence_20200105_01"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Share:
    """A folder of a server: its URI, and how a department puts a file into it."""

    kind: Any
    uri: str
    put: Callable[[str, bytes], None]

    def source(self, **more: Any) -> FolderSource:
        return FolderSource(
            id="drop", connection="gaj_files", kind=self.kind, **({"path": "out/{period}"} | more)
        )


def _written(folder: Path) -> Callable[[str, bytes], None]:
    def put(name: str, data: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1_578_200_000, 1_578_200_000))

    return put


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, str]]:
    """Address, root folder and host key of an SFTP server."""
    root, port = tmp_path_factory.mktemp("sftp"), free_port()
    key = asyncssh.generate_private_key("ssh-ed25519")

    class Guard(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("front", PASSWORD)

    loop = asyncio.new_event_loop()

    async def serve() -> None:
        await asyncssh.create_server(
            Guard, "127.0.0.1", port, server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
        )  # fmt: skip

    thread = threading.Thread(
        target=lambda: (loop.run_until_complete(serve()), loop.run_forever()), daemon=True
    )
    thread.start()
    wait_for(listening(port), "SFTP")
    yield f"127.0.0.1:{port}", root, key.export_public_key().decode().strip()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Address of an S3-compatible server."""
    server = Path(os.environ.get("XTCREDIT_TEST_S3") or ROOT / ".venv-s3" / "bin" / "moto_server")
    if not server.exists():
        missing("the S3 test server (moto)")
    port = free_port()
    process = subprocess.Popen(
        [server, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(listening(port), "S3")
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(params=["folder", "sftp", "s3"])
def share(request: pytest.FixtureRequest, tmp_path: Path) -> Share:
    case = tmp_path.name
    secret = quote(PASSWORD, safe="")
    if request.param == "folder":
        folder = tmp_path / "share"
        return Share("folder", f"file://{folder}", _written(folder))
    if request.param == "sftp":
        address, root, key = request.getfixturevalue("sftp")
        uri = f"sftp://front:{secret}@{address}/{case}?host_key={quote(key, safe='')}"
        return Share("sftp", uri, _written(root / case))
    address = request.getfixturevalue("s3")
    bucket = "b" + "".join(c for c in case.lower() if c.isalnum())
    system = pyarrow.fs.S3FileSystem(
        access_key="front",
        secret_key=PASSWORD,
        endpoint_override=address,
        scheme="http",
        allow_bucket_creation=True,
    )
    system.create_dir(bucket)

    def put(name: str, data: bytes) -> None:
        with system.open_output_stream(f"{bucket}/{name}", compression=None) as into:
            into.write(data)

    return Share("s3", f"s3://front:{secret}@{address}/{bucket}?scheme=http", put)


def landed(manifests: list[Path]) -> dict[str, bytes]:
    found = [Delivery.from_file(path) for path in manifests]
    for delivery in found:
        delivery.check()
    return {delivery.source_file: Path(delivery.path).read_bytes() for delivery in found}


def test_what_is_complete_is_landed_and_the_rest_left_alone(share: Share, hotels: Item, home: Home) -> None:
    assert fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK) == []
    for name in (f"{NAME}.csv", f"{NAME[:-1]}2.csv.gz"):
        share.put(f"out/2019-12/{name}", name.encode() * 1000)
    for name in (
        f"{NAME}.csv.part",
        f"{NAME}.csv.filepart",
        f".{NAME}.csv",
        f"{NAME}.tmp",
        "说明.txt",
        "130500_gaj_lawyers_20200105_01.csv",
        f"{NAME[:-1]}3-1.csv",
    ):
        share.put(f"out/2019-12/{name}", b"half")
    share.put(f"out/2019-11/{NAME}.csv", b"another period's")
    found = landed(fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK))
    assert found == {n: n.encode() * 1000 for n in (f"{NAME}.csv", f"{NAME[:-1]}2.csv.gz")}
    assert not list((home.root / "tmp").iterdir())


def test_a_marker_is_waited_for_where_it_is_agreed_on(share: Share, hotels: Item, home: Home) -> None:
    one = share.source(marker=True)
    share.put(f"out/2019-12/{NAME}.csv", b"x")
    assert fetch(one, hotels, PERIOD, home, share.uri, patience=QUICK) == []
    share.put(f"out/2019-12/{NAME}.ok", b"")
    assert landed(fetch(one, hotels, PERIOD, home, share.uri, patience=QUICK)) == {f"{NAME}.csv": b"x"}


def test_parts_are_one_delivery_once_they_are_all_there(share: Share, hotels: Item, home: Home) -> None:
    for number in (1, 2, 10):
        share.put(f"out/2019-12/{NAME}-{number}.csv", str(number).encode())
    assert fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK) == []
    share.put(
        f"out/2019-12/{NAME}.ok", "".join(f"{NAME}-{n}.csv {len(str(n))}\n" for n in (1, 2, 10)).encode()
    )
    (manifest,) = fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK)
    delivery = Delivery.from_file(manifest)
    assert (delivery.delivery, delivery.source_file) == ("20200105-01-130500", f"{NAME}.zip")
    with zipfile.ZipFile(delivery.path) as packed:
        assert {n: packed.read(n) for n in packed.namelist()} == {
            f"{NAME}-{n}.csv": str(n).encode() for n in (1, 2, 10)
        }
        assert packed.namelist()[-1] == f"{NAME}-10.csv"
    again = fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK)
    assert again == [manifest]  # the same bytes: the same batch
    share.put(f"out/2019-12/{NAME}.ok", f"{NAME}-1.csv 1\n{NAME}-2.csv 7\n{NAME}-10.csv 2".encode())
    (torn,) = fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK)
    assert f"{NAME}.ok 所列的“{NAME}-2.csv”没有送来，或大小" in str(Delivery.from_file(torn).refused)


def test_a_file_that_was_just_written_is_left_to_settle(tmp_path: Path, hotels: Item, home: Home) -> None:
    share = Share("folder", f"file://{tmp_path}/share", _written(tmp_path / "share"))
    share.put(f"out/2019-12/{NAME}.csv", b"x")
    now = time.time()
    os.utime(tmp_path / "share" / "out" / "2019-12" / f"{NAME}.csv", (now, now))
    assert fetch(share.source(settle=600), hotels, PERIOD, home, share.uri) == []
    assert len(fetch(share.source(settle=0), hotels, PERIOD, home, share.uri)) == 1


def test_a_wrong_password_or_host_key_is_refused(
    sftp: tuple[str, Path, str], hotels: Item, home: Home
) -> None:
    address, _, key = sftp
    one = FolderSource(id="drop", connection="gaj_files", kind="sftp")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    for secret, host_key in (("wrong", key), (quote(PASSWORD, safe=""), other)):
        with pytest.raises(UserError, match="gaj_files：文件服务器拒绝") as told:
            fetch(
                one,
                hotels,
                PERIOD,
                home,
                f"sftp://front:{secret}@{address}/?host_key={quote(host_key, safe='')}",
                patience=QUICK,
            )
        assert not isinstance(told.value, PassingError)
        assert "s3cret" not in str(told.value)


def test_a_server_that_is_away_is_a_passing_fault(hotels: Item, home: Home) -> None:
    one = FolderSource(id="drop", connection="gaj_files", kind="sftp")
    with pytest.raises(PassingError, match="gaj_files：来源没有应答"):
        fetch(one, hotels, PERIOD, home, f"sftp://front:s3cret@127.0.0.1:{free_port()}/", patience=QUICK)


def test_a_full_disk_here_is_not_told_as_a_server_that_is_away(
    tmp_path: Path, hotels: Item, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Share("folder", f"file://{tmp_path}/share", _written(tmp_path / "share"))
    share.put(f"out/2019-12/{NAME}.csv", b"x")

    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(remote, "land_delivery", full)
    with pytest.raises(PassingError, match="磁盘已满"):
        fetch(share.source(), hotels, PERIOD, home, share.uri, patience=QUICK)


def test_parts_in_the_inbox_wait_for_their_marker_too(hotels: Item, home: Home) -> None:
    folder = home.inbox / "2019-12"
    put = _written(folder)
    put(f"{NAME}-1.csv", b"a")
    put(f"{NAME}-2.csv", b"b")
    assert extract_drop(hotels, PERIOD, home) == []
    put(f"{NAME}.ok", f"{NAME}-1.csv 1 {digest(folder / f'{NAME}-1.csv')}\n{NAME}-2.csv\n".encode())
    (manifest,) = extract_drop(hotels, PERIOD, home)
    assert Delivery.from_file(manifest).source_file == f"{NAME}.zip"
    put(f"{NAME}.ok", f"{NAME}-1.csv 1 {'0' * 64}\n{NAME}-2.csv\n".encode())
    assert extract_drop(hotels, PERIOD, home) == [manifest]
    assert "大小、摘要不同" in str(Delivery.from_file(manifest).refused)
    put(f"{NAME}.ok", "两个文件".encode("gbk"))
    extract_drop(hotels, PERIOD, home)
    assert "没有送来" in str(Delivery.from_file(manifest).refused)
    (folder / f"{NAME}.ok").unlink()
    put(f"{NAME}.OK", b"")
    assert extract_drop(hotels, PERIOD, home) == [manifest]
    assert (
        Delivery.from_file(manifest).refused is None
    )  # the same bytes, and a marker that says nothing against them


def test_a_delivery_that_is_refused_does_not_keep_the_others_out(use: Use, rows: Rows, home: Home) -> None:
    item = use()
    put = _written(home.inbox / "2019-12")
    good = _as_csv(item, rows)
    names = {
        name: f"{name}_hotel_licence_20200105_01"
        for name in ("130528_gaj", "130530_gaj", "130599_gaj", "130530_nobody")
    }
    for name in names.values():
        put(f"{name}.csv", good)
    put(f"{names['130530_gaj']}.ok", f"{names['130530_gaj']}.csv 1".encode())
    put("130531_gaj_hotel_licence_20191305_01.csv", good)
    told = {}
    for manifest in steps.extract(item.id, "2019-12", home):
        try:
            steps.load(steps.judge(steps.stage(manifest, home), home), home)
        except UserError as error:
            told[Delivery.from_file(Path(manifest)).source_file] = str(error)
    with Lake(home) as lake:
        assert lake.execute("SELECT division FROM ops.batch").fetchall() == [("130528",)]
        assert lake.scalar("SELECT count(*) FROM ops.outcome WHERE success = 0") == 4
    assert [told[f"{names[name]}.csv"].partition("：")[2][:12] for name in ("130599_gaj", "130530_nobody")] == [
        "区划“130599”不在", "部门“nobody”不在",
    ]  # fmt: skip
    assert "大小、摘要不同" in told[f"{names['130530_gaj']}.csv"]
    assert "文件名中的日期不存在" in told["130531_gaj_hotel_licence_20191305_01.csv"]


def test_two_files_that_call_themselves_one_delivery_are_not_loaded_in_turn(
    use: Use, rows: Rows, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the one that is loaded last would stand, and the other be gone without a word."""
    share = Share("folder", f"file://{tmp_path}/share", _written(tmp_path / "share"))
    monkeypatch.setenv("XTCREDIT_SOURCE_GAJ_FILES", share.uri)
    item = use(share.source())
    inbox = _written(home.inbox / "2019-12")
    inbox(f"{NAME}.csv", _as_csv(item, rows))
    share.put(f"out/2019-12/{NAME}.csv", _as_csv(item, rows))
    (manifest,) = steps.extract(item.id, "2019-12", home)  # the same file by two ways
    steps.load(steps.judge(steps.stage(manifest, home), home), home)
    inbox(f"{NAME}.txt", _as_csv(item, rows[:100]))
    both = steps.extract(item.id, "2019-12", home)
    assert len(both) == 2
    for path in both:
        with pytest.raises(UserError, match=f"2 份文件的.*相同而内容不同（{NAME}.csv、{NAME}.txt）"):
            steps.stage(path, home)
    with Lake(home) as lake:
        assert lake.scalar("SELECT source_file FROM ops.batch") == f"{NAME}.csv"
    (home.inbox / "2019-12" / f"{NAME}.csv").unlink()
    (tmp_path / "share" / "out" / "2019-12" / f"{NAME}.csv").unlink()
    (manifest,) = steps.extract(item.id, "2019-12", home)
    steps.load(steps.judge(steps.stage(manifest, home), home), home)
    with Lake(home) as lake:
        assert lake.scalar("SELECT source_file FROM ops.batch") == f"{NAME}.txt"


def _as_csv(item: Item, rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), restval="")
    writer.writerow({name: item.field(name).title for name in rows[0]})
    writer.writerows(rows)
    return text.getvalue().encode()


def test_inbox_and_source_are_collected_together(
    use: Use, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Share("folder", f"file://{tmp_path}/share", _written(tmp_path / "share"))
    share.put(f"out/2019-12/{NAME}.csv", b"x")
    _written(home.inbox / "2019-12")(f"{NAME[:-1]}2.csv", b"y")
    monkeypatch.setenv("XTCREDIT_SOURCE_GAJ_FILES", share.uri)
    item = use(share.source())
    assert landed([Path(p) for p in steps.extract(item.id, "2019-12", home)]) == {
        f"{NAME}.csv": b"x",
        f"{NAME[:-1]}2.csv": b"y",
    }
