"""What old systems and exchange platforms send: archives, XML messages, DBF; the table in it is the table that was put in."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from catalog.errors import UserError
from transforms.stage import archive
from transforms.stage.read import read_raw
from warehouse.lake import connect

Read = Callable[[str, bytes], list[list[str | None]]]
CSV = "许可证号,旅馆名称\n1,甲旅馆\n2,乙旅馆\n".encode()
TABLE = [["许可证号", "旅馆名称"], ["1", "甲旅馆"], ["2", "乙旅馆"]]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return connect()


@pytest.fixture
def read(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> Read:
    """The cells of a file, by its name and bytes; a malformed record is [reason]."""

    def read(name: str, data: bytes) -> list[list[str | None]]:
        path = tmp_path / name
        path.write_bytes(data)
        raw = read_raw(path, tmp_path / "raw.parquet", connection)
        path.unlink()
        assert [p.name for p in tmp_path.iterdir()] == ["raw.parquet"]
        rows = connection.execute(f"SELECT * FROM '{raw.path}'").fetchall()
        assert len(rows) == raw.rows
        return [[r[raw.columns]] if r[raw.columns] else list(r[: raw.columns]) for r in rows]

    return read


def zipped(**files: bytes) -> bytes:
    import io

    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return into.getvalue()


def test_archives_are_read_as_what_is_in_them(read: Read) -> None:
    assert read("a.zip", zipped(**{"数据.csv": CSV})) == TABLE
    assert read("b.csv.gz", gzip.compress(CSV)) == TABLE
    assert (
        read("c.zip", zipped(**{"a/": b"", "a/1.csv": CSV, "__MACOSX/._1.csv": b"x", ".DS_Store": b"x"}))
        == TABLE
    )


def test_several_files_are_one_table_in_the_order_of_their_names(read: Read) -> None:
    second = "某某旅馆名册,\n许可证号,旅馆名称\n3,丙旅馆\n".encode("gb18030")
    assert read("a.zip", zipped(**{"2.csv": second, "1.csv": CSV})) == [
        *TABLE, ["preamble"], ["许可证号", "旅馆名称"], ["3", "丙旅馆"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        ("a.zip", {"../../etc/x.csv": CSV}, "指向包外"),
        ("a.zip", {"/etc/x.csv": CSV}, "指向包外"),
        ("a.zip", {"C:\\x.csv": CSV}, "指向包外"),
        ("a.zip", {"a/": b""}, "没有文件"),
        ("a.zip", {"b.zip": zipped(**{"c.csv": CSV})}, "压缩包里还是压缩包"),
        ("a.zip", {"1.csv": CSV, "2.csv": b"a,b\n1,2\n"}, "“2.csv”与“1.csv”的表头不同"),
        ("a.zip", {"1.csv": b"a,b\n" + b"0,0\n" * 2_000_000}, "解开后过大"),
    ],
    ids=["up", "root", "drive", "nothing", "nested", "other header", "bomb"],
)
def test_an_archive_that_is_no_delivery_is_refused(
    read: Read, name: str, files: dict[str, bytes], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        read(name, zipped(**files))


def test_a_damaged_archive_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = zipped(**{"1.csv": CSV * 100})
    with pytest.raises(UserError, match="损坏"):
        read("a.zip", whole[:60] + b"\xff\xff\xff\xff" + whole[64:])
    with pytest.raises(UserError, match="损坏"):
        read("b.gz", gzip.compress(CSV)[:-12])
    monkeypatch.setattr(archive, "MAX_UNPACKED", 10)
    with pytest.raises(UserError, match="解开后过大"):
        read("c.gz", gzip.compress(CSV))


ROWS = "<ROW><XKZH>1</XKZH><QYMC>甲旅馆</QYMC></ROW><ROW><QYMC>乙 &amp; 丙</QYMC><XKZH/></ROW>"
NIL = '<XKZH xsi:nil="true"/>'
XML_TABLE = [["XKZH", "QYMC"], ["1", "甲旅馆"], [None, "乙 & 丙"]]


@pytest.mark.parametrize(
    "data",
    [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ROWDATA>{ROWS}</ROWDATA>'.encode(),
        f'<?xml version="1.0" encoding="gb2312"?><ROWDATA>{ROWS}</ROWDATA>'.encode("gbk"),
        f"<m:Message xmlns:m='urn:x'><m:Header><a>1</a><b>2</b></m:Header><m:Body>{ROWS}</m:Body></m:Message>".encode(),
        '<ROWDATA><ROW XKZH="1" QYMC="甲旅馆"/><ROW QYMC="乙 &amp; 丙"/></ROWDATA>'.encode(),
        f'<R xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{ROWS.replace("<XKZH/>", NIL)}</R>'.encode(),
    ],
    ids=["rows", "gbk", "message", "attributes", "nil"],
)
def test_xml_is_read_as_its_rows(read: Read, data: bytes) -> None:
    assert read("a.xml", data) == XML_TABLE


def test_a_message_of_one_record_is_one_row(read: Read) -> None:
    message = "<ExchangeMessage><Header><sender>gaj</sender><item>x</item></Header><Body><XKZH>1</XKZH><QYMC>甲</QYMC></Body></ExchangeMessage>"
    assert read("a.xml", message.encode()) == [["XKZH", "QYMC"], ["1", "甲"]]


def test_a_nested_row_is_malformed_and_many_rows_are_streamed(read: Read) -> None:
    nested = "<ROW><XKZH>9</XKZH><X><Y><Z>1</Z></Y></X></ROW>"
    found = read("a.xml", f"<R>{ROWS}{nested}{ROWS * 5000}</R>".encode())
    assert (len(found), found[3]) == (1 + 2 + 1 + 10_000, ["nested_element"])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><ROW><a>&x;</a></ROW></r>', "DOCTYPE"),
        ('<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r><ROW><a>&b;</a></ROW></r>', "DOCTYPE"),
        ("<r><ROW><a>1</a></ROW>", "XML 格式错误"),
        ("<r><ROW/></r>", "没有记录"),
    ],
)
def test_unsafe_and_broken_xml_is_refused(read: Read, data: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        read("a.xml", data.encode())


def dbf(
    columns: list[tuple[str, str, int]],
    records: list[tuple[bytes, ...]],
    deleted: set[int] = frozenset(),
    version: int = 0x03,
    flags: dict[str, int] | None = None,
) -> bytes:
    """A DBF as dBase and FoxPro write it."""
    width = 1 + sum(length for _, _, length in columns)
    linked = bytes(263) if version == VISUAL else b""  # the way to the database the table belongs to
    head = struct.pack(
        "<B3BIHH17xB2x", version, 119, 12, 31, len(records), 33 + 32 * len(columns) + len(linked), width, 0x7A
    )
    described = b"".join(
        struct.pack(
            "<11sc4xBBB13x",
            name.encode("gbk"),
            kind.encode(),
            length & 255,
            length >> 8,
            (flags or {}).get(name, 0),
        )
        for name, kind, length in columns
    )
    rows = b"".join(
        (b"*" if n in deleted else b" ") + b"".join(v.ljust(c[2]) for v, c in zip(r, columns, strict=True))
        for n, r in enumerate(records)
    )
    return head + described + b"\r" + linked + rows + b"\x1a"


def test_dbf_is_read_with_its_types(read: Read) -> None:
    columns = [
        ("许可证号", "C", 10),
        ("QYMC", "C", 300),
        ("KFS", "N", 6),
        ("FZRQ", "D", 8),
        ("N", "I", 4),
        ("JE", "Y", 8),
        ("SJ", "T", 8),
    ]
    full = (
        b"1",
        "甲旅馆".encode("gbk"),
        b"    60",
        b"20190930",
        struct.pack("<i", -5),
        struct.pack("<q", -123456),
        struct.pack("<II", 2458757, 29100000),
    )
    blank = (b"", b"", b"", b"", struct.pack("<i", 0), struct.pack("<q", 0), struct.pack("<II", 0, 0))
    assert read("a.dbf", dbf(columns, [full, full, blank], deleted={1})) == [
        [name for name, _, _ in columns],
        ["1", "甲旅馆", "60", "20190930", "-5", "-12.3456", "2019-09-30 08:05:00"],
        ["deleted"],
        [None, None, None, None, "0", "0.0000", None],
    ]


def test_numbers_too_wide_for_a_dbf_are_told(tmp_path: Path) -> None:
    source = tmp_path / "a.dbf"
    source.write_bytes(dbf([("A", "N", 3), ("B", "C", 3)], [(b"***", b"x"), (b"  7", b"***"), (b"", b"x")]))
    with duckdb.connect() as connection:
        found = read_raw(source, tmp_path / "raw.parquet", connection)
        cells = connection.execute(f"SELECT c0, c1 FROM '{found.path}'").fetchall()
    assert cells == [("A", "B"), (None, "x"), ("7", "***"), (None, "x")]
    assert [("1 个数字格" in note) for note in found.notes] == [True]


def test_a_long_dbf_keeps_its_order(read: Read) -> None:
    found = read(
        "a.dbf", dbf([("A", "N", 6), ("B", "C", 1)], [(str(n).encode(), b"x") for n in range(12_001)])
    )
    assert [row[0] for row in found] == ["A", *map(str, range(12_001))]


def test_one_cell_that_is_no_text_is_its_records_fault(read: Read) -> None:
    records = [(b"1", "甲".encode("gbk")), (b"2", b"\xff\xff"), (b"3", "丙".encode("gbk"))]
    found = read("a.dbf", dbf([("A", "N", 3), ("B", "C", 4)], records))
    assert found == [["A", "B"], ["1", "甲"], ["undecodable"], ["3", "丙"]]
    moments = [(struct.pack("<II", 2458757, 0),), (struct.pack("<II", 0xFFFFFFFF, 0),)]
    assert read("a.dbf", dbf([("SJ", "T", 8)], moments))[1:] == [["2019-09-30 00:00:00"], ["impossible_date"]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data[:-32], "文件头记 50 条，文件里有 44 条（末条不全）"),
        (lambda data: data[:4] + b"\x30" + data[5:], "文件头记 48 条，文件里有 50 条"),
    ],
    ids=["cut", "not yet counted"],
)
def test_a_dbf_of_fewer_or_more_records_than_it_says_is_refused(
    read: Read, change: Callable[[bytes], bytes], told: str
) -> None:
    data = dbf([("A", "N", 5)], [(b"%d" % n,) for n in range(50)])
    assert len(read("a.dbf", data)) == len(read("a.dbf", data[:-1])) == 51
    with pytest.raises(UserError, match=rf"{told}.*处理办法"):
        read("a.dbf", change(data))


VISUAL = 0x30


def test_visual_foxpro_has_numbers_of_its_own_and_null(read: Read) -> None:
    columns = [("A", "C", 4), ("B", "B", 8), ("N", "I", 4), ("V", "V", 6), ("_NullFlags", "0", 1)]
    # Bits: A and N can be NULL; V has its length's bit first, then its NULL.
    data = dbf(
        columns,
        [
            (b"x", struct.pack("<d", 12.5), struct.pack("<i", 3), b"abcdef", b"\x00"),
            (b"", struct.pack("<d", 7), struct.pack("<i", 0), b"ab\0\0\0\x02", b"\x07"),
            (b"y", struct.pack("<d", 0.1), struct.pack("<i", 0), b"\0\0\0\0\0\x00", b"\x0c"),
        ],
        version=VISUAL,
        flags={"A": 2, "N": 2, "V": 2, "_NullFlags": 5},
    )
    assert read("a.dbf", data) == [
        ["A", "B", "N", "V"],
        ["x", "12.5", "3", "abcdef"],
        [None, "7", None, "ab"],
        ["y", "0.1", "0", None],
    ]


MEMO = "经营者在经营场所外堆放杂物" * 40


def fpt(texts: list[bytes], block: int = 64) -> tuple[bytes, list[int]]:
    """A memo file as FoxPro writes it, and the numbers of the texts' blocks."""
    data, places = bytearray(struct.pack(">I2xH", 0, block).ljust(512, b"\0")), []
    for text in texts:
        places.append(len(data) // block)
        data += struct.pack(">II", 1, len(text)) + text
        data += bytes(-len(data) % block)
    return bytes(data), places


def dbt(texts: list[bytes], *, four: bool) -> tuple[bytes, list[int]]:
    """A memo file as dBase III or IV writes it."""
    block = 1024 if four else 512
    data, places = bytearray(struct.pack("<I16xH", 1, block if four else 0).ljust(block, b"\0")), []
    for text in texts:
        places.append(len(data) // block)
        data += b"\xff\xff\x08\0" + struct.pack("<I", 8 + len(text)) + text if four else text + b"\x1a\x1a"
        data += bytes(-len(data) % block)
    return bytes(data), places


@pytest.mark.parametrize(
    ("ending", "version", "wide"),
    [("fpt", 0xF5, 10), ("FPT", VISUAL, 4), ("dbt", 0x83, 10), ("dbt", 0x8B, 10)],
    ids=["FoxPro 2", "Visual FoxPro", "dBase III", "dBase IV"],
)
def test_long_texts_come_with_the_table(read: Read, ending: str, version: int, wide: int) -> None:
    texts = [MEMO.encode("gbk"), "短".encode("gbk")]
    memo, places = fpt(texts) if ending.lower() == "fpt" else dbt(texts, four=version == 0x8B)

    def pointer(block: int) -> bytes:
        return struct.pack("<I", block) if wide == 4 else (b"%10d" % block if block else b"")

    def table(*blocks: int) -> bytes:
        records = [(b"%d" % n, pointer(block)) for n, block in enumerate(blocks)]
        return dbf([("N", "N", 2), ("BZ", "M", wide)], records, version=version)

    packed = zipped(
        **{"a/数据.DBF": table(*places, 0, 9999), f"a/数据.{ending}": memo, "a/数据.cdx": b"index"}
    )
    assert read("a.zip", packed) == [["N", "BZ"], ["0", MEMO], ["1", "短"], ["2", None], ["damaged_memo"]]
    # One that is cut, and another table's.
    assert read("a.zip", zipped(**{"a.dbf": table(places[0]), f"a.{ending}": memo[: len(memo) // 2]}))[1] == [
        "damaged_memo"
    ]
    with pytest.raises(UserError, match=r"没有随 DBF 送来.*ZIP"):
        read("a.dbf", table(0, places[0]))
    with pytest.raises(UserError, match=r"不能接受|二进制"):
        read("a.zip", zipped(**{"a.dbf": table(0), f"b.{ending}": memo}))


def test_pictures_in_a_dbf_are_refused_and_their_empty_column_is_not(read: Read) -> None:
    columns = [("N", "N", 2), ("ZP", "G", 10), ("B", "B", 10)]
    assert read("a.dbf", dbf(columns, [(b"1", b"", b"")]))[1] == ["1", None, None]
    with pytest.raises(UserError, match="“ZP”的内容是图片或对象"):
        read("a.dbf", dbf(columns, [(b"1", b"        12", b"")]))
