"""Good files, spoilt at random: every row has a place, or the file is refused with a reason.

`make fuzz` runs `python tests/sources/test_fuzz.py --runs 2000`; the suite runs a short, seeded part.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import shutil
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from transforms.stage.batch import stage_delivery
from warehouse.batch import Delivery, StagedBatch, digest
from warehouse.home import Home
from warehouse.lake import connect

ITEMS = ("enterprise_registration", "admin_penalties", "permanent_residents")
SECONDS = 10
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
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, b"<a>" + b" " * chance.choice((10, 1 << 25)))
    return stream.getvalue()


SPOILS: tuple[Spoil, ...] = (
    flipped, cut, without_a_piece, doubled, mixed_encodings, _each_line(_inserted), _each_line(_dropped), _each_line(_formula),
    one_huge_cell, many_columns, other_line_ends, shuffled_header, zip_bomb,
)  # fmt: skip


class Fuzz:
    """Good files in a scratch home, and what became of each when spoilt."""

    def __init__(self, folder: Path, rows: int = 40) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        period = Period.parse("2019-12")
        files = generate(
            load_catalog(),
            folder / "good",
            items=list(ITEMS),
            periods=[period],
            rows=rows,
            seed=5,
            fault_share=0.1,
        )
        self.good = sorted(made.path for made in files if any(item in made.path.name for item in ITEMS))
        self.told: Counter[str] = Counter()

    def once(self, seed: int) -> str:
        """Spoil one file and stage it; "taken", or "refused". Raises AssertionError for whatever must not happen."""
        chance = random.Random(seed)
        source = chance.choice(self.good)
        item = next(i for i in ITEMS if i in source.name)
        content = source.read_bytes()
        for spoil in chance.sample(SPOILS, chance.choice((1, 1, 2))):
            content = spoil(content, chance)
        spoilt = self.folder / f"spoilt{source.suffix}"
        spoilt.write_bytes(content)
        delivery = Delivery(
            item_id=item, period="2019-12", delivery="x", division=None, department="scjg", source_file=source.name,
            path=str(spoilt), sha256=digest(spoilt), size=spoilt.stat().st_size, received_at="2020-01-05T08:00:00",
        )  # fmt: skip
        staged = self.folder / "staged"
        began = time.monotonic()
        try:
            batch = stage_delivery(delivery, load_catalog(), self.home, staged)
        except UserError as error:
            result, said = "refused", str(error)
        else:
            self._accounted(batch, seed)
            result, said = "taken", "处理办法"
        seconds = time.monotonic() - began
        assert "处理办法" in said, f"seed {seed}: a refusal without a remedy: {said}"
        assert seconds < SECONDS, f"seed {seed}: {seconds:.1f} s"
        self.told[result] += 1
        return result

    @staticmethod
    def _accounted(batch: StagedBatch, seed: int) -> None:
        counts = batch.counts
        assert counts.read == counts.valid + counts.quarantined + counts.ignored, f"seed {seed}: {counts}"
        parts = " UNION ALL ".join(
            f"SELECT row_number FROM '{batch.parquet(name)}' WHERE {where}"
            for name, where in (
                ("staged", "fault = 0 AND ignored IS NULL"),
                ("quarantine", "TRUE"),
                ("ignored", "TRUE"),
            )
        )
        with connect() as connection:
            found = connection.execute(
                f"SELECT count(*), count(DISTINCT row_number) FROM ({parts})"
            ).fetchone()
        assert found == (counts.read, counts.read), (
            f"seed {seed}: rows without a place, or with two: {found}, {counts}"
        )


def _peak() -> int:
    """The most memory this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Fuzz:
    return Fuzz(tmp_path_factory.mktemp("fuzz"))


def test_spoilt_files_lose_no_row_and_no_time(fuzz: Fuzz) -> None:
    before = _peak()
    for seed in range(60):
        fuzz.once(seed)
    assert _peak() < max(MEMORY, before + MEMORY // 2)
    assert min(fuzz.told["taken"], fuzz.told["refused"]) > 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    os.environ.setdefault("XTCREDIT_THREADS", "1")
    os.environ.setdefault("XTCREDIT_MEMORY", "700MiB")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    failures = 0
    try:
        fuzz = Fuzz(folder)
        for seed in range(given.first, given.first + given.runs):
            try:
                fuzz.once(seed)
            except Exception as error:
                failures += 1
                print(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}", flush=True)
    finally:
        shutil.rmtree(folder)
    print(f"{given.runs} runs: {dict(fuzz.told)}, {failures} failures, peak {_peak() >> 20} MiB")
    if failures or _peak() > MEMORY:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
