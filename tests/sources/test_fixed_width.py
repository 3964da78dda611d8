"""Fixed-width text by the catalog's layout: what was written is what is read, and a line that is not whole is set apart."""

from __future__ import annotations

import io
import random
import zipfile
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from catalog.errors import UserError
from catalog.fixed_width import FixedWidth
from catalog.loader import Catalog, load_catalog
from catalog.model import Format
from transforms.stage.fixed_width import Layout, find_layout
from transforms.stage.read import read_raw

from .conftest import Stage

ITEM = "enterprise_registration"
USCC = "91130500MA0A1B2C2J"
LAYOUT: dict[str, tuple[int, int]] = {
    "uscc": (2, 18),
    "name": (20, 40),
    "established_on": (60, 8),
    "authority": (68, 40),
    "status": (108, 8),
    "legal_representative": (116, 20),
}
ROW = {
    "uscc": USCC,
    "name": "邢台样例建材有限公司",
    "established_on": "20151102",
    "authority": "邢台市市场监督管理局",
    "status": "存续",
    "legal_representative": "赵样例",
}


def shape(**more: Any) -> FixedWidth:
    columns = [{"field": n, "start": s, "length": w} for n, (s, w) in LAYOUT.items()]
    return FixedWidth.model_validate({"columns": columns, **more})


def with_layout(fixed: FixedWidth) -> Catalog:
    """The catalog, in which the item has a format of this layout."""
    catalog = load_catalog()
    item = catalog.items[ITEM]
    fmt = Format(id="txt", title="老系统定长文本", fixed_width=fixed)
    changed = item.model_copy(update={"formats": (*item.formats, fmt)})
    return replace(catalog, items={**catalog.items, ITEM: changed})


def line(row: dict[str, str], encoding: str = "gb18030") -> bytes:
    """One record, written without the code under test."""
    record = bytearray(b"D".ljust(135))
    for name, (start, width) in LAYOUT.items():
        text = row.get(name, "").encode(encoding)
        assert len(text) <= width
        record[start - 1 : start - 1 + width] = text.ljust(width)
    return bytes(record)


def test_bytes_are_counted_in_the_encoding_of_the_file(stage: Stage) -> None:
    rows = [ROW | {"name": name} for name in ("甲公司", "邢台A乙（集团）有限公司", "𠮷祥样例有限公司")]
    for end in (b"\n", b"\r\n"):
        content = end.join(map(line, rows)) + end + b"\x1a"
        found = stage(ITEM, content, name="a.txt", catalog=with_layout(shape()))
        assert found.values("name") == [row["name"] for row in rows]
        assert [str(day) for day in found.values("established_on")] == ["2015-11-02"] * 3
        assert found.batch.format == "txt"
        assert [row["row_number"] for row in found.accepted] == [2, 3, 4]


def test_characters_are_counted_where_the_catalog_says_so(stage: Stage) -> None:
    wide = [ROW, ROW | {"name": "邢台" + "乙" * 34 + "有限公司", "legal_representative": "钱样例"}]
    text = "\n".join(
        "D" + "".join(row[name].ljust(width) for name, (_, width) in LAYOUT.items()) for row in wide
    )
    catalog = with_layout(shape(unit="characters", encoding="utf-8"))
    for head in (b"", b"\xef\xbb\xbf"):
        found = stage(ITEM, head + text.encode(), name="a.txt", catalog=catalog)
        assert found.values("name") == [row["name"] for row in wide]


def test_a_line_that_is_not_whole_goes_to_quarantine_and_no_other(stage: Stage) -> None:
    good = [line(ROW | {"name": f"样例{n}有限公司"}) for n in range(20)]
    spoilt = list(good)
    spoilt[3] = good[3][:100]
    spoilt[5] = good[5] + b"x"
    spoilt[7] = good[7][:21] + good[7][22:] + b" "  # a byte is gone: every character behind it is cut in two
    spoilt[9] = good[9] + b"   "
    spoilt[11] = b""
    found = stage(ITEM, b"\n".join(spoilt), name="a.txt", catalog=with_layout(shape()))
    assert [row["row_number"] for row in found.quarantine] == [5, 7, 9]
    assert found.faults == [("", "malformed")] * 3
    assert [row["reason"] for row in found.ignored] == ["blank"]
    assert [row["row_number"] for row in found.ignored] == [13]
    assert "样例3有限公司" in found.quarantine[0]["raw"]
    assert found.values("name") == [f"样例{n}有限公司" for n in range(20) if n not in (3, 5, 7, 11)]


