"""What must not be collected (domain notes 5.4; 征信业管理条例 art. 14): patterns of column titles, with reasons."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from pydantic import Field as Key

from catalog.loader import read_one
from catalog.model import Model

PATH = Path(__file__).parent / "reference" / "forbidden_fields.yml"


class ForbiddenRule(Model):
    """Titles that match `pattern`, apart from those that match `except`, are refused for `reason`."""

    id: str
    pattern: str
    reason: str
    source: str
    except_: str | None = Key(None, alias="except")


class ForbiddenFields(Model):
    title: str
    rules: tuple[ForbiddenRule, ...]

    def find(self, title: str) -> ForbiddenRule | None:
        """The rule that forbids a column of this title, if any."""
        return next(
            (
                rule
                for rule in self.rules
                if re.search(rule.pattern, title) and not (rule.except_ and re.search(rule.except_, title))
            ),
            None,
        )


@lru_cache(maxsize=2)
def load_forbidden(path: Path = PATH) -> ForbiddenFields:
    """The table of `forbidden_fields.yml`; raises `UserError` saying what is wrong with it."""
    return read_one(ForbiddenFields, path, "不得归集的数据项")
