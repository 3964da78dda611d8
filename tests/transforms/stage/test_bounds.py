"""What is too large for a table is refused before anything opens it; what is too long in a record is that record's fault."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import openpyxl
import pytest
import xlwt

from catalog.errors import UserError
from transforms.stage import spreadsheet
from transforms.stage.rawfile import MAX_COLUMNS, RawTable
from transforms.stage.read import read_raw

Read = Callable[..., tuple[RawTable, list[tuple[str | None, ...]]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: bytes, name: str = "表.csv") -> tuple[RawTable, list[tuple[str | None, ...]]]:
        source = tmp_path / name
        source.write_bytes(content)
        connection = duckdb.connect()
        found = read_raw(source, tmp_path / "out" / "raw.parquet", connection)
        return found, connection.execute(
            f"SELECT * EXCLUDE (_sheet) FROM read_parquet('{found.path}')"
        ).fetchall()

    return read


def as_xlsx(cells: dict[str, object]) -> bytes:
    book = openpyxl.Workbook()
    for place, value in cells.items():
        book.active[place] = value
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return stream.getvalue()


def wide(columns: int) -> dict[str, bytes]:
    """A table of so many filled columns in every form."""
    names = [f"c{i}" for i in range(columns)]
    return {
        "a.csv": (",".join(names) + "\n" + ",".join(names) + "\n").encode(),
        "a.json": json.dumps([dict.fromkeys(names, "1")]).encode(),
        "a.xml": ("<R><ROW>" + "".join(f"<{n}>1</{n}>" for n in names) + "</ROW></R>").encode(),
        "a.xlsx": as_xlsx(
            {f"{openpyxl.utils.get_column_letter(i)}{r}": "x" for r in (1, 2) for i in range(1, columns + 1)}
        ),
    }


@pytest.mark.parametrize("name", wide(1))
def test_a_table_wider_than_any_item_is_refused(read: Read, name: str) -> None:
    with pytest.raises(UserError, match=rf"{MAX_COLUMNS + 1} 列，超过.*处理办法"):
        read(wide(MAX_COLUMNS + 1)[name], name)
    assert read(wide(MAX_COLUMNS)[name], name)[0].columns == MAX_COLUMNS


@pytest.mark.parametrize("lines", [1, 3, 200])
def test_empty_columns_beyond_the_table_are_cut(read: Read, lines: int) -> None:
    rows = [f"甲{i},{i},x" + ("," * 12_000 if i < lines else "") for i in range(200)]
    found, got = read("\n".join(["名称,码,注" + "," * 12_000, *rows]).encode())
    assert found.columns == 3
    assert [row[:4] for row in got[1:]] == [(f"甲{i}", str(i), "x", None) for i in range(200)]
    # What stands far out is not lost with them.
    _, got = read("\n".join(["名称,码,注" + "," * 12_000, *rows, "乙,1,x" + "," * 11_000 + "远"]).encode())
    assert got[-1][3] == "too_many_columns"


@pytest.mark.parametrize("place", ["XFD2", "ALM9000", "Z1048576"])
def test_one_cell_far_from_the_table_takes_no_memory(
    read: Read, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(spreadsheet, "_visible_sheets", lambda *_: pytest.fail("was opened"))
    with pytest.raises(UserError, match=r"(列，超过|几乎是空的).*处理办法"):
        read(as_xlsx({"A1": "名称", "B1": "码", place: "x"}), "a.xlsx")


@pytest.mark.parametrize(
    ("rows", "columns", "told"), [(1_000_000, 9, "几乎是空的"), (1, 2000, "列，超过"), (5, 3, None)]
)
def test_empty_cells_of_an_ods_count_as_often_as_they_are_repeated(
    read: Read, rows: int, columns: int, told: str | None
) -> None:
    def cell(text: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    namespace = "urn:oasis:names:tc:opendocument:xmlns"
    body = (
        f"<table:table-row>{cell('名称')}{cell('码')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="{rows}"><table:table-cell/></table:table-row>'
        f'<table:table-row><table:table-cell table:number-columns-repeated="{columns}"/>{cell("远")}</table:table-row>'
        # As spreadsheet programs end a sheet: nothing, a million times.
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    content = (
        f'<o:document-content xmlns:o="{namespace}:office:1.0" xmlns:office="{namespace}:office:1.0" xmlns:table="{namespace}:table:1.0"'
        f' xmlns:text="{namespace}:text:1.0"><o:body><o:spreadsheet><table:table table:name="一">{body}</table:table>'
        "</o:spreadsheet></o:body></o:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<m/>")
        archive.writestr("content.xml", content)
    if told is None:
        found, got = read(stream.getvalue(), "a.ods")
        assert (found.rows, got[-1][:4]) == (7, (None, None, None, "远"))
        return
    with pytest.raises(UserError, match=told):
        read(stream.getvalue(), "a.ods")


@pytest.mark.parametrize("size", [1 << 19, 40 << 20])
def test_a_workbook_that_unfolds_to_more_than_a_table_is_refused(read: Read, size: int) -> None:
    good = as_xlsx({"A1": "名称", "B1": "码", "A2": "甲", "B2": "1"})
    blown = repacked(good, lambda name, data: data + b" " * size if "worksheets" in name else data)
    if size > 2 << 20:
        with pytest.raises(UserError, match="解开后过大"):
            read(blown, "a.xlsx")
    else:
        assert read(blown, "a.xlsx")[0].rows == 2


def test_a_part_larger_than_its_archive_says_is_damaged(read: Read) -> None:
    data = bytearray(as_xlsx({"A1": "名称", "B1": "码", "A2": "甲", "B2": "1"}))
    at = data.rindex(b"PK\x01\x02")  # the last part's entry in the directory
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    with pytest.raises(UserError, match="损坏"):
        read(bytes(data), "a.xlsx")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("字" * 700_000 + ",\ufffd1", "undecodable"),
        ('"' * 880_001 + ",1", "broken_quotes"),
        ('"' + "字" * 700_000 + '",1', "record_too_long"),
    ],
)
def test_a_record_of_megabytes_is_its_own_fault_alone(read: Read, record: str, why: str) -> None:
    _, got = read(f"名称,码\n甲,1\n{record}\n乙,2\n".encode())
    assert [row[0] for row in got if row[2] is None] == ["名称", "甲", "乙"]
    assert got[2][2] == why
    assert len(got[2][3] or "") <= 100_000


def test_a_long_value_in_quotes_is_read_beside_a_broken_record(read: Read) -> None:
    long = "字，" * 100_000
    _, got = read(f'名称,码\n甲,1\n"{long}",2\n乙\n'.encode())
    assert [row[2] for row in got] == [None, None, None, "too_few_columns"]
    assert got[2][0] == long


def test_a_huge_value_of_json_and_xml_is_its_records_fault_alone(read: Read) -> None:
    huge = "字" * 1_000_000
    text = json.dumps([{"名": "甲"}, {"名": huge}, {"名": "乙"}], ensure_ascii=False)
    for content, name in (
        (text, "a.json"),
        (f"<R><ROW><名>甲</名></ROW><ROW><名>{huge}</名></ROW><ROW><名>乙</名></ROW></R>", "a.xml"),
    ):
        _, got = read(content.encode(), name)
        assert [row[1] for row in got] == [None, None, "record_too_long", None]


def test_what_duckdb_cannot_read_is_refused_without_its_lines(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(error: Exception) -> Callable[..., int]:
        def run(*_: object, **__: object) -> int:
            raise error

        return run

    for error in (
        duckdb.InvalidInputException("CSV Error on Line: 2\nOriginal Line: 130528198506070129"),
        UnicodeDecodeError("utf-8", b"130528198506070129\xe5", 18, 19, "unexpected end"),
    ):
        monkeypatch.setattr("transforms.stage.delimited.csv_to_parquet", fails(error))
        with pytest.raises(UserError, match=r"无法解析.*处理办法") as caught:
            read("名称,码\n甲,1\n".encode())
        assert "130528198506070129" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_reader_that_panics_refuses_the_file(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {})

    def fails(*_: object) -> None:
        raise panic("index out of bounds")

    monkeypatch.setattr(spreadsheet, "_visible_sheets", fails)
    with pytest.raises(UserError, match="已损坏"):
        read(as_xlsx({"A1": "名称", "B1": "码"}), "a.xlsx")
    monkeypatch.setattr(spreadsheet, "_visible_sheets", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        read(as_xlsx({"A1": "名称", "B1": "码"}), "a.xlsx")


def test_a_gzip_of_nothing_but_zeros_is_refused(read: Read) -> None:
    with pytest.raises(UserError, match="解开后过大"):
        read(gzip.compress(b"a,b\n" + b"0,0\n" * 5_000_000), "a.csv.gz")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_desert_of_blank_lines_is_refused(read: Read, end: str, encoding: str) -> None:
    text = f"名称,码{end}甲,1{end}{end * (1 << 22)}乙,2{end}"
    with pytest.raises(UserError, match=r"连续空白.*处理办法"):
        read(text.encode(encoding))
    assert len(read(f"名称,码{end}甲,1{end}{end * 1000}乙,2{end}".encode(encoding))[1]) == 1003


def test_a_line_that_does_not_end_is_refused(read: Read) -> None:
    with pytest.raises(UserError, match=r"有一行超过.*处理办法"):
        read(b"a,b\n1,2\n" + b"0," * (1 << 24) + b"\n3,4\n")


def damaged_xls() -> dict[str, bytes]:
    """A chain of sectors that leads back to itself, and a cell a thousand million cells away."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    for row in range(40):
        sheet.write(row, 0, "甲" * 20)
        sheet.write(row, 1, 3.14159265)
    stream = io.BytesIO()
    book.save(stream)
    good = stream.getvalue()
    table = 512 * (1 + int.from_bytes(good[76:80], "little"))
    entry = next(at for at in range(table, table + 512, 4) if good[at : at + 4] == b"\x02\x00\x00\x00")
    looped = good[:entry] + b"\x01\x00\x00\x00" + good[entry + 4 :]
    number = good.index(b"\x03\x02\x0e\x00" + (39).to_bytes(2, "little") + b"\x01\x00")
    far = good[: number + 4] + b"\xff\xff\xff\xff" + good[number + 8 :]
    return {"good": good, "looped": looped, "far": far}


@pytest.mark.parametrize("name", damaged_xls())
def test_a_damaged_xls_neither_hangs_nor_takes_the_memory(read: Read, name: str) -> None:
    content = damaged_xls()[name]
    if name == "good":
        assert read(content, "a.xls")[0].rows == 40
        return
    with pytest.raises(UserError, match=r"已损坏.*处理办法"):
        read(content, "a.xls")
