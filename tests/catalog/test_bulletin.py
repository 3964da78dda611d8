"""The wording of the bulletin: a mistake in it is said with its line, as in any other file of the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.bulletin import PATH, load_wording
from catalog.errors import UserError


def test_a_wrong_key_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bulletin.yml"
    text = PATH.read_text("utf-8")
    path.write_text(f"{text}nonsense: 一\n", "utf-8")
    with pytest.raises(UserError, match="通报文字有误：不认识的键“nonsense”") as refused:
        load_wording(path)
    assert refused.value.where == f"{path}:{text.count(chr(10)) + 1}"
