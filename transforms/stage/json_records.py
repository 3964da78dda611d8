"""JSON records to raw.parquet: record 0 is a header made of the keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from catalog.errors import UserError
from transforms.stage import mojibake
from transforms.stage.rawfile import (
    RawTable,
    RowWriter,
    check_width,
    csv_to_parquet,
    scratch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb


class _Number(float):
    """A number that keeps the digits it was written with."""

    text: str

    def __new__(cls, text: str) -> _Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


def _integer(text: str) -> int | _Number:
    return int(text) if len(text) < 20 else _Number(text)  # int() refuses thousands of digits


def read_json(source: Path, target: Path, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """Write an array of objects, an object with one such array, or JSON lines as raw.parquet; see `read_raw`.

    Raises:
        UserError: not JSON, not records, no record, mojibake.
    """
    records = _records(source)
    keys = list(dict.fromkeys(key for record in records if isinstance(record, dict) for key in record))
    if not keys:
        raise UserError(
            "JSON 文件中没有记录", where=source.name, remedy="请核对后重新报送；确无数据的请作零报告"
        )
    check_width(len(keys), source.name)
    mojibake.refuse([" ".join(keys)], source.name)
    with scratch(target) as folder:
        plain = folder / "records.csv"
        with plain.open("w", encoding="utf-8", newline="") as stream:
            writer = RowWriter(stream, len(keys))
            writer.row(keys)
            _write(writer, records, keys)
        rows = csv_to_parquet(plain, target, connection, len(keys))
    return RawTable(
        path=target,
        columns=len(keys),
        rows=rows,
        format="json",
        encoding="utf-8",
    )


class _Unclear(dict[str, Any]):
    """An object that gives a key two values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[key] != value for key, value in pairs):
        return _Unclear((key, [v for k, v in pairs if k == key]) for key in found)
    return found


def _parsed(text: str) -> Any:
    return json.loads(text, parse_float=_Number, parse_int=_integer, object_pairs_hook=_object)


def _write(writer: RowWriter, records: Iterable[Any], keys: list[str]) -> None:
    for record in records:
        if isinstance(record, _Unclear):
            said = json.dumps(record, ensure_ascii=False)
            writer.row([said], malformed="repeated_key", line=said)
        elif isinstance(record, dict):
            writer.row([_text(record.get(key)) for key in keys])
        else:
            text = _text(record)
            writer.row([text], malformed="not_an_object", line=text)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, _Number):
        return value.text
    return json.dumps(value, ensure_ascii=False)


def _records(source: Path) -> list[Any]:
    data = source.read_bytes()
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UserError("文字编码无法识别", where=source.name, remedy="JSON 文件请用 UTF-8 编码")
    try:
        found = _parsed(text)
    except json.JSONDecodeError as error:
        return _json_lines(text, source, error)
    if isinstance(found, _Unclear):
        return [found]
    if isinstance(found, dict):
        arrays = [value for value in found.values() if isinstance(value, list)]
        if len(arrays) == 1:
            return list(arrays[0])
        return [found]
    return list(found) if isinstance(found, list) else []


def _json_lines(text: str, source: Path, whole: json.JSONDecodeError) -> list[Any]:
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                records.append(_parsed(line))
            except json.JSONDecodeError as error:
                place = whole if number == 1 else error
                row = whole.lineno if number == 1 else number
                raise UserError(
                    f"JSON 格式错误（{place.msg}）",
                    where=f"{source.name} 第{row}行第{place.colno}列",
                    remedy="请重新导出完整的 JSON 文件",
                ) from error
    return records
