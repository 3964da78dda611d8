"""Each kind of file gives its records in order; what cannot be read is refused in one line."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import zipfile
from pathlib import Path

import duckdb
import pytest
import xlsxwriter
import xlwt

from catalog.errors import UserError
from transforms.stage import delimited, spreadsheet
from transforms.stage.read import RawTable, read_raw

HEADER = ["企业名称", "代码", "日期"]
ROWS = [["甲公司", "01", "2019-10-01"], ["乙公司", "02", "2019-10-02"], ["丙公司", "03", "2019-10-03"]]


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


class Reader:
    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.folder, self.connection = folder, connection
        self.found: RawTable | None = None

    def __call__(self, content: bytes, name: str = "file.csv") -> list[tuple[str | None, ...]]:
        source = self.folder / name
        source.write_bytes(content)
        return self.path(source)

    def path(self, source: Path) -> list[tuple[str | None, ...]]:
        self.found = read_raw(source, self.folder / "out" / "raw.parquet", self.connection)
        rows = self.connection.execute(
            "SELECT * EXCLUDE (file_row_number, _sheet) FROM read_parquet(?, file_row_number = true)"
            " ORDER BY file_row_number",
            [str(self.found.path)],
        ).fetchall()
        assert len(rows) == self.found.rows
        return rows

    def cells(self, content: bytes, name: str = "file.csv") -> list[tuple[str | None, ...]]:
        return [row[:-2] for row in self(content, name)]


@pytest.fixture
def read(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> Reader:
    return Reader(tmp_path, connection)


def as_csv(delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in [HEADER, *ROWS])


TABLE = [tuple(row) for row in [HEADER, *ROWS]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "｜"])
def test_every_encoding_delimiter_and_line_end_gives_the_same_rows(
    read: Reader, delimiter: str, encoding: str, end: str
) -> None:
    assert read.cells(as_csv(delimiter, end).encode(encoding)) == TABLE
    assert read.found is not None
    assert read.found.delimiter == delimiter


def test_utf_16_big_endian(read: Reader) -> None:
    assert read.cells(b"\xfe\xff" + as_csv().encode("utf-16-be")) == TABLE


def test_gb18030_in_full(read: Reader) -> None:
    text = b"\xd0\xd5\xc3\xfb,\xc2\xeb\n" + "𠮷,㐀\n".encode("gb18030") + b"\xfe\x59,\xa8\xbc\n"
    assert read.cells(text)[1:] == [("𠮷", "㐀"), ("\u9fb4", "\u1e3f")]


def test_gb18030_after_a_first_megabyte_of_ascii(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "SAMPLE_BYTES", 64)
    for end in (b"\n", b"\r\n"):
        rows = read.cells(b"name,code" + end + (b"a,1" + end) * 50 + "名,2".encode("gb18030") + end)
        assert rows[-1] == ("名", "2")
        assert len(rows) == 52


def test_one_cut_character_is_the_fault_of_its_record(read: Reader) -> None:
    good = as_csv().encode()
    rows = read(good + "丁公司".encode()[:-1] + b",04,2019\n" + good)
    assert [row[-2] for row in rows] == [None] * 4 + ["undecodable"] + [None] * 4
    assert rows[5][0] == "企业名称"


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_line_breaks_lose_no_record(read: Reader, end: str, break_: str) -> None:
    text = f'名称,文{end}a,"x{break_}y"{end}b,z{end}c,"{break_}"{end}d,e{end}'
    rows = read.cells(text.encode())
    assert [row[0] for row in rows] == ["名称", "a", "b", "c", "d"]
    assert (rows[1][1] or "").split() == ["x", "y"]


def test_blank_lines_keep_their_place_and_those_at_the_end_are_none(read: Reader) -> None:
    for end in ("\n", "\r\n"):
        text = f"{end}标题,甲{end}{end}  {end}1,2{end},{end}3,4{end}{end}{end}"
        for encoding in ("utf-8", "gb18030"):
            rows = read.cells(text.encode(encoding))
            none = (None, None)
            assert rows == [none, ("标题", "甲"), none, none, ("1", "2"), none, ("3", "4")]


def test_only_blank_lines_at_the_end_need_no_second_pass(
    read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_repair", lambda *_: pytest.fail("rewrote a good file"))
    for encoding in ("utf-8", "gb18030"):
        assert read.cells((as_csv() + "\n\n").encode(encoding)) == TABLE


def test_blank_line_at_the_seam_of_two_chunks(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "名,二\r\n1,2\r\n\r\n3,4\r\n".encode("gb18030")
    for chunk in range(1, len(text) + 1):
        monkeypatch.setattr(delimited, "CHUNK", chunk)
        assert read.cells(text) == [("名", "二"), ("1", "2"), (None, None), ("3", "4")]


def test_blank_line_in_an_otherwise_good_file(read: Reader) -> None:
    assert read.cells("名,二\n1,2\n\n3,4\n".encode())[2:] == [(None, None), ("3", "4")]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_line_end_at_the_seam_of_two_chunks_needs_no_repair(
    read: Reader, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(delimited, "_repair", lambda *_: pytest.fail("rewrote a good file"))
    text = as_csv(end="\r\n").encode(encoding)
    for chunk in range(1, len(text) + 1):
        monkeypatch.setattr(delimited, "CHUNK", chunk)
        assert read.cells(text) == TABLE


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_records_of_another_width_stay_with_their_text(read: Reader, encoding: str) -> None:
    text = '名称,码,日\na,1,x\nb,2\n"c,c",3,y,多\nd,4,z,,\n"e"e,5,z\nf,"6,w\ng,7,v\n"h,h",8,\n'
    rows = read(text.encode(encoding))
    assert [row[-2:] for row in rows] == [
        (None, None),
        (None, None),
        ("too_few_columns", "b,2"),
        ("too_many_columns", '"c,c",3,y,多'),
        (None, None),
        ("broken_quotes", '"e"e,5,z'),
        ("broken_quotes", 'f,"6,w'),
        (None, None),
        (None, None),
    ]
    assert rows[2][:3] == ("b", "2", None)
    assert rows[7][:3] == ("g", "7", "v")
    assert rows[8][:3] == ("h,h", "8", None)


@pytest.mark.parametrize("block", [1, 2, 3, 5, 4096])
def test_repair_does_not_depend_on_where_blocks_end(
    read: Reader, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_LINES", block)
    text = '名称,码\n\na,1\n"b\n\nb",2\nc\n\n\nd,"4\n\n"e"x,5\nf, "6" \n"g",7\n\n'
    rows = read(text.encode())
    assert [row[0] for row in rows] == [
        "名称",
        None,
        "a",
        "b\n\nb",
        "c",
        None,
        None,
        "d",
        None,
        '"e"x',
        "f",
        "g",
    ]
    assert [row[2] for row in rows if row[2]] == ["too_few_columns", "broken_quotes", "broken_quotes"]
    assert rows[10][1] == "6"


def test_repaired_and_direct_reading_agree(read: Reader) -> None:
    good = "".join(f'{i}, "名,{i}" ,"x""{i}",\n' for i in range(1000))
    direct = read("编号,名,文,空\n".encode() + good.encode())
    repaired = read("编号,名,文,空\n".encode() + good.encode() + b"\n1\n")
    assert repaired[:-2] == direct


def test_title_row_and_short_header_do_not_narrow_the_table(read: Reader) -> None:
    rows = read.cells("登记信息表\n名称,码,日,注\na,1,x\nb,2,y\nc,3,z\n".encode())
    assert rows[0] == ("登记信息表", None, None, None)
    assert rows[1] == ("名称", "码", "日", "注")


def test_order_holds_whatever_the_connection_is_set_to(
    read: Reader, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("SET preserve_insertion_order = false; SET threads = 4")
    lines = ["编号,名称", *(f"{i},名称{i:0200d}" for i in range(200_000))]
    rows = read.cells("\n".join(lines).encode())
    assert [row[0] for row in rows[1:]] == [str(i) for i in range(200_000)]


def test_names_with_pattern_characters(read: Reader) -> None:
    assert read.cells(as_csv().encode(), "批次[2019]*?.csv") == TABLE


def test_agrees_with_the_csv_module_on_random_files(read: Reader) -> None:
    rnd = random.Random(11)

    def cell() -> str | None:
        text = "".join(rnd.choices('ab1中𠮷文，",', k=rnd.randint(1, 6)))
        return rnd.choice([None, text, text, text + rnd.choice(["\n", "\r\n", "\r", " "]) + "z"])

    for _ in range(60):
        width = rnd.randint(2, 5)
        rows = [["名称", "甲", "乙", "丙", "丁"][:width]]
        rows += [[cell() or "" for _ in range(width)] for _ in range(rnd.randint(1, 30))]
        out = io.StringIO()
        delimiter, end = rnd.choice(",\t;"), rnd.choice(["\n", "\r\n"])
        csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
        got = read(out.getvalue().encode(rnd.choice(["utf-8", "gb18030", "utf-16"])))
        wanted = [tuple(c.replace("\r\n", "\n") or None for c in row) for row in rows]
        assert [tuple(c and c.replace("\r\n", "\n") for c in row[:-2]) for row in got] == wanted


def workbook(path: Path) -> None:
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("一季度")
    sheet.merge_range("B1:H1", "登记表")
    sheet.write_row("B3", ["名称", "码", "日", "时", "数", "真", "长码"])
    sheet.write_row("B4", ["甲", 42, None, None, 0.5, True, 130528199001010129])
    sheet.write_datetime(
        "D4", dt.datetime.fromisoformat("2019-09-30"), book.add_format({"num_format": "yyyy-mm-dd"})
    )
    sheet.write_datetime(
        "E4",
        dt.datetime.fromisoformat("2019-09-30 08:05:00"),
        book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    )
    sheet.merge_range("B6:B7", "乙")
    sheet.write("C6", "p")
    sheet.write("C7", "q")
    second = book.add_worksheet("二季度")
    second.write("B1", "登记表（续）")
    second.write_row("B2", ["名称", "码", "日", "时", "数", "真", "长码"])
    second.write_row("B3", ["丙", "07"])
    book.add_worksheet("填表说明").write("A1", "请按要求填写")
    hidden = book.add_worksheet("旧")
    hidden.write("A1", "x")
    hidden.hide()
    book.close()


def test_workbook(read: Reader, tmp_path: Path) -> None:
    workbook(tmp_path / "book.xlsx")
    rows = read.path(tmp_path / "book.xlsx")
    assert [row[1] for row in rows] == [
        "登记表",
        None,
        "名称",
        "甲",
        None,
        "乙",
        "乙",
        "登记表（续）",
        "名称",
        "丙",
    ]
    assert rows[3][:8] == (
        None,
        "甲",
        "42",
        "2019-09-30",
        "2019-09-30 08:05:00",
        "0.5",
        "TRUE",
        "1.3052819900101E+17",
    )
    assert rows[9][:3] == (None, "丙", "07")
    assert [row[-2] for row in rows] == [None] * 7 + ["preamble", None, None]
    assert read.found is not None
    assert len(read.found.notes) == 2


def test_xls(read: Reader, tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    for r, row in enumerate([HEADER, *ROWS]):
        for c, value in enumerate(row):
            sheet.write(r, c, value)
    sheet.write(4, 1, 130528199001010129)
    sheet.write(4, 0, 7)
    book.save(str(tmp_path / "wrong_extension.csv"))
    rows = [row[:3] for row in read.path(tmp_path / "wrong_extension.csv")]
    assert rows[:4] == TABLE
    assert rows[4] == ("7", "1.3052819900101E+17", None)
    assert read.found is not None
    assert read.found.format == "xls"


def split_xls(path: Path, rows: int, most: int, *, title: bool, headed: bool) -> list[tuple[str, ...]]:
    """A table that a program of old wrote over as many sheets as it took; the table."""
    table = [("名称", "代码", "日期"), *((f"单位{n}", f"{n:06d}", "2019-09-30") for n in range(rows))]
    lines = [("登记表",), *table] if title else list(table)
    book = xlwt.Workbook()
    number, sheet, row = 0, None, most
    for line in lines:
        if row == most:
            number, row = number + 1, 0
            sheet = book.add_sheet(f"Sheet{number}")
            if headed and number > 1:
                for column, text in enumerate(table[0]):
                    sheet.write(0, column, text)
                row = 1
        for column, text in enumerate(line):
            sheet.write(row, column, text)
        row += 1
    notes = book.add_sheet("填表说明")
    notes.write(0, 0, "请按要求填写")
    book.save(str(path))
    return table


@pytest.mark.parametrize("headed", [True, False])
@pytest.mark.parametrize("title", [True, False])
@pytest.mark.parametrize("rows", [3, 47, 98, 99, 170])
def test_a_table_split_over_sheets_is_one_table(
    read: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, title: bool, headed: bool
) -> None:
    monkeypatch.setattr(spreadsheet, "XLS_ROWS", 50)
    table = split_xls(tmp_path / "book.xls", rows, 50, title=title, headed=headed)
    got = read.path(tmp_path / "book.xls")
    assert read.found is not None
    records = [row[:3] for row in got if row[3] is None and row[:3] != table[0]]
    assert [row for row in records if row[1] is not None] == table[1:]
    assert [note for note in read.found.notes if "未读取" in note and "填表说明" not in note] == []
    full = (rows + 1 + title) % 50 == 0 if not headed else None
    if full is not None:
        assert any("可能被截断" in note for note in read.found.notes) == full


def test_a_real_split_of_xls(read: Reader, tmp_path: Path) -> None:
    table = split_xls(tmp_path / "book.xls", 66_000, 65_536, title=False, headed=False)
    got = read.path(tmp_path / "book.xls")
    assert [row[:3] for row in got] == table


def test_another_table_after_a_full_sheet_is_none_of_it(
    read: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "XLS_ROWS", 50)
    book = xlwt.Workbook()
    for name, width, rows in (("数据", 4, 50), ("代码", 2, 30), ("宽表", 9, 5)):
        sheet = book.add_sheet(name)
        for row in range(rows):
            for column in range(width):
                sheet.write(row, column, f"{name}{column}" if row == 0 else f"{row}")
    book.save(str(tmp_path / "book.xls"))
    assert len(read.path(tmp_path / "book.xls")) == 50
    assert read.found is not None
    assert [("代码" in n, "宽表" in n) for n in read.found.notes if "未读取" in n] == [
        (True, False),
        (False, True),
    ]


def as_ods(rows: list[list[str | float | None]]) -> bytes:
    """An ODS as LibreOffice writes it: repeated empty cells and rows, numbers as numbers."""

    def cell(value: str | float | None) -> str:
        if value is None:
            return '<table:table-cell table:number-columns-repeated="1"/>'
        if isinstance(value, float):
            return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    urn = "urn:oasis:names:tc:opendocument:xmlns"
    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    body += '<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    text = (
        f'<office:document-content xmlns:office="{urn}:office:1.0" xmlns:table="{urn}:table:1.0" xmlns:text="{urn}:text:1.0">'
        f'<office:body><office:spreadsheet><table:table table:name="一">{body}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", text)
    return stream.getvalue()


def test_ods(read: Reader) -> None:
    rows: list[list[str | float | None]] = [["名称", "代码", "数"], ["甲", None, 5.0], ["乙", "007", 0.25]]
    assert read.cells(as_ods(rows), "a.ods") == [
        ("名称", "代码", "数"),
        ("甲", None, "5"),
        ("乙", "007", "0.25"),
    ]
    assert read.found is not None
    assert read.found.format == "ods"


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": "甲", "b": 1.50, "c": null}, {"b": 12345678901234567890, "d": [1, {"e": true}]}]',
        '\ufeff{"code": 0, "list": [{"a": "甲", "b": 1.50, "c": null},'
        ' {"b": 12345678901234567890, "d": [1, {"e": true}]}]}',
        '{"a": "甲", "b": 1.50, "c": null}\n\n{"b": 12345678901234567890, "d": [1, {"e": true}]}\n',
    ],
)
def test_json(read: Reader, text: str) -> None:
    assert read.cells(text.encode(), "x.txt") == [
        ("a", "b", "c", "d"),
        ("甲", "1.50", None, None),
        (None, "12345678901234567890", None, '[1, {"e": true}]'),
    ]


def test_line_breaks_of_every_kind_inside_values(read: Reader) -> None:
    assert read.cells(b'[{"a": "x\\ry", "b": "u\\nv"}, {"a": "x\\r\\ny"}]')[1:] == [
        ("x\ry", "u\nv"),
        ("x\r\ny", None),
    ]


def test_json_record_that_is_none_stays_in_its_place(read: Reader) -> None:
    rows = read(b'[{"a": 1}, "x", {"a": 2}]')
    assert rows[2] == ("x", "not_an_object", "x")


def test_a_json_record_that_gives_a_key_two_values_is_not_divided(read: Reader) -> None:
    rows = read(b'[{"a": 1, "b": 2}, {"a": 3, "a": 4}, {"a": 5, "a": 5}]')
    assert [(row[0], row[2]) for row in rows] == [
        ("a", None), ("1", None), ('{"a": [3, 4]}', "repeated_key"), ("5", None),
    ]  # fmt: skip


def test_same_bytes_same_parquet(read: Reader, tmp_path: Path) -> None:
    read((as_csv() + "a,b\n").encode())
    first = (tmp_path / "out" / "raw.parquet").read_bytes()
    read((as_csv() + "a,b\n").encode())
    assert (tmp_path / "out" / "raw.parquet").read_bytes() == first


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "空的"),
        (b"\xef\xbb\xbf\r\n \r\n", "空的"),
        (b"%PDF-1.4 x", "PDF"),
        (b"\x1f\x8b\x08xxxx", "gzip"),
        (zipped("word/document.xml"), "Word"),
        (zipped("ppt/presentation.xml"), "PowerPoint"),
        (b"PK\x03\x04" + b"x" * 200, "损坏"),
        (zipped("xl/workbook.xml"), "损坏"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "密码"),
        (OLE + bytes(500), "不能接受"),
        (OLE + "Workbook".encode("utf-16-le") + bytes(500), "损坏"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "HTML"),
        (b"<?xml version='1.0'?><ROWDATA/>", "XML"),
        ("名称,码\n1,2\n".encode("utf-16-le"), "二进制"),
        (bytes(range(128, 256)) * 20, "编码"),
        ("企业名称,统一社会信用代码\n".encode().decode("gb18030", "ignore").encode(), "乱码"),
        ("企业名称,统一社会信用代码\n".encode().decode("latin-1").encode(), "乱码"),
        ("锟斤拷锟斤拷,代码\n1,2\n".encode(), "乱码"),
        (b'[{"a": 1}, {"a": ', "JSON 格式错误"),
        (b"[{}]", "没有记录"),
    ],
)
def test_refusals_name_file_and_remedy(read: Reader, tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read(content, "坏文件.csv")
    message = str(caught.value)
    assert said in message
    assert "坏文件.csv" in message
    assert "处理办法" in message
    assert "\n" not in message
    assert not (tmp_path / "out" / "raw.parquet").exists()


def test_one_damaged_value_is_no_reason_to_refuse(read: Reader) -> None:
    assert read.cells((as_csv() + "锟斤拷公司,04,2019\n").encode())[4][0] == "锟斤拷公司"


def test_missing_file(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="不存在"):
        read.path(tmp_path / "none.csv")


def test_a_refused_file_leaves_an_earlier_result_alone(read: Reader, tmp_path: Path) -> None:
    read(as_csv().encode())
    with pytest.raises(UserError):
        read(b"")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["raw.parquet"]


@pytest.mark.parametrize(
    ("text", "what"),
    [("[" * 100_000, "嵌套过深"), ('[{"a": "\\ud800"}]', "不成字")],
)
def test_json_that_cannot_be_kept_is_refused_on_one_line(read, text, what):
    with pytest.raises(UserError, match=what):
        read(text.encode(), "file.json")


def test_a_number_of_thousands_of_digits_is_text(read):
    many = "1" * 5000
    assert read(f'[{{"a": {many}, "b": 12, "c": [3]}}]'.encode(), "file.json")[1][:3] == (many, "12", "[3]")
