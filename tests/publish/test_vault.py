"""The vault: sealed, bound to its rows, apart from everything else; and the leak test over all that is written."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from datetime import date
from pathlib import Path

import duckdb
import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from quality.audit import audit
from transforms import steps
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.vault import allow_unsealing, opener, rotate, sealer

AS_OF = date(2020, 1, 10)
NUMBERS = "SELECT DISTINCT xt_unseal(number, pseudonym) FROM vault.identifier"


def numbers(home: Home) -> set[str]:
    with Lake(home) as lake:
        allow_unsealing(lake)
        return {n for (n,) in lake.execute(NUMBERS).fetchall()}


def violated(home: Home) -> set[str]:
    """Clauses on the vault and on files; that no suite judged the batches is this folder's own doing."""
    with Lake(home) as lake:
        return {o.clause.id for o in audit(lake) if not o.holds} - {"ops_expectation_present"}


def test_a_seal_opens_with_its_key_and_in_its_place_only():
    key = bytes(range(64))
    seal, other = sealer(key), opener(bytes(64))
    sealed = seal("130521197001010017", "p1")
    assert seal("130521197001010017", "p1") == sealed
    assert opener(key)(sealed, "p1") == "130521197001010017"
    assert opener(key)(sealed, "p2") is None
    assert opener(key)(sealed[:-6] + "AAAA==", "p1") is None
    assert other(sealed, "p1") is None


def test_rotation_reseals_everything_and_the_old_key_opens_nothing(home):
    before = numbers(home)
    with Lake(home) as lake:
        old = {n for (n,) in lake.execute("SELECT number FROM vault.identifier").fetchall()}
        assert rotate(lake) > 100
        new = {n for (n,) in lake.execute("SELECT number FROM vault.identifier").fetchall()}
    assert not old & new
    assert numbers(home) == before
    assert (home.secrets / "vault.key").stat().st_mode & 0o077 == 0
    assert violated(home) == set()


def test_without_the_key_all_but_loading_persons_works(home, deliver):
    with Lake(home) as lake:
        rotate(lake)
    (home.secrets / "vault.key").unlink()
    assert numbers(home) == {None}
    steps.integrate(home)
    steps.assess("2019-12", home)
    assert steps.publish(AS_OF, home).publication.rows > 0
    assert violated(home) == set()
    with pytest.raises(UserError, match="找不到号码库密钥"):
        deliver(home, "lawyers", "2020-01", [{"name": "张样例"}])


def test_an_altered_seal_is_found(home):
    with Lake(home) as lake, lake.transaction("tamper") as tx:
        tx.execute("UPDATE vault.identifier SET number = left(number, length(number) - 8) || 'AAAAAAA='")
    assert "vault_pseudonyms" in violated(home)


# -- the leak test ----------------------------------------------------------------------------------------------------


def readable(path: Path) -> str:
    """Everything a file says: unpacked, decompressed, as text."""
    if path.suffix == ".parquet":
        return "\n".join(
            r[0] for r in duckdb.sql(f"SELECT x::VARCHAR FROM read_parquet('{path}') x").fetchall()
        )
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as file:
            tables = file.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            return "\n".join(
                r[0]
                for s, t in tables
                for r in file.execute(f'SELECT x::VARCHAR FROM "{s}"."{t}" x').fetchall()
            )
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return "\n".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    return path.read_bytes().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """A home through which more than a thousand known numbers have gone, good rows and quarantined ones, up to every output."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTCREDIT_IDENTITY_KEY", "6b" * 32)
        home = Home(tmp_path_factory.mktemp("leak") / "home")
        items = ["permanent_residents", "lawyers", "blacklist"]
        generate(
            load_catalog(),
            home.inbox,
            items=items,
            periods=Period.parse_range("2019-12:2019-12"),
            rows=1500,
            seed=3,
            fault_share=0.2,
        )
        from warehouse.batch import StagedBatch, Verdict

        for item in items:
            for manifest in steps.extract(item, "2019-12", home):
                batch = Path(steps.stage(manifest, home))
                steps.load(
                    str(
                        Verdict(batch=StagedBatch.from_file(batch), status="loaded", findings=()).to_file(
                            batch.parent / "verdict.json"
                        )
                    ),
                    home,
                )
        steps.integrate(home)
        steps.assess("2019-12", home)
        steps.report("2019-12", home)
        steps.publish(AS_OF, home)
        steps.publish(AS_OF, home, audience="statistics", grant=tuple(items[:1]))
        known = {n for n in numbers(home) if n and len(n) == 18}
        asked = home.root / "asked.csv"
        asked.write_text("证件号码\n" + "\n".join(sorted(known)[:50]), encoding="utf-8")
        steps.check(
            asked, home.root / "asked-结果.xlsx", home, by="市信用办", purpose="泄漏测试", as_of=AS_OF
        )
        asked.unlink()
        yield home, known


def test_a_thousand_numbers_are_found_in_no_file_but_those_delivered(leaking):
    home, known = leaking
    assert len(known) >= 1000
    forms = {
        n: {n, n[::-1], n.lower()}
        | {getattr(hashlib, h)(n.encode()).hexdigest() for h in ("md5", "sha1", "sha256", "sha512")}
        for n in known
    }
    wanted = {form: n for n, all_forms in forms.items() for form in all_forms}
    # Looked up by pieces of fixed length, so that a long text is read once and not once per number.
    lengths = sorted({len(form) for form in wanted})
    found = []
    files = [
        p
        for p in home.root.rglob("*")
        if p.is_file()
        and not p.is_symlink()
        and p.relative_to(home.root).parts[0] not in ("landing", "inbox")
    ]
    assert {p.suffix for p in files} >= {".parquet", ".duckdb", ".xlsx", ".html", ".sqlite", ".jsonl"}
    import re

    for path in files:
        for word in set(re.findall(r"[0-9A-Za-z]{18,}", readable(path))):
            for length in lengths:
                found += [
                    (path.name, "…") for i in range(len(word) - length + 1) if word[i : i + length] in wanted
                ]
    assert found == []


def test_names_of_those_not_published_stay_inside(leaking):
    home, _ = leaking
    with Lake(home) as lake:
        names = {
            n
            for (n,) in lake.execute(
                "SELECT DISTINCT name FROM rec.permanent_residents WHERE length(name) >= 3"
            ).fetchall()
        }
        public = {n for (n,) in lake.execute("SELECT DISTINCT name FROM rec.lawyers").fetchall()}
    outputs = [
        p for p in (home.publish / "public").iterdir() if p.is_file() and p.suffix in (".duckdb", ".html")
    ] + list(home.reports.rglob("*.*"))
    said = "\n".join(readable(p) for p in outputs)
    words = {said[i : i + n] for n in (3, 4) for i in range(len(said) - n + 1)}
    assert len(names) > 300
    among = "\n".join(public)  # a short name may stand inside a longer one that is published
    assert {n for n in names - public if n not in among} & words == set()


def test_the_scan_finds_what_is_there(leaking, tmp_path):
    """The test's own proof: the delivered files do hold the numbers."""
    home, known = leaking
    said = "\n".join(readable(p) for p in home.landing.rglob("*.csv")) + "".join(
        readable(p) for p in home.landing.rglob("*.xlsx")
    )
    assert sum(n in said for n in known) > 100
    shutil.rmtree(tmp_path)
