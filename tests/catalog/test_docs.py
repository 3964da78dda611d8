"""docs/catalog.md names every word of the catalog's language, and its example is one."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import yaml

from catalog import model
from catalog.codes import Code, CodeList
from catalog.library import Attribute, Library
from catalog.loader import ROOT
from catalog.model import Model
from catalog.types import TYPES

TEXT = (ROOT.parent / "docs" / "catalog.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.S)
WORDS = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", PROSE))))
TYPE_TABLE = PROSE.split("### 语义类型")[1].split("###")[0]
MODELS = [
    *(m for m in vars(model).values() if isinstance(m, type) and issubclass(m, Model) and m.model_fields),
    Code, CodeList, Attribute, Library,
]  # fmt: skip


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_key_is_explained(kind):
    assert {info.alias or name for name, info in kind.model_fields.items()} - WORDS == set()


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_type_has_its_row_with_its_keys(kind):
    row = next(line for line in TYPE_TABLE.splitlines() if line.startswith(f"| `{kind.id}` |"))
    assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == set(kind.options | kind.needs)


@pytest.mark.parametrize(
    "words", [model.Share, model.Level, model.Frequency, model.SubjectKind, model.CheckLevel]
)
def test_every_value_is_explained(words):
    assert set(get_args(words)) - WORDS == set()


def test_every_rule_has_its_row():
    rules = {get_args(r.model_fields["rule"].annotation)[0] for r in MODELS if "rule" in r.model_fields}
    assert len(rules) == 11
    assert {rule for rule in rules if f"| `{rule}` |" not in TEXT} == set()


def test_the_example_is_an_item():
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.S)
    assert example is not None
    assert model.Item.model_validate(yaml.load(example[1], Loader=yaml.BaseLoader)).id == "hotel_licence"


def test_it_is_short_enough_to_read():
    assert len(TEXT.splitlines()) < 300
