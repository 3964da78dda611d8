"""A thousand known numbers and names go through the whole system, its DAGs included; then every file it wrote is read.

Nothing is left out but the folder of the keys: landing is sealed and the inbox cleared by the system's own upkeep.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from catalog.loader import load_catalog
from catalog.period import Period
from catalog.personal import LONG
from catalog.sample import generate
from transforms import steps
from warehouse.backup import backup
from warehouse.home import Home
from warehouse.lake import Lake

CHECKOUT = Path(__file__).resolve().parents[2]
MONTH = "2019-12"
ITEMS = ("permanent_residents", "lawyers", "admin_penalties")
HASHES = [
    name
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "sm3")
    if name in hashlib.algorithms_available
]
_PERSON = re.compile(LONG, re.ASCII)
_WORD = re.compile(r"[0-9a-z+/=]{18,}")
_SEPARATED = re.compile(r"(?<=[0-9a-z])[ -](?=[0-9a-z])")
_NAME = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff·]{3,}")


def readable(path: Path) -> Iterator[str]:
    """Everything a file says: unpacked, decompressed, as text; and as raw bytes, where it has more than its format's contents."""
    raw = path.read_bytes()
    if raw.startswith(b"PAR1"):
        with duckdb.connect() as reader:
            yield from _told(reader, f"read_parquet('{path}')")
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as reader:
            tables = reader.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, table in tables:
                yield from _told(reader, f'"{schema}"."{table}"')
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as book:
            for name in book.namelist():
                yield name
                yield book.read(name).decode("utf-8", "replace")
    elif path.suffix == ".gz":
        yield gzip.decompress(raw).decode("utf-8", "replace")
    yield raw.decode("latin-1")
    yield raw.decode("utf-8", "ignore")
    if b"\x001\x00" in raw:
        yield raw.decode("utf-16-le", "ignore")


def _told(reader: duckdb.DuckDBPyConnection, table: str) -> Iterator[str]:
    kinds = {row[1] for row in reader.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}
    assert not any("BLOB" in kind for kind in kinds), "bytes would hide a digest from this test"
    for (row,) in reader.execute(f"SELECT t::VARCHAR FROM {table} t").fetchall():
        yield row


def forms(number: str) -> set[str]:
    """All that stands for a number without a key, letters small: itself, turned round, its unkeyed digests, base64."""
    spelt = {number.upper(), number.lower()}
    found = {
        form
        for n in spelt
        for form in (n.lower(), n[::-1].lower(), base64.b64encode(n.encode()).decode().lower())
    }
    for name in HASHES:
        for n in spelt:
            digest = hashlib.new(name, n.encode()).digest()
            found |= {digest.hex(), digest.hex()[:32], base64.b64encode(digest).decode().rstrip("=").lower()}
    return found


class Scan:
    """Looks for any of many strings by pieces of fixed length; a word that was met before is not looked at again."""

    def __init__(self, wanted: set[str]) -> None:
        self.wanted = wanted
        self.lengths = sorted({len(form) for form in wanted})
        self.met: set[str] = set()

    def hits(self, text: str) -> set[str]:
        """The wanted strings in a text that were in none before."""
        text = text.lower()
        # Also as it stands with its separators taken out: 130521 19700101 0017, a UUID's dashes.
        words = set(_WORD.findall(text)) | set(_WORD.findall(_SEPARATED.sub("", text)))
        new = words - self.met
        self.met |= new
        return {
            word[start : start + length]
            for word in new
            for length in self.lengths
            for start in range(len(word) - length + 1)
            if word[start : start + length] in self.wanted
        }


def files(root: Path) -> list[Path]:
    return [
        p
        for p in root.rglob("*")
        if p.is_file() and not p.is_symlink() and p.relative_to(root).parts[0] != "secrets"
    ]


