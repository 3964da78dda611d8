"""Good files of every form, spoilt at random: every row has a place, or the file is refused with a reason.

`make fuzz` runs `python tests/sources/test_fuzz.py --runs 2000`; the suite runs a short, seeded part. The files are staged
in processes of their own, so that a crash, a hang and the memory taken are seen and belong to one seed.
"""

from __future__ import annotations

import argparse
import csv
import functools
import gzip
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import struct
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from xml.sax.saxutils import escape

import openpyxl
import pytest
import xlwt

from catalog.errors import UserError
from catalog.headers import delivered_fields, headings
from catalog.loader import Catalog, load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery, StagedBatch, digest
from warehouse.home import Home
from warehouse.lake import connect

ITEMS = ("enterprise_registration", "admin_penalties", "permanent_residents")
PLACES = ("staged", "quarantine", "ignored")
"""Where a row may be; nowhere else, and in one of them only."""
SECONDS = 10
PATIENCE = 60
"""Seconds by the clock after which a process is taken to hang; the machine may be busy with other things."""
MEMORY = 1 << 30
Spoil = Callable[[bytes, random.Random], bytes]


def _at(data: bytes, chance: random.Random) -> int:
    return chance.randrange(max(1, len(data)))


def flipped(data: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 3, 50))):
        spoilt[_at(data, chance)] = chance.randrange(256)
    return bytes(spoilt)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: _at(data, chance)]


def without_a_piece(data: bytes, chance: random.Random) -> bytes:
    start = _at(data, chance)
    return data[:start] + data[start + chance.randrange(2000) :]