def test_blanks_cut_off_at_the_end_are_no_fault_where_the_catalog_says_so(stage: Stage) -> None:
    lines = [line(ROW | {"name": f"样例{n}有限公司"}).rstrip() for n in range(5)]
    found = stage(ITEM, b"\n".join(lines), name="a.txt", catalog=with_layout(shape(trimmed=True)))
    assert found.values("legal_representative") == ["赵样例"] * 5


CONTROLS = {
    "header": {"starts": "H"},
    "trailer": {"starts": "T", "count": {"start": 2, "length": 8}},
}


def test_the_last_record_counts_the_others(stage: Stage) -> None:
    lines = [line(ROW | {"name": f"样例{n}有限公司"}) for n in range(6)]
    catalog = with_layout(shape(**CONTROLS))
    whole = [b"H20191231", *lines, b"T00000006", b""]
    found = stage(ITEM, b"\n".join(whole), name="a.txt", catalog=catalog)
    assert len(found.accepted) == 6
    assert [row["row_number"] for row in found.ignored] == [2, 9]
    # A cut line is still a record; a lost one is the provider's to find.
    cut = [*whole[:3], whole[3][:50], *whole[4:]]
    assert len(stage(ITEM, b"\n".join(cut), name="a.txt", catalog=catalog).quarantine) == 1
    for content, told in (
        ([*whole[:3], *whole[4:]], r"记有“00000006”条，文件里有 5 条"),
        (whole[:-2], r"没有以“T”开头的尾记录"),
        (whole[1:], r"没有以“H”开头的首记录"),
        ([*whole[:-2], b"T      x6"], r"记有“x6”条"),
    ):
        with pytest.raises(UserError, match=rf"{told}.*处理办法"):
            stage(ITEM, b"\n".join(content), name="a.txt", catalog=catalog)


def test_other_files_of_the_item_are_read_as_ever(stage: Stage) -> None:
    titles = {f.name: f.title for f in load_catalog().items[ITEM].fields}
    text = ",".join(titles[name] for name in ROW) + "\n" + ",".join(ROW.values()) + "\n"
    found = stage(ITEM, text.encode(), catalog=with_layout(shape()))
    assert (found.batch.format, len(found.accepted)) == ("standard", 1)


def test_files_in_a_zip_are_one_table(stage: Stage) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for part in range(3):
            archive.writestr(f"{part}.txt", line(ROW | {"name": f"样例{part}有限公司"}) + b"\r\n")
    found = stage(ITEM, stream.getvalue(), name="a.zip", catalog=with_layout(shape()))
    assert found.values("name") == [f"样例{part}有限公司" for part in range(3)]
    assert [row["reason"] for row in found.ignored] == ["repeated_header"] * 2


@pytest.mark.parametrize("unit", ["bytes", "characters"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_whatever_is_written_is_read(tmp_path: Any, unit: str, encoding: str) -> None:
    chance = random.Random(f"{unit}/{encoding}")

    def measured(text: str) -> int:
        return len(text.encode(encoding)) if unit == "bytes" else len(text)

    for _ in range(40):
        widths = [chance.randint(1, 12) for _ in range(chance.randint(1, 6))]
        gaps = [chance.randint(0, 3) for _ in widths]
        places, at = [], 1
        for width, gap in zip(widths, gaps, strict=True):
            places.append({"field": f"f{len(places)}", "start": at + gap, "length": width})
            at += gap + width
        fixed = FixedWidth.model_validate({"unit": unit, "encoding": encoding, "columns": places})
        rows = []
        for _ in range(chance.randint(1, 20)):
            cells = []
            for width in widths:
                text = "".join(chance.choices("ab1中𠮷（é", k=chance.randint(0, width)))
                while measured(text) > width:
                    text = text[:-1]
                cells.append(text)
            rows.append(cells)
        content = b""
        for cells in rows:
            for text, width, gap in zip(cells, widths, gaps, strict=True):
                content += (" " * gap + text + " " * (width - measured(text))).encode(encoding)
            content += b"\n"
        source = tmp_path / "a.txt"
        source.write_bytes(content)
        layout = Layout("x", fixed, tuple(f"列{i}" for i in range(len(widths))))
        assert find_layout(source, [layout]) == (layout if content.strip() else None)
        if not content.strip():
            continue
        connection = duckdb.connect()
        raw = read_raw(source, tmp_path / "raw.parquet", connection, [layout])
        got = connection.execute(f"SELECT * FROM '{raw.path}'").fetchall()
        wanted = [[cell or None for cell in cells] for cells in rows]
        while wanted and not any(wanted[-1]):  # blank lines at the end are none
            wanted.pop()
        assert [list(row[: len(widths)]) for row in got[1:]] == wanted


def test_a_width_smaller_than_its_columns_is_no_layout() -> None:
    with pytest.raises(ValueError, match="width 小于"):
        shape(width=100)
    assert shape(width=200).record == 200
