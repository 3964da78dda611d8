"""The published file: who can read it, what is in it, what is not, and what a second publication costs."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date

import pytest

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from catalog.sample import generate
from catalog.types import TYPES
from transforms import steps
from transforms.publish.questions import QUESTIONS
from transforms.publish.run import audience_of, publish
from warehouse import publications
from warehouse.lake import Lake
from warehouse.publish import PublishedTable, current, write_publication

from .conftest import load

AS_OF = date(2020, 1, 10)


def tables(connection):
    return {
        f"{s}.{t}"
        for s, t in connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    }


def test_every_table_and_column_says_what_it_is(file):
    unsaid = file.execute(
        "SELECT schema_name, table_name, NULL FROM duckdb_tables() WHERE coalesce(comment, '') = ''"
        " UNION ALL SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal AND coalesce(comment, '') = ''"
    ).fetchall()
    assert unsaid == []
    assert (
        file.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'enterprise'")
        .fetchone()[0]
        .startswith("企业法人库")
    )


def test_the_classes_of_sharing(file):
    catalog = load_catalog()
    present = tables(file)
    assert {
        "rec.enterprise_registration",
        "rec.permanent_residents",
        "lib.enterprise",
        "mart.county_progress",
        "ref.item",
        "main.README",
    } <= present
    for item in catalog.items.values():
        if item.share == "authorised":
            assert f"rec.{item.id}" not in present
    columns = dict(
        file.execute(
            "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE schema_name = 'rec' GROUP BY 1"
        ).fetchall()
    )
    for name, found in columns.items():
        fields = {f.name: f for f in catalog.items[name].fields}
        assert not [
            c
            for c in found
            if c in fields and (TYPES[fields[c].type].private or fields[c].share == "authorised")
        ]


def test_government_shared_content_is_veiled_and_granted_content_is_not(home, open_file):
    steps.publish(AS_OF, home, audience="statistics", grant=("permanent_residents",))
    with (
        open_file(home.publish / "public" / "current.duckdb") as plain,
        open_file(home.publish / "statistics" / "current.duckdb") as granted,
    ):
        veiled = plain.execute("SELECT name, birth_date, row_number FROM rec.permanent_residents").fetchall()
        assert {name[1:].strip("*") for name, _, _ in veiled} == {""}
        assert {(day.month, day.day) for _, day, _ in veiled if day} == {(1, 1)}
        assert {row for _, _, row in veiled} == {None}
        full = granted.execute("SELECT name, birth_date FROM rec.permanent_residents").fetchall()
        assert len({name for name, _ in full if "*" not in name}) > 20
        assert len({(day.month, day.day) for _, day in full if day}) > 20
        places = "SELECT max(length(division_code)) FROM rec.permanent_residents"
        assert [c.execute(places).fetchone()[0] for c in (plain, granted)] == [6, 9]
        # What is a company's and shared among departments only does not name the company.
        keys = {
            k for (k,) in plain.execute("SELECT subject_key FROM rec.social_insurance_arrears").fetchall()
        }
        assert keys
        assert all(k.startswith("masked:") for k in keys)
        one = {k for (k,) in plain.execute("SELECT subject_key FROM rec.permanent_residents").fetchall()}
        other = {k for (k,) in granted.execute("SELECT subject_key FROM rec.permanent_residents").fetchall()}
        assert one
        assert not one & other


def test_natural_persons_among_counterparties_are_masked(file, built):
    with Lake(built) as lake:
        names = {
            n
            for (n,) in lake.execute(
                "SELECT v.counterparty FROM rec.admin_penalties v WHERE starts_with(v.subject_key, 'person:')"
            ).fetchall()
        }
    assert names
    shown = file.execute(
        "SELECT counterparty, facts, content FROM rec.admin_penalties WHERE starts_with(subject_key, 'person:')"
    ).fetchall()
    assert shown
    assert not [row for row in shown if any(n in (cell or "") for n in names for cell in row)]


def test_what_is_yet_to_be_looked_into_is_not_published(file, built):
    with Lake(built) as lake:
        assert lake.scalar("SELECT count(*) FROM mart.review_flag")
    assert not file.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'review_flag'").fetchall()


def test_where_a_natural_person_lives_is_not_published(home, open_file):
    item, period = "major_tax_violations", Period(2019, 12)
    generate(load_catalog(), home.inbox, items=[item], periods=[period], rows=60, seed=4)
    for manifest in steps.extract(item, str(period), home):
        load(manifest, home)
    steps.integrate(home)
    with Lake(home) as lake:
        kinds = lake.execute(
            f"SELECT subject_kind = 'person' AS person, count(address) > 0 FROM rec.{item} GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert kinds == [(False, True), (True, True)]
    before_any_ended = date(2019, 12, 1)
    with open_file(steps.publish(before_any_ended, home).publication.path) as now:
        shown = now.execute(
            f"SELECT subject_kind = 'person' AS person, count(address) > 0 FROM rec.{item} GROUP BY 1 ORDER BY 1"
        ).fetchall()
        villages = (
            f"SELECT count(*) FROM rec.{item} WHERE subject_kind = 'person' AND length(division_code) > 6"
        )
        assert now.execute(villages).fetchone()[0] == 0
    assert shown == [(False, True), (True, False)]


def texts(connection):
    for schema, table, column in connection.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE data_type = 'VARCHAR' AND NOT internal"
    ).fetchall():
        for (value,) in connection.execute(
            f'SELECT DISTINCT "{column}" FROM "{schema}"."{table}" WHERE "{column}" IS NOT NULL'
        ).fetchall():
            yield f"{schema}.{table}.{column}", value


def test_no_number_and_no_pseudonym_of_the_lake_goes_out(file, built, identifiers):
    known = [(number, pseudonym) for pseudonym, number in identifiers(built).items()]
    numbers = {n for n, _ in known if len(n) == 18}
    forbidden = (
        numbers
        | {p for _, p in known}
        | {n[::-1] for n in numbers}
        | {n[:6] + "********" + n[14:] for n in numbers}
    )
    forbidden |= {
        getattr(hashlib, h)(n.encode()).hexdigest() for n in numbers for h in ("md5", "sha1", "sha256")
    }
    assert len(numbers) > 100
    everything = "\n".join(value for _, value in texts(file))
    assert [f for f in forbidden if f in everything] == []


def test_a_number_that_slipped_through_stops_the_publication(built, tmp_path):
    number = "130521197001010017"
    table = PublishedTable("rec", "x", "x", (("t", "x"),), f"SELECT '见证人{number}' AS t", "s")
    good = PublishedTable("rec", "x", "x", (("t", "x"),), "SELECT 'a' AS t", "s2")
    with Lake(built) as lake:
        first = write_publication(lake, tmp_path / "p", [good], keep=2)
        with pytest.raises(UserError, match="个人号码") as error:
            write_publication(lake, tmp_path / "p", [table], keep=2)
    assert number not in str(error.value)
    assert current(tmp_path / "p") == first.path
    assert [p.name for p in (tmp_path / "p").iterdir() if "building" in p.name] == []


def test_the_ten_questions_run(file):
    asked = file.execute('SELECT "SQL" FROM README ORDER BY "序号"::INTEGER').fetchall()
    assert len(asked) == len(QUESTIONS) == 10
    answers = [file.execute(sql).fetchall() for (sql,) in asked]
    assert sum(bool(rows) for rows in answers) >= 8


def contents(connection):
    return {
        f"{s}.{t}": sorted(connection.execute(f'SELECT x::VARCHAR FROM "{s}"."{t}" x').fetchall())
        for s, t in connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE table_name NOT IN ('publication', 'about')"
        ).fetchall()
    }


def test_only_what_changed_is_written_and_the_result_is_that_of_a_new_file(
    home, open_file, deliver, identifiers
):
    folder = home.publish / "public"
    same = steps.publish(AS_OF, home).publication
    assert (same.written, same.version) == (0, 1)
    reader = open_file(folder / "current.duckdb")
    before = reader.execute("SELECT count(*) FROM rec.lawyers").fetchone()
    with Lake(home) as lake:
        row = lake.rows("SELECT * FROM rec.lawyers LIMIT 1")[0]
    number = identifiers(home)[row["id_number"]]
    fresh = {k: str(v) for k, v in row.items() if v is not None} | {
        "id_number": number,
        "licence_no": "11305202010099999",
    }
    deliver(home, "lawyers", "2020-01", [fresh])
    again = steps.publish(AS_OF, home).publication
    assert again.version == 2
    assert 0 < again.written < again.kept
    assert reader.execute("SELECT count(*) FROM rec.lawyers").fetchone() == before  # the file it opened
    with open_file(folder / "current.duckdb") as now:
        told = dict(now.execute("SELECT table_name, version FROM publication").fetchall())
        assert told['"rec"."lawyers"'] == 2
        assert told['"rec"."enterprise_registration"'] == 1
        incremental = contents(now)
    reader.close()  # DuckDB gives a process the database it has open already under a path
    for path in folder.iterdir():
        path.unlink()
    steps.publish(AS_OF, home)
    with open_file(folder / "current.duckdb") as now:
        assert contents(now) == incremental


def test_the_last_versions_are_kept(built, tmp_path):
    with Lake(built) as lake:
        for n in range(5):
            t = PublishedTable("rec", "x", "x", (("t", "x"),), f"SELECT {n} AS t", str(n))
            write_publication(lake, tmp_path / "p", [t], keep=3)
    assert sorted(p.name for p in (tmp_path / "p").glob("0*.duckdb")) == [
        "000003.duckdb",
        "000004.duckdb",
        "000005.duckdb",
    ]
    assert current(tmp_path / "p").name == "000005.duckdb"


def test_a_subject_that_only_left_its_library_leaves_the_next_version(home, open_file):
    with Lake(home) as lake:
        audience = audience_of(load_catalog(), name="public", grant=(), county=None, as_of=AS_OF)
        for _ in range(2):
            gone = lake.scalar("SELECT min(subject_key) FROM lib.enterprise")
            with lake.transaction():
                lake.execute("DELETE FROM lib.enterprise WHERE subject_key = ?", [gone])
            path = publish(lake, load_catalog(), audience, AS_OF).publication.path
            with open_file(path) as now:
                assert not now.execute("FROM lib.enterprise WHERE subject_key = ?", [gone]).fetchall()


def test_no_version_is_given_out_twice(home):
    shutil.rmtree(home.publish / "public")  # as after a restore, which brings the log and not the files
    assert steps.publish(AS_OF, home).publication.version == 2
    assert [e.version for e in publications.entries(home) if e.audience == "public"] == [1, 2]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"county": "'; DROP TABLE core.record; --"}, "没有县"),
        ({"audience": "../../etc"}, "写法不符"),
        ({"audience": "county-130528"}, "留给县"),
        ({"audience": "statistics", "county": "130528"}, "不另写读者"),
        ({"grant": ("permanent_residents",)}, "不能含政务共享"),
        ({"audience": "a", "grant": ("bribery_judgments",)}, "本人授权"),
        ({"audience": "a", "grant": ("x'; --",)}, "目录中没有"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(built, asked, told):
    with pytest.raises(UserError, match=told):
        steps.publish(AS_OF, built, **asked)