def airflow(home: Home, log: Path, *arguments: str) -> None:
    """Run Airflow as dags/airflow.sh sets it up, everything it prints kept in `log`, a file of the home."""
    environment = os.environ | {
        "XTCREDIT_HOME": str(home.root),
        "PYTHONPATH": str(CHECKOUT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    # Tests of the DAGs leave theirs behind, a parsing context (_AIRFLOW_...) among them, under which one DAG alone is made.
    for name in [n for n in environment if n.startswith(("AIRFLOW", "_AIRFLOW"))]:
        del environment[name]
    command = ["sh", str(CHECKOUT / "dags" / "airflow.sh"), *arguments]
    with log.open("a") as out:
        subprocess.run(
            command, env=environment, stdout=out, stderr=subprocess.STDOUT, check=True, timeout=600
        )


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A home through which everything has gone: numbers, names, and what is then done with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", "6b" * 32)
        folder = tmp_path_factory.mktemp("leak")
        home = Home(folder / "home")
        kept = folder / "kept"
        patch.setenv("XTCREDIT_BACKUP_DIR", str(kept))
        generate(
            load_catalog(),
            home.inbox,
            items=list(ITEMS),
            periods=[Period.parse(MONTH)],
            rows=1200,
            seed=3,
            fault_share=0.2,
        )
        shutil.rmtree(home.inbox / "truth")
        delivered = [p for p in (home.inbox / MONTH).iterdir() if p.is_file()]
        said = "\n".join(text for p in delivered for text in readable(p))
        numbers = {found[0] for found in _PERSON.finditer(said)}
        # One more file is refused as a whole, and its header and cells are personal numbers.
        some = sorted(numbers)[:3]
        (home.inbox / MONTH / "130500_sfj_lawyers_20200106_02.csv").write_text(
            f"姓名,{some[0]}\n张三,{some[1]}\n", encoding="utf-8"
        )
        log = home.root / "airflow.log"
        ran = ["ingest__" + item for item in ITEMS]
        airflow(home, log, "python", str(CHECKOUT / "tests/attacks/dag_runs.py"), str(CHECKOUT / "dags"), MONTH,
                *ran, "libraries", "assess__monthly", "maintain")  # fmt: skip
        names = _names(home)
        steps.data_docs(MONTH, home)
        steps.return_lists(MONTH, home)
        as_of = date(2020, 1, 10)
        steps.publish(as_of, home, audience="statistics", grant=ITEMS[:1])
        steps.publish(as_of, home, county="130528")
        known = sorted(n for n in numbers if len(n) == 18)
        asked = folder / "asked.csv"
        asked.write_text("证件号码\n" + "\n".join(known[:50]), encoding="utf-8")
        (home.root / "handed-out").mkdir()
        steps.check(
            asked, home.root / "handed-out/结果.xlsx", home, by="市信用办", purpose="泄漏测试", as_of=as_of
        )
        columns, rows = steps.query("SELECT * FROM ops.quarantine", home)
        (home.root / "handed-out/隔离.json").write_text(
            json.dumps([columns, *rows], default=str, ensure_ascii=False)
        )
        # The upkeep, as three months later; after it a file is read again.
        steps.maintain(home)
        for manifest in home.landing.glob("*/*/*/*/manifest.json"):
            os.utime(manifest, (time.time() - 100 * 86400,) * 2)
        steps.maintain(home)
        steps.replay("lawyers", MONTH, home)
        backup(home, kept)
        kept.rename(home.root / "kept")
        yield home, set(known), names


def _names(home: Home) -> set[str]:
    """Names of residents that no item publishes, of three characters and more."""
    with Lake(home) as lake:
        lists = [
            {n for (n,) in lake.execute(f"SELECT DISTINCT {column} FROM rec.{item} WHERE {column} IS NOT NULL").fetchall()}
            for item, column in (("permanent_residents", "name"), ("lawyers", "name"), ("admin_penalties", "counterparty"))
        ]  # fmt: skip
    others = "\n".join(sorted(set.union(*lists[1:])))
    return {name for name in lists[0] if len(name) >= 3 and name not in others}


def test_everything_was_written(system):
    """The test's own proof: what it is to read is there, of every kind."""
    home, known, names = system
    assert len(known) >= 1000
    assert len(names) >= 200
    log = (home.root / "airflow.log").read_text("utf-8")
    states = dict(re.findall(r"^RAN (\S+) (?:\S*\.)?(\w+)$", log, re.M))
    assert states.pop("ingest__lawyers").lower() == "failed"  # the refused file, told
    assert {"libraries", "assess__monthly", "maintain"} < set(states)
    assert set(map(str.lower, states.values())) == {"success"}
    assert "没有找到本目录项的表头" in log
    kinds = {(p.relative_to(home.root).parts[0], p.suffix) for p in files(home.root)}
    assert kinds >= {
        ("lake", ".parquet"), ("lake", ".sqlite"), ("publish", ".duckdb"), ("publish", ".html"), ("reports", ".docx"),
        ("reports", ".xlsx"), ("data_docs", ".html"), ("audit", ".jsonl"), ("landing", ".sealed"), ("landing", ".json"),
        ("airflow", ".db"), ("lineage", ".json"), ("handed-out", ".xlsx"), ("kept", ""),
    }  # fmt: skip
    assert {p.name.split("_")[2] for p in home.inbox.rglob("*") if p.is_file()} <= {"return"}


def test_a_thousand_numbers_are_in_no_file(system):
    home, known, _ = system
    scan = Scan(set().union(*map(forms, known)))
    found = {}
    for path in files(home.root):
        for text in readable(path):
            if hits := scan.hits(text):
                found.setdefault(str(path.relative_to(home.root)), set()).update(hits)
    # How many and where, not which.
    assert {path: len(hits) for path, hits in found.items()} == {}
    assert len(scan.met) > 10_000


def test_names_of_those_not_published_are_in_no_output(system):
    """The lake has names, as records do, and what is quarantined is its provider's own row. What goes out, what is logged
    and what is said of batches has none.
    """
    home, _, names = system
    lengths = {len(name) for name in names}
    assert all(map(_NAME.fullmatch, names))
    said: set[str] = set()
    for path in files(home.root):
        place = path.relative_to(home.root).parts
        if place[0] in ("lake", "kept") or place[:2] in (
            ("publish", "statistics"),
            ("handed-out", "隔离.json"),
        ):
            continue
        for text in readable(path):
            said |= set(_NAME.findall(text))
    found = {run[i : i + n] for run in said for n in lengths for i in range(len(run) - n + 1)} & names
    assert found == set()


def test_the_scan_finds_every_form(system, tmp_path):
    _, known, _ = system
    some = sorted(known)[0]
    digest = hashlib.md5(some.encode()).hexdigest()
    spoilt = {
        "clear": some, "within": f"x{some}y", "spaced": f"{some[:6]} {some[6:14]} {some[14:]}", "reversed": some[::-1],
        "md5": digest.upper(), "uuid": f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}",
        "base64": base64.b64encode(some.encode()).decode(), "sha256": hashlib.sha256(some.encode()).hexdigest(),
        "sha1": base64.b64encode(hashlib.sha1(some.encode()).digest()).decode(),
    }  # fmt: skip
    for name, text in spoilt.items():
        assert Scan(forms(some)).hits(text), name
    table = tmp_path / "a.parquet"
    duckdb.sql(f"SELECT '{some}' AS a, md5('{some}')::UUID AS b").write_parquet(str(table))
    assert len(set().union(*map(Scan(forms(some)).hits, readable(table)))) >= 2
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("x.xml", f"<v>{some}</v>")
    assert set().union(*map(Scan(forms(some)).hits, readable(tmp_path / "a.xlsx")))
