"""The sample generator: deterministic, complete over the types, and its truth checked a second time,
slowly.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from stdnum.cn import uscc as std_uscc
from stdnum.iso7064 import mod_11_2, mod_11_10

from catalog.errors import UserError
from catalog.loader import Catalog, read_all
from catalog.obligations import Provider, providers
from catalog.period import Period
from catalog.sample import GeneratedFile, generate
from catalog.sample.noise import NOISE
from catalog.sample.population import GROUPS, Population
from catalog.sample.values import GENERATORS, Build, Plan, Style
from catalog.types import TYPES

np = pytest.importorskip("numpy")
QUARTER = Period.parse_range("2019-10:2019-12")
ENTERPRISE = "enterprise_registration"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_all()[0]


def make(catalog: Catalog, out: Path, **more: object) -> list[GeneratedFile]:
    given: dict[str, object] = {
        "periods": QUARTER,
        "rows": 120,
        "seed": 7,
        "items": [ENTERPRISE],
        "fault_share": 0.08,
    }
    return generate(catalog, out, **(given | more))  # type: ignore[arg-type]


def digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*.*"))
        if p.is_file()
    }


def test_every_type_has_a_generator() -> None:
    assert set(GENERATORS) == set(TYPES)
    assert set(NOISE) <= set(TYPES)


def test_same_arguments_same_bytes(catalog: Catalog, tmp_path: Path) -> None:
    kinds = ("csv", "xlsx", "json")
    for name in ("a", "b"):
        make(catalog, tmp_path / name, kinds=kinds, items=None, rows=60)
    make(catalog, tmp_path / "c", kinds=kinds, items=None, rows=60, seed=8)
    first = digest(tmp_path / "a")
    assert {Path(name).suffix for name in first} == {".csv", ".xlsx", ".json"}
    assert first == digest(tmp_path / "b")
    assert first != digest(tmp_path / "c")


def test_the_truth_adds_up(catalog: Catalog, tmp_path: Path) -> None:
    made = make(catalog, tmp_path, items=None, rows=80)
    assert {m.truth.item for m in made} == set(catalog.items)
    for m in made:
        t = m.truth
        assert t.rows_read == t.rows_accepted + t.rows_duplicate + t.rows_quarantined + t.rows_ignored
        assert t.rows_accepted == t.rows_new + t.rows_updated
        assert t.rows_quarantined == sum(t.by_rule.values())
        assert t.rows_set_aside <= t.rows_quarantined
        assert json.loads(m.truth_path.read_text())["batch_id"] == t.batch_id
        item, period, delivery = t.batch_id.split("/")
        division, department, rest = m.path.stem.split("_", 2)
        assert m.path.parent.name == period
        assert rest.startswith(f"{item}_")
        assert Provider(department, division) in set(
            providers(catalog.items[item], catalog, Period.parse(period))
        )
        by = "" if department == catalog.items[item].department else f"-{department}"
        assert delivery == f"{rest.split('_')[-2]}-01-{division}{by}"


def test_all_that_was_asked_for_occurs(catalog: Catalog, tmp_path: Path) -> None:
    made = make(catalog, tmp_path, rows=600)
    for kind in ("rows_new", "rows_updated", "rows_duplicate", "rows_set_aside", "rows_ignored"):
        assert sum(getattr(m.truth, kind) for m in made) > 0, kind
    rules = {rule for m in made for rule in m.truth.by_rule}
    assert {
        "uscc_check/uscc",
        "date_invalid/established_on",
        "within_city/city",
        "no_test_data/name",
    } <= rules


def test_no_faults_none_found(catalog: Catalog, tmp_path: Path) -> None:
    made = make(catalog, tmp_path, items=None, fault_share=0.0, set_aside_share=0.0)
    assert [m.truth.by_rule for m in made if m.truth.by_rule] == []


def test_quarterly_items_come_once_a_quarter(catalog: Catalog, tmp_path: Path) -> None:
    quarterly = [item.id for item in catalog.items.values() if item.period_months == 3]
    made = make(catalog, tmp_path, items=quarterly, rows=20)
    assert {m.truth.period for m in made} == {"2019-12"}


def test_a_second_count_by_hand(catalog: Catalog, tmp_path: Path) -> None:
    """Reads plain files with the csv module and follows each record through the months."""
    made = make(
        catalog,
        tmp_path,
        rows=400,
        fault_share=0.0,
        set_aside_share=0.0,
        noise_share=0.0,
        kinds=("csv",),
        items=["permanent_residents"],
    )
    fields = {
        title: f.name for f in catalog.items["permanent_residents"].fields for title in (f.title, *f.headers)
    }
    current: dict[str, tuple[str, ...]] = {}
    for m in made:
        counted: Counter[str] = Counter()
        lines = list(read_csv(m.path))
        at = next(i for i, line in enumerate(lines) if sum(cell in fields for cell in line) > 3)
        names = [fields.get(cell, "") for cell in lines[at]]
        for line in lines[at + 1 :]:
            row = dict(zip(names, line, strict=False))
            number = row.get("id_number", "")
            if len(number) != 18 or "合计" in line:
                counted["ignored"] += 1
                continue
            content = tuple(
                canonical(catalog, name, row[name])
                for name in ("name", "sex", "birth_date", "household_division", "status")
            )
            if number not in current:
                counted["new"] += 1
            elif current[number] == content:
                counted["duplicate"] += 1
            else:
                counted["updated"] += 1
            current[number] = content
        t = m.truth
        assert (t.rows_new, t.rows_updated, t.rows_duplicate, t.rows_ignored) == tuple(
            counted[k] for k in ("new", "updated", "duplicate", "ignored")
        )
        assert t.rows_updated > 0
        assert t.rows_read == len(lines) - at - 1


def read_csv(path: Path) -> list[list[str]]:
    data = path.read_bytes()
    codec = "utf-16" if data[:2] == b"\xff\xfe" else "utf-8-sig"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    head = text[:400]
    delimiter = max(",\t;", key=head.count)
    return list(csv.reader(text.splitlines(), delimiter=delimiter))


def canonical(catalog: Catalog, name: str, text: str) -> str:
    f = catalog.items["permanent_residents"].field(name)
    if f.list is not None:
        return catalog.lists[f.list].spellings()[text]
    return (
        "".join(c for c in text if c.isdigit())
        if f.type == "date" and "年" not in text and "." not in text
        else date_digits(text)
        if f.type == "date"
        else text
    )


def date_digits(text: str) -> str:
    year, month, day = text.replace("年", ".").replace("月", ".").replace("日", "").split(".")
    return f"{year}{int(month):02d}{int(day):02d}"


def test_numbers_are_valid_by_another_hand(catalog: Catalog) -> None:
    population = Population(3, catalog.divisions)
    index = np.arange(4000, dtype=np.int64)
    group = index % len(GROUPS)
    codes = population.uscc(group, index).to_pylist()
    assert all(map(std_uscc.is_valid, codes))
    assert len(set(codes)) == len(codes)
    # GB 11714's check character, by its text: 11 - sum mod 11; 10 is X, 11 is 0.
    for code in codes[:200]:
        inner = code[8:17]
        total = sum(int(c, 36) * w for c, w in zip(inner[:8], (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
        assert inner[8] == "0123456789X0"[11 - total % 11]
    assert all(map(mod_11_10.is_valid, population.registration_no(group, index).to_pylist()))
    people = population.resident_id(index).to_pylist()
    assert all(map(mod_11_2.is_valid, people))
    assert len(set(people)) == len(people)


def test_no_two_records_share_a_key(catalog: Catalog) -> None:
    record = np.arange(900, dtype=np.int64)
    first, last = np.full(900, 18_170, dtype=np.int64), np.full(900, 18_200, dtype=np.int64)
    for item in catalog.items.values():
        population = Population(5, catalog.divisions)
        plan = Plan(item, None, catalog, population, total=900, pool=240, style=Style(None))
        build = Build(plan, record, record * 0, first, last, end=18_200, wave=1)
        names = [n for key in item.key for n in (plan.subject_fields if key == "subject" else [key])]
        columns = [build.column(n).text.to_pylist() for n in sorted(names)]
        assert len(set(zip(*columns, strict=True))) == 900, item.id


def test_subjects_stay_the_same_in_other_items(catalog: Catalog, tmp_path: Path) -> None:
    """Those penalised are registered: libraries link."""
    plain = {"fault_share": 0.0, "set_aside_share": 0.0, "noise_share": 0.0, "kinds": ("json",), "rows": 200}
    found = {}
    for item in (ENTERPRISE, "judgment_debtor_organizations"):
        made = make(catalog, tmp_path / item, items=[item], **plain)
        text = "".join(m.path.read_text(encoding="utf-8") for m in made)
        found[item] = {word for word in text.split('"') if len(word) == 18 and word.startswith("91")}
    assert len(found[ENTERPRISE] & found["judgment_debtor_organizations"]) > 50


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 0},
        {"periods": [Period(2018, 12)]},
        {"periods": []},
        {"fault_share": 1.5},
        {"items": ["no_such_item"]},
        {"kinds": ("dbf",)},
    ],
)
def test_mistakes_are_explained(catalog: Catalog, tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(UserError):
        make(catalog, tmp_path, **wrong)


def test_no_code_of_the_reader_or_the_rules() -> None:
    import catalog.sample

    for path in Path(catalog.sample.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for foreign in ("catalog.types", "quality", "transforms", "warehouse", "duckdb", "stdnum"):
            assert f"import {foreign}" not in text, path
            assert f"from {foreign}" not in text, path
