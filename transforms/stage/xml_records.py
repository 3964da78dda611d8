"""XML exchange messages to raw.parquet, streamed: `<ROWDATA><ROW>` and messages of header and body."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from lxml import etree

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
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

_HEADERS = frozenset(("header", "head", "messageheader", "包头"))
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
"""Attributes by which a message says that a value is nil or of what type: no values themselves."""
_NARROW = re.compile(rb"""^<\?xml[^>]*encoding\s*=\s*["'](gb2312|gbk)["']""", re.IGNORECASE)

Path_ = tuple[str, ...]


def read_xml(source: Path, target: Path, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """Write the most frequent element that has values of its own (attributes, simple children) as records; see `read_raw`.

    What stands in a message's header is no record. No entity is expanded, nothing is fetched, a document type is refused.

    Raises:
        UserError: not well-formed, with a document type, no record, mojibake.
    """
    try:
        with source.open("rb") as stream:
            # What calls itself GB2312 has GBK's characters in it.
            encoding = "gb18030" if _NARROW.match(stream.read(200)) else None
        keys: dict[Path_, dict[str, None]] = {}
        counts: Counter[Path_] = Counter()
        for path, values, _ in _records(source, encoding):
            counts[path] += 1
            keys.setdefault(path, {}).update(dict.fromkeys(values))
        if not counts:
            raise UserError(
                "XML 文件中没有记录", where=source.name, remedy="请核对后重新报送；确无数据的请作零报告"
            )
        wanted = max(counts, key=lambda path: counts[path])
        names = list(keys[wanted])
        check_width(len(names), source.name)
        mojibake.refuse([" ".join(names)], source.name)
        with scratch(target) as folder:
            plain = folder / "records.csv"
            with plain.open("w", encoding="utf-8", newline="") as into:
                writer = RowWriter(into, len(names))
                writer.row(names)
                for path, values, nested in _records(source, encoding):
                    if path == wanted:
                        line = nested and " ".join(f"{k}={v}" for k, v in values.items())
                        writer.row(
                            [values.get(name) for name in names],
                            malformed="nested_element" if nested else None,
                            line=line or None,
                        )
            rows = csv_to_parquet(plain, target, connection, len(names))
    except etree.XMLSyntaxError as error:
        raise UserError(
            f"XML 格式错误（{error.msg}）",
            where=f"{source.name} 第{error.lineno}行",
            remedy="请重新导出完整的 XML 文件",
        ) from error
    return RawTable(
        path=target,
        columns=len(names),
        rows=rows,
        format="xml",
    )


def _records(source: Path, encoding: str | None) -> Iterator[tuple[Path_, dict[str, str | None], bool]]:
    """(path, values, whether something is nested deeper) of each element with values; elements are freed as they end."""
    path: list[str] = []
    found: list[tuple[dict[str, str | None], list[bool]]] = []
    events = etree.iterparse(
        str(source), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False,
        huge_tree=False, encoding=encoding, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    for event, element in events:
        if event == "start":
            if not path and element.getroottree().docinfo.internalDTD is not None:
                raise UserError(
                    "XML 带有文档类型声明（DOCTYPE），不能接受",
                    where=source.name,
                    remedy="请去掉 DOCTYPE 后重新报送",
                )
            path.append(etree.QName(element).localname)
            own = {key: value for key, value in element.attrib.items() if not key.startswith(_INSTANCE)}
            found.append((own, []))
            continue
        values, simple = found.pop()
        name = path.pop()
        if found:
            parent, children = found[-1]
            leaf = not simple and not values
            children.append(leaf)
            if leaf:
                text = "".join(element.itertext()).strip() or None
                parent[name] = (
                    f"{parent[name]};{text}" if parent.get(name) and text else parent.get(name) or text
                )
        filled = len(path) > 0 or any(values.values())
        if values and filled and not {part.casefold() for part in (*path, name)} & _HEADERS:
            yield (*path, name), values, not all(simple) and any(simple)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