def doubled(data: bytes, chance: random.Random) -> bytes:
    start = _at(data, chance)
    return data[:start] + data[start // 2 :]


def mixed_encodings(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(chance.choice((1, 5))):
        at = chance.randrange(len(lines))
        lines[at] = (
            lines[at]
            .decode("utf-8", "replace")
            .encode(chance.choice(("gb18030", "utf-16", "big5hkscs")), "replace")
        )
    return b"\n".join(lines)


def _each_line(change: Callable[[list[bytes], random.Random], list[bytes]]) -> Spoil:
    def spoil(data: bytes, chance: random.Random) -> bytes:
        lines = data.split(b"\n")
        for _ in range(chance.choice((1, 4, 20))):
            at = chance.randrange(len(lines))
            lines[at] = b",".join(change(lines[at].split(b","), chance))
        return b"\n".join(lines)

    return spoil


def _inserted(cells: list[bytes], chance: random.Random) -> list[bytes]:
    cells.insert(chance.randrange(len(cells) + 1), chance.choice((b"", b"x", b'"', b"\x00", "，".encode())))
    return cells


def _dropped(cells: list[bytes], chance: random.Random) -> list[bytes]:
    del cells[chance.randrange(len(cells))]
    return cells


def _formula(cells: list[bytes], chance: random.Random) -> list[bytes]:
    odd = (
        b"=cmd|' /C calc'!A0",
        b"=1/0",
        b"+1",
        b"@SUM(A1)",
        b"\xef\xbf\xbd",
        b"'; DROP TABLE x; --",
        b"1e308",
        b"-0",
        b"NaN",
        b'"""',
    )
    cells[chance.randrange(len(cells))] = chance.choice(odd)
    return cells


def _huge(cells: list[bytes], chance: random.Random) -> list[bytes]:
    cells[chance.randrange(len(cells))] = chance.choice((b"9", b"(", b'"', "字".encode())) * (1 << 20)
    return cells


def one_huge_cell(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    lines[at] = b",".join(_huge(lines[at].split(b","), chance))
    return b"\n".join(lines)


def many_columns(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for at in range(min(len(lines), chance.choice((1, 40)))):
        lines[at] += b"," * 10_000
    return b"\n".join(lines)


def other_line_ends(data: bytes, chance: random.Random) -> bytes:
    end = chance.choice((b"\r\n", b"\r", b"\n\n", b"\n\r", b"\x0b", b"\xe2\x80\xa8"))
    return data.replace(b"\n", end, chance.choice((1, 5, -1)))


def shuffled_header(data: bytes, chance: random.Random) -> bytes:
    header, _, rest = data.partition(b"\n")
    cells = header.split(b",")
    chance.shuffle(cells)
    return b",".join(cells) + b"\n" + rest


def zip_bomb(data: bytes, chance: random.Random) -> bytes:
    """Much from little: as a workbook, a CSV in a zip or in a gzip, some of it within what a table may shrink to."""
    blown = chance.choice((b" ", b"\n", b"0,", b"<c/>")) * (1 << chance.choice((10, 20, 25, 27)))
    loose = bytes(chance.choices(b"abcdefgh", k=chance.choice((0, 1 << 20))))
    kind = chance.choice(("workbook", "zip", "gzip"))
    if kind == "gzip":
        return gzip.compress(data + blown + loose, 1)
    parts = {"数据.csv": data + blown + loose}
    if kind == "workbook":
        names = ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml")
        parts = dict.fromkeys(names, b"<a>" + blown + loose)
    return zipped(parts)


TEXT: tuple[Spoil, ...] = (
    flipped, cut, without_a_piece, doubled, mixed_encodings, _each_line(_inserted), _each_line(_dropped), _each_line(_formula),
    one_huge_cell, many_columns, other_line_ends, shuffled_header, zip_bomb,
)  # fmt: skip


# -- the other forms in which a table comes ------------------------------------------------------------------------

Table = list[list[str]]


def zipped(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return stream.getvalue()


def as_xlsx(table: Table) -> bytes:
    book = openpyxl.Workbook()
    sheet = cast("Any", book.active)
    for row in table:
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def as_xls(table: Table) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Sheet1")
    for r, row in enumerate(table):
        for c, cell in enumerate(row):
            sheet.write(r, c, cell)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


_ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
    '<office:body><office:spreadsheet><table:table table:name="一">%s</table:table></office:spreadsheet></office:body>'
    "</office:document-content>"
)
ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_ODS_MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{ODS_TYPE}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def as_ods(table: Table) -> bytes:
    def cell(text: str) -> str:
        return (
            f'<table:table-cell office:value-type="string"><text:p>{escape(text)}</text:p></table:table-cell>'
            if text
            else "<table:table-cell/>"
        )

    rows = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in table)
    parts = {"mimetype": ODS_TYPE, "META-INF/manifest.xml": _ODS_MANIFEST, "content.xml": _ODS % rows}
    return zipped({name: text.encode() for name, text in parts.items()})


def as_dbf(table: Table) -> bytes:
    """Columns by the short names that `_with_short_names` adds to the catalog."""
    rows = [[cell.encode("gb18030") for cell in row] for row in table[1:]]
    widths = [min(254, max(len(row[i]) for row in rows) + 1) for i in range(len(table[0]))]
    described = b"".join(struct.pack("<11sc4xB15x", f"F{i}".encode(), b"C", w) for i, w in enumerate(widths))
    head = struct.pack(
        "<B3BIHH17xB2x", 3, 119, 12, 31, len(rows), 33 + 32 * len(widths), 1 + sum(widths), 0x7A
    )
    lines = (b" " + b"".join(cell[:w].ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return head + described + b"\r" + b"".join(lines) + b"\x1a"


def as_json(table: Table) -> bytes:
    return json.dumps(
        [dict(zip(table[0], row, strict=True)) for row in table[1:]], ensure_ascii=False, indent=1
    ).encode()


def as_xml(table: Table) -> bytes:
    rows = (
        "<ROW>" + "".join(f"<F{i}>{escape(cell)}</F{i}>" for i, cell in enumerate(row)) + "</ROW>\n"
        for row in table[1:]
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ROWDATA>{"".join(rows)}</ROWDATA>'.encode()


def as_text(table: Table) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(table)
    return stream.getvalue().encode()


def as_zip(table: Table) -> bytes:
    half = len(table) // 2
    return zipped({"一.csv": as_text(table[:half]), "二.csv": as_text([table[0], *table[half:]])})


def as_gzip(table: Table) -> bytes:
    return gzip.compress(as_text(table), mtime=0)


def members_spoilt(data: bytes, chance: random.Random) -> bytes:
    """What is inside an archive, spoilt and packed again: the checksums agree, the contents do not."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError, KeyError):
        return flipped(data, chance)
    name = chance.choice(list(parts))
    how = chance.choice(("spoilt", "swapped", "dropped", "far", "blown"))
    if how == "dropped":
        del parts[name]
    elif how == "swapped":
        other = chance.choice(list(parts))
        parts[name], parts[other] = parts[other], parts[name]
    elif how == "far":  # a cell far away from the data, a row repeated a million times
        for part in parts:
            text = parts[part].replace(
                b'r="A2"', b'r="' + chance.choice((b"XFD1048576", b"ALL9000", b"A1048576")) + b'"'
            )
            parts[part] = text.replace(b"<table:table-cell/>", b'<table:table-cell table:number-columns-repeated="16384"/>', chance.choice((1, -1))).replace(
                b"<table:table-row>", b'<table:table-row table:number-rows-repeated="1048576">', 2
            )  # fmt: skip
    elif how == "blown":
        parts[name] += chance.choice((b" ", b"<c/>", b"a,b\n")) * (1 << chance.choice((16, 22, 25)))
    else:
        parts[name] = chance.choice((flipped, cut, without_a_piece, doubled))(parts[name], chance)
    return zipped(parts)


def many_names(data: bytes, chance: random.Random) -> bytes:
    """Ten thousand columns more in the first record of a JSON or XML file."""
    if data.lstrip()[:1] in b"[{":
        more = "".join(f'"k{i}": "1", ' for i in range(10_000)).encode()
        return data.replace(b"{", b"{" + more, 1)
    return data.replace(b"<ROW>", b"<ROW>" + b"".join(b"<k%d>1</k%d>" % (i, i) for i in range(10_000)), 1)


def deep(data: bytes, chance: random.Random) -> bytes:
    """Nested thousands of times."""
    if data.lstrip()[:1] in b"[{":
        return data.replace(b'": "', b'": ' + b"[" * 5000 + b'"', 1)
    return data.replace(b"<ROW>", b"<ROW>" + b"<a>" * 5000, 1)


def one_huge_value(data: bytes, chance: random.Random) -> bytes:
    at = data.find(chance.choice((b'": "', b"<F1>")))
    if at < 0:
        return data
    return data[: at + 4] + chance.choice((b"9", "字".encode(), b"&amp;")) * (1 << 20) + data[at + 4 :]


BINARY: tuple[Spoil, ...] = (flipped, cut, without_a_piece, doubled)
MARKED: tuple[Spoil, ...] = (*BINARY, mixed_encodings, many_names, deep, one_huge_value)


@dataclass(frozen=True)
class Form:
    """A form in which a table comes: how it is written, and what spoils it."""

    write: Callable[[Table], bytes]
    spoils: tuple[Spoil, ...]


FORMS: dict[str, Form] = {
    "csv": Form(as_text, TEXT),
    "xlsx": Form(as_xlsx, (*BINARY, members_spoilt, members_spoilt, members_spoilt)),
    "xls": Form(as_xls, BINARY),
    "ods": Form(as_ods, (*BINARY, members_spoilt, members_spoilt, members_spoilt)),
    "dbf": Form(as_dbf, BINARY),
    "json": Form(as_json, MARKED),
    "xml": Form(as_xml, MARKED),
    "zip": Form(as_zip, (*BINARY, members_spoilt, members_spoilt)),
    "gz": Form(as_gzip, BINARY),
}
WEIGHTS = (8, 3, 2, 2, 2, 2, 2, 2, 1)


def _with_short_names(catalog: Catalog) -> Catalog:
    """The catalog, in which the fields of the items have short headings too, as DBF and XML need them."""
    items = dict(catalog.items)
    for item_id in ITEMS:
        item = items[item_id]
        fields = tuple(
            f.model_copy(update={"headers": (*f.headers, f"F{i}")})
            for i, f in enumerate(delivered_fields(item, None))
        )
        rest = tuple(f for f in item.fields if f.name not in {g.name for g in fields})
        items[item_id] = item.model_copy(update={"fields": (*fields, *rest)})
    return replace(catalog, items=items)


def _rows(data: bytes) -> Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    delimiter = max(",;\t", key=text.count)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


class Fuzz:
    """Good files in a scratch home, and what became of each when spoilt."""

    def __init__(self, folder: Path, rows: int = 40) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self.catalog = _with_short_names(load_catalog())
        if not (folder / "good").exists():
            generate(
                load_catalog(), folder / "good", items=list(ITEMS), periods=[Period.parse("2019-12")], rows=rows, seed=5,
                fault_share=0.1,
            )  # fmt: skip
        self.good = sorted(path for path in (folder / "good").rglob("*.csv") if self._item(path))

    @staticmethod
    def _item(path: Path) -> str | None:
        return next((item for item in ITEMS if item in path.name), None)

    @functools.cached_property
    def tables(self) -> dict[Path, Table]:
        """The good files' cells, header first, each item's columns in the order of the short headings."""
        found = {}
        for path in self.good:
            item = self.catalog.items[cast("str", self._item(path))]
            rows = _rows(path.read_bytes())
            width = max(map(len, rows))
            header = next(i for i, row in enumerate(rows) if sum(map(bool, row)) * 2 > width)
            titles = {h: f.name for f in item.fields for h in headings(f, None)}
            at = {titles.get(text, text): i for i, text in enumerate(rows[header])}
            names = [f.name for f in delivered_fields(item, None)]
            body = [
                [row[at[n]] if n in at and at[n] < len(row) else "" for n in names]
                for row in rows[header + 1 :]
            ]
            found[path] = [[item.field(n).title for n in names], *body]
        return found

    def spoil(self, seed: int) -> tuple[str, Path, Path]:
        """Spoil one file: its form, the good file, the spoilt one."""
        chance = random.Random(seed)
        good = chance.choice(self.good)
        form = chance.choices(list(FORMS), WEIGHTS)[0]
        content = good.read_bytes() if form == "csv" else FORMS[form].write(self.tables[good])
        for spoil in chance.sample(FORMS[form].spoils, chance.choice((1, 1, 2))):
            content = spoil(content, chance)
        spoilt = self.folder / f"spoilt.{form}"
        spoilt.write_bytes(content)
        return form, good, spoilt

    def stage(self, spoilt: Path, good: Path) -> str:
        """ "taken" or "refused". Raises AssertionError for a row without a place, or with two, and a refusal without a remedy."""
        delivery = Delivery(
            item_id=cast("str", self._item(good)), period="2019-12", delivery="x", division=None, department="scjg",
            source_file=good.name, path=str(spoilt), sha256=digest(spoilt), size=spoilt.stat().st_size,
            received_at="2020-01-05T08:00:00",
        )  # fmt: skip
        try:
            batch = stage_delivery(delivery, self.catalog, self.home, self.folder / "staged")
        except UserError as error:
            if "处理办法" not in str(error):
                raise AssertionError(f"a refusal without a remedy: {error}") from error
            return "refused"
        self._accounted(batch)
        return "taken"

    @staticmethod
    def _accounted(batch: StagedBatch) -> None:
        counts = batch.counts
        assert counts.read == counts.valid + counts.quarantined + counts.ignored, f"{counts}"
        parts = " UNION ALL ".join(f"SELECT row_number FROM '{batch.parquet(name)}'" for name in PLACES)
        with connect() as connection:
            found = connection.execute(
                f"SELECT count(*), count(DISTINCT row_number) FROM ({parts})"
            ).fetchone()
        assert found == (counts.read, counts.read), f"rows without a place, or with two: {found}, {counts}"


# -- processes: what a crash, a hang and too much memory look like from outside ------------------------------------


def _spent() -> float:
    """Seconds of CPU of this process and of those it waited for: what else runs on the machine does not count."""
    own, theirs = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime


def _peak() -> int:
    """The most memory this process has held since `_forget_peak`, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


@dataclass(frozen=True)
class Told:
    """What became of one seed; `fault` says what must not be."""

    seed: int
    form: str
    result: str
    seconds: float
    peak: int
    fault: str = ""


def _work(pipe: Any, folder: Path) -> None:
    """Stage the files that the pipe names until it closes."""
    fuzz = Fuzz(folder)
    pipe.send(None)
    while True:
        spoilt, good = pipe.recv()
        _forget_peak()
        began = _spent()
        result = fault = ""
        try:
            result = fuzz.stage(spoilt, good)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            place = next((f for f in reversed(frames) if "site-packages" not in f.filename), frames[-1])
            fault = (
                f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:300]}"
            )
        pipe.send((result, _spent() - began, _peak(), fault))


class Worker:
    """A process that stages spoilt files; a new one takes the place of one that died or hung."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fuzz = folder, Fuzz(folder)
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self.folder), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()

    def run(self, seed: int) -> Told:
        form, good, spoilt = self.fuzz.spoil(seed)
        self.pipe.send((spoilt, good))
        try:
            told = Told(seed, form, *self.pipe.recv()) if self.pipe.poll(PATIENCE) else None
            fault = "hung"
        except EOFError:
            told, fault = None, "crashed"
        if told is None:
            self.stop()
            self._start()
            return Told(seed, form, "", PATIENCE, 0, fault)
        if not told.fault and told.seconds > SECONDS:
            return replace(told, fault=f"{told.seconds:.1f} s")
        if not told.fault and told.peak > MEMORY:
            return replace(told, fault=f"{told.peak >> 20} MiB")
        return told

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_MEMORY", "700MiB")
        worker = Worker(tmp_path_factory.mktemp("fuzz"))
        yield worker
        worker.stop()


def test_spoilt_files_lose_no_row_and_no_time(worker: Worker) -> None:
    told = [worker.run(seed) for seed in range(60)]
    assert [t for t in told if t.fault] == []
    assert {t.form for t in told} == set(FORMS)
    results = Counter(t.result for t in told)
    assert min(results["taken"], results["refused"]) > 5


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Fuzz:
    return Fuzz(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("form", FORMS)
def test_good_files_of_every_form_are_the_same_rows(form: str, fuzz: Fuzz) -> None:
    """What is spoilt was good before: a form that no reader takes would pass the fuzz for nothing."""
    for good in fuzz.good[:2]:
        table = fuzz.tables[good]
        written = fuzz.folder / f"good.{form}"
        written.write_bytes(FORMS[form].write(table))
        assert fuzz.stage(written, good) == "taken"
        with connect() as connection:
            found = connection.execute(
                f"SELECT count(*) FROM read_parquet([{', '.join(repr(str(fuzz.folder / 'staged' / f'{p}.parquet')) for p in PLACES)}],"
                " union_by_name = true)"
            ).fetchone()
        assert found == (len(table) - 1 + (form == "zip"),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    os.environ.setdefault("XTCREDIT_THREADS", "1")
    os.environ.setdefault("XTCREDIT_MEMORY", "700MiB")
    os.environ.setdefault("XTCREDIT_IDENTITY_KEY", "5a" * 32)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    told: list[Told] = []
    began = time.monotonic()
    try:
        worker = Worker(folder)
        for seed in range(given.first, given.first + given.runs):
            told.append(worker.run(seed))
            if told[-1].fault:
                print(f"seed {seed} ({told[-1].form}): {told[-1].fault}", flush=True)
        worker.stop()
    finally:
        shutil.rmtree(folder)
    for form in FORMS:
        print(f"{form}: {dict(Counter(t.result for t in told if t.form == form))}")
    failures = sum(bool(t.fault) for t in told)
    slowest, largest = max(told, key=lambda t: t.seconds), max(told, key=lambda t: t.peak)
    print(
        f"{given.runs} runs in {time.monotonic() - began:.0f} s: {dict(Counter(t.result for t in told))}, {failures} failures,"
        f" slowest {slowest.seconds:.1f} s (seed {slowest.seed}), peak {largest.peak >> 20} MiB (seed {largest.seed})"
    )
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
