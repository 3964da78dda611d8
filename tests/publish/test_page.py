"""The static page, looked at in a real Chromium; the county's own file and page."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from transforms import steps
from warehouse.lake import Lake

AS_OF = date(2020, 1, 10)


def dom(page: Path, profile: Path, fragment: str = "") -> str:
    """The page's DOM after its script has run, with the network cut off."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser, "no Chromium: apt-get install chromium"
    done = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--virtual-time-budget=3000",
         "--proxy-server=127.0.0.1:9", "--dump-dom", page.as_uri() + fragment],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="session")
def page(built, tmp_path_factory):
    return dom(built.publish / "public" / "index.html", tmp_path_factory.mktemp("chromium"))


def rows(html: str, section: str, *, hidden: bool = False) -> list[list[str]]:
    body = re.search(rf'<section id="{section}">.*?<tbody>(.*?)</tbody>', html, re.S)
    assert body, section
    found = re.findall(r"<tr( hidden(?:=\"\")?)?>(.*?)</tr>", body[1], re.S)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for hid, row in found if hidden or not hid]


def test_it_shows_every_county_and_duty(page, file):
    counties = file.execute("SELECT count(*) FROM mart.county_progress WHERE period = '2019-12'").fetchone()[
        0
    ]
    assert len(rows(page, "progress")) == counties > 18
    duties = file.execute(
        "SELECT count(*) FROM mart.obligation WHERE period = '2019-12' AND state <> 'not_due'"
    ).fetchone()[0]
    assert len(rows(page, "duties")) == duties
    assert len(rows(page, "questions")) == 10


def test_every_published_column_tells_its_origin(page, file):
    listed = {(r[0], r[1]): r for r in rows(page, "dictionary")}
    for table, column in file.execute(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE NOT internal"
    ).fetchall():
        assert (table, column) in listed
    assert "市市场监管局" in listed["rec.enterprise_registration", "name"][4]
    assert "enterprise_registration.name" in listed["lib.enterprise", "name"][3]


def test_the_search_hides_what_does_not_match(built, tmp_path):
    html = dom(built.publish / "public" / "index.html", tmp_path, "#find=" + quote("沙河市"))
    names = [row[1] for row in rows(html, "progress")]
    assert names == ["沙河市"]
    assert len(rows(html, "progress", hidden=True)) > 18


def test_a_county_gets_its_own(built, open_file, tmp_path):
    with Lake(built) as lake:
        county = lake.scalar(
            "SELECT county_code FROM core.record WHERE county_code <> '130500' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        )
        expected = lake.scalar(
            "SELECT count(*) FROM core.record WHERE item_id = 'enterprise_registration' AND county_code = ?",
            [county],
        )
    done = steps.publish(AS_OF, built, county=county)
    with open_file(done.publication.path) as file:
        assert file.execute("SELECT count(*) FROM rec.enterprise_registration").fetchone()[0] == expected
        for schema, table in file.execute(
            "SELECT schema_name, table_name FROM duckdb_columns() WHERE column_name = 'county_code' AND NOT internal"
        ).fetchall():
            assert {
                c
                for (c,) in file.execute(f'SELECT DISTINCT county_code FROM "{schema}"."{table}"').fetchall()
            } <= {county}, table
        towns = file.execute(
            "SELECT sum(records) FROM town_village WHERE item_id = 'enterprise_registration'"
        ).fetchone()[0]
        assert towns == expected
        orphans = "SELECT count(*) FROM rec.enterprise_registration ANTI JOIN ref.batch USING (batch_id)"
        assert file.execute(orphans).fetchone()[0] == 0
        elsewhere = "SELECT town_code FROM town_village WHERE NOT starts_with(town_code, ?)"
        assert not file.execute(elsewhere, [county]).fetchall()
        assert (
            file.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'faults'").fetchone()[0]
            == 1
        )
    html = dom(done.pages[0], tmp_path)
    assert "县级虚拟平台" in html
    assert {row[1] for row in rows(html, "progress")} == {re.search("<h1>(.*?)公共", html)[1]}


def test_a_renamed_county_gets_what_came_under_its_earlier_code(built, open_file):
    """任县 (130526) is 任泽区 (130505) from the end of June 2020 on; the ledger keeps the code of then."""
    with Lake(built) as lake:
        expected = lake.scalar(
            "SELECT count(*) FROM core.record WHERE item_id = 'enterprise_registration' AND county_code = '130526'"
        )
    assert expected
    done = steps.publish(date(2020, 7, 10), built, county="130505")
    with open_file(done.publication.path) as file:
        towns = "SELECT sum(records) FROM town_village WHERE item_id = 'enterprise_registration'"
        for asked in ("SELECT count(*) FROM rec.enterprise_registration", towns):
            assert file.execute(asked).fetchone()[0] == expected
        assert file.execute("SELECT DISTINCT county_code FROM mart.county_item").fetchall() == [("130526",)]


def test_markup_in_a_value_is_text(home, tmp_path, deliver):
    from transforms.publish.page import Section, page_text

    evil = "<script>document.title='owned'</script>"
    section = Section("s", evil, evil, [evil], [[evil, 1]])
    text = page_text(evil, [(evil, evil)], 1, [section])
    (tmp_path / "x.html").write_text(text, encoding="utf-8")
    html = dom(tmp_path / "x.html", tmp_path / "profile")
    assert html.count("<script>") == 1
    assert "<title>owned" not in html
