"""Any file a department sends to raw.parquet: one row per record of the file, in its order, all text."""

from __future__ import annotations

import zipfile
from functools import partial
from typing import TYPE_CHECKING

import duckdb

from catalog.errors import UserError
from transforms.stage.archive import MAX_UNPACKED, read_gzip, read_zip
from transforms.stage.dbf import is_dbf, read_dbf
from transforms.stage.delimited import read_delimited
from transforms.stage.extent import opened
from transforms.stage.fixed_width import Layout, find_layout, read_fixed_width
from transforms.stage.json_records import read_json
from transforms.stage.pulled import read_pulled
from transforms.stage.rawfile import RawTable
from transforms.stage.spreadsheet import protected, read_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["RawTable", "read_raw"]

_FORMATS = (
    "可接受的格式：CSV、XLSX、XLS、ODS、JSON、XML、DBF、目录登记了列位的定长文本，以及它们的 ZIP、GZIP 压缩包"
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS = (
    (b"%PDF", "PDF 文件"),
    (b"\x89PNG", "图片"),
    (b"\xff\xd8\xff", "图片"),
    (b"Rar!", "RAR 压缩包"),
    (b"7z\xbc\xaf", "7z 压缩包"),
    (b"SQLite format 3", "SQLite 数据库"),
    (b"{\\rtf", "RTF 文档"),
)


def read_raw(
    source: Path, target: Path, connection: duckdb.DuckDBPyConnection, layouts: Sequence[Layout] = ()
) -> RawTable:
    """Write `target` (Parquet) and say what was found.

    Columns: c0..cN VARCHAR as in the file, then `_malformed` (NULL, or why the record could not be divided
    into the file's columns: too_few_columns, too_many_columns, broken_quotes, undecodable, record_too_long,
    not_an_object, repeated_key, nested_element, too_short, too_long, damaged_memo, impossible_date; `preamble` marks title
    rows of a second sheet, `deleted` what a DBF has marked so), `_line` (the malformed record's text) and `_sheet`. Row i is record i of the file; title rows, header, blank rows are rows like any other; blank
    lines at the end of a text file are none. An empty cell is NULL. `layouts` are those of fixed-width text that the
    file may be written by.

    Raises:
        UserError: empty, damaged, protected or unknown file, undecodable text, mojibake.
    """
    try:
        kind = sniff_format(source)
        if kind == "csv" and (layout := find_layout(source, layouts)):
            return read_fixed_width(source, target, connection, layout)
        if kind == "csv":
            return read_delimited(source, target, connection)
        if kind == "json":
            return read_json(source, target, connection)
        if kind == "xml":
            from transforms.stage.xml_records import read_xml  # lxml, for the few who send it

            return read_xml(source, target, connection)
        if kind == "zip":
            return read_zip(source, target, connection, partial(_read_packed, layouts))
        if kind == "gzip":
            return read_gzip(source, target, connection, partial(_read_packed, layouts))
        if kind == "dbf":
            return read_dbf(source, target, connection)
        if kind == "parquet":
            return read_pulled(source, target, connection)
        return read_workbook(source, target, connection, kind)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise UserError("文件不存在或无权读取", where=str(source), remedy="请核对文件路径和权限") from error
    except RecursionError as error:
        raise UserError(
            "JSON 嵌套过深，不是记录的列表", where=source.name, remedy="请导出为由记录组成的数组"
        ) from error
    except UnicodeEncodeError as error:  # half a character, which only JSON can spell
        raise UserError(
            "文件中有不成字的编码（单独的代理码位）", where=source.name, remedy="请重新导出为 UTF-8 文件"
        ) from error
    except (duckdb.InvalidInputException, UnicodeDecodeError) as error:
        # DuckDB's message goes on with the line in clear (and is cut within a character where it is long, which
        # Python cannot decode): it must not follow the refusal into a log.
        reason = str(error).splitlines()[0] if isinstance(error, duckdb.Error) else "编码有误"
        raise UserError(
            f"文件内容无法解析（{reason}）", where=source.name, remedy="请另存为 XLSX 后重新报送"
        ) from None


def _read_packed(
    layouts: Sequence[Layout], source: Path, target: Path, connection: duckdb.DuckDBPyConnection
) -> RawTable:
    """Read a file out of an archive; archives in archives are none."""
    if sniff_format(source) in ("zip", "gzip"):
        raise UserError("压缩包里还是压缩包", where=source.name, remedy="请只压缩一层后重新报送")
    return read_raw(source, target, connection, layouts)


def sniff_format(source: Path) -> str:
    """Give "csv", "json", "xml", "dbf", "parquet", "xlsx", "xlsb", "xls", "ods", "zip" or "gzip" by the file's content; its extension is not trusted.

    Raises:
        UserError: empty file, or a format that is not accepted.
    """
    with source.open("rb") as stream:
        head = stream.read(1 << 16)
    if not head.strip(b"\x00\t\r\n \xef\xbb\xbf\xff\xfe"):
        raise UserError("文件是空的", where=source.name, remedy="请核对后重新报送；确无数据的请作零报告")
    if head.startswith(b"PK\x03\x04"):
        return _zip_format(source)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if is_dbf(head, source.stat().st_size):
        return "dbf"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(_OLE):
        return _ole_format(source)
    for magic, name in _OTHERS:
        if head.startswith(magic):
            raise _unknown(source, name)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        start = head.decode("utf-16", "ignore").lstrip().encode()
    elif head.count(0) * 10 > len(head):
        raise _unknown(source, "二进制文件，或没有字节顺序标记（BOM）的 UTF-16 文本")
    if start.startswith(b"<"):
        html = any(tag in start[:4096].lower() for tag in (b"<html", b"<table", b"<!doctype html", b"<meta"))
        name = "网页（HTML）"
        if not html:
            return "xml"
        raise UserError(
            f"文件实际是{name}，不是表格",
            where=source.name,
            remedy=f"请用 Excel 打开后另存为 XLSX；{_FORMATS}",
        )
    if start.startswith((b"{", b"[{", b"[")) and (
        start[1:].lstrip()[:1] in b'{"[]}' or source.suffix == ".json"
    ):
        return "json"
    return "csv"


def _zip_format(source: Path) -> str:
    try:
        with opened(source) as archive:
            names = set(archive.namelist())
            size = sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile as error:
        raise UserError(
            "工作簿已损坏，无法打开",
            where=source.name,
            remedy="请用 Excel 或 WPS 打开后另存为 XLSX，重新报送",
        ) from error
    if size > MAX_UNPACKED:
        raise UserError("解压后超过 8 GB", where=source.name, remedy="请改用 CSV 分批报送")
    if "xl/workbook.bin" in names:
        return "xlsb"
    if any(name.startswith("xl/workbook") for name in names):
        return "xlsx"
    if {"mimetype", "content.xml"} <= names:
        return "ods"
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise _unknown(source, "Word 或 PowerPoint 文档")
    return "zip"


def _ole_format(source: Path) -> str:
    data = source.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise protected(source)
    if any(name.encode("utf-16-le") in data for name in ("Workbook", "Book", "WORKBOOK", "BOOK")):
        return "xls"
    raise _unknown(source, "其他 Office 文档，或已损坏的 XLS")


def _unknown(source: Path, name: str) -> UserError:
    return UserError(f"文件格式不能接受（{name}）", where=source.name, remedy=_FORMATS)
