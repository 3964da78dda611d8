"""docs/sources.md names every key of a source, and its example is one."""

from __future__ import annotations

import re

import pytest
import yaml
from pydantic import TypeAdapter

from catalog import channel
from catalog.base import Model
from catalog.loader import ROOT

TEXT = (ROOT.parent / "docs" / "sources.md").read_text(encoding="utf-8")
WORDS = set(
    re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.S))))
)
MODELS = [
    m for m in vars(channel).values() if isinstance(m, type) and issubclass(m, Model) and m.model_fields
]


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_key_is_explained(kind: type[Model]) -> None:
    assert set(kind.model_fields) - WORDS == set()


def test_the_example_is_a_source() -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.S)
    assert example is not None
    (written,) = yaml.load(example[1], Loader=yaml.BaseLoader)["sources"]
    assert TypeAdapter(channel.Source).validate_python(written).connection == "gaj_front"
