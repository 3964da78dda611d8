"""The house's order, read from the source: who may import whom, who alone may do what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.loader import load_catalog
from catalog.types import TYPES

ROOT = Path(__file__).parents[1]
ORDER = ("catalog", "warehouse", "quality", "transforms")  # each may import those before it
PACKAGES = [path for package in ORDER for path in sorted((ROOT / package).rglob("*.py"))]
OUTSIDE = [path for folder in ("xtcredit", "dags") for path in sorted((ROOT / folder).rglob("*.py"))]
EVERYTHING = [*PACKAGES, *OUTSIDE]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _imports(path: Path) -> Iterator[str]:
    """Modules imported anywhere in a file, inside functions too; relative ones made absolute."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", EVERYTHING, ids=_name)
def test_imports_never_go_back(path):
    package = path.relative_to(ROOT).parts[0]
    allowed = set(ORDER[: ORDER.index(package) + 1]) if package in ORDER else set(ORDER)
    own = {"dags", "xtcredit", "tests", *ORDER}
    found = {module.split(".")[0] for module in _imports(path)} & own
    assert found - allowed - ({package} if package not in ORDER else set()) == set()


@pytest.mark.parametrize("path", PACKAGES, ids=_name)
def test_airflow_is_known_to_the_dags_only(path):
    assert not [m for m in _imports(path) if m.split(".")[0] in ("airflow", "pendulum")]


@pytest.mark.parametrize("path", EVERYTHING, ids=_name)
def test_great_expectations_is_imported_in_one_module(path):
    # The workers' settings preload it, so that forked tasks need not (design 7).
    allowed = {"quality/gx.py", "dags/settings/airflow_local_settings.py"}
    assert _name(path) in allowed or not [
        m for m in _imports(path) if m.split(".")[0] == "great_expectations"
    ]


def test_great_expectations_is_not_imported_with_its_module():
    path = ROOT / "quality" / "gx.py"
    top = [node for node in _tree(path).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert "great_expectations" not in " ".join(map(ast.unparse, top))


@pytest.mark.parametrize("path", EVERYTHING, ids=_name)
def test_duckdb_is_opened_in_one_place(path):
    assert _name(path) == "warehouse/lake.py" or "duckdb.connect" not in set(_calls(path))
    assert not {m for m in _imports(path) if m == "duckdb.connect"}


# Reading departments' systems is what `extract` is for; it may wait and look at the clock.
PURE = [p for p in PACKAGES if p.relative_to(ROOT).parts[0] == "transforms" and "extract" not in p.parts]
_CLOCK = re.compile(r"\b(now|today|utcnow|time\.time|time\.monotonic|perf_counter|getmtime)$|st_[mca]time")
_SQL_CLOCK = re.compile(
    r"\b(current_date|current_timestamp|now\(\)|today\(\)|random\(\)|gen_random_uuid|uuid\(\))", re.IGNORECASE
)


@pytest.mark.parametrize("path", PURE, ids=lambda path: _name(path))
def test_transforms_are_pure(path):
    banned = {"random", "secrets", "uuid", "socket", "urllib", "http", "requests", "httpx", "time"}
    assert not [m for m in _imports(path) if m.split(".")[0] in banned]
    assert not [call for call in _calls(path) if _CLOCK.search(call)]


@pytest.mark.parametrize("path", [*PURE, *sorted((ROOT / "transforms").rglob("*.sql"))], ids=_name)
def test_their_sql_is_pure(path):
    assert not _SQL_CLOCK.findall(path.read_text(encoding="utf-8"))


def _compared(path: Path) -> Iterator[tuple[int, str]]:
    """String constants that something is compared with: ==, !=, in, match cases."""
    for node in ast.walk(_tree(path)):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            for inner in ast.walk(part):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.lineno, inner.value


@pytest.mark.parametrize("path", EVERYTHING, ids=_name)
def test_no_code_asks_which_item_it_has(path):
    catalog = load_catalog()
    names = (
        set(catalog.items)
        | {item.code for item in catalog.items.values()}
        | {item.title for item in catalog.items.values()}
    )
    assert [found for found in _compared(path) if found[1] in names] == []


# The generator of samples shares no code with the types it is there to test, so it knows them by name.
@pytest.mark.parametrize("path", [p for p in EVERYTHING if not {"types", "sample"} & set(p.parts)], ids=_name)
def test_no_code_compares_the_type_of_a_field(path):
    wrong = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            asks = any(isinstance(s, ast.Attribute) and s.attr == "type" for s in sides)
            constant = any(
                isinstance(c, ast.Constant) and c.value in TYPES for s in sides for c in ast.walk(s)
            )
            if asks and constant:
                wrong.append(node.lineno)
    assert wrong == []


@pytest.mark.parametrize("path", PACKAGES, ids=_name)
def test_no_error_is_swallowed(path):
    bare = [n.lineno for n in ast.walk(_tree(path)) if isinstance(n, ast.ExceptHandler) and n.type is None]
    assert bare == []
