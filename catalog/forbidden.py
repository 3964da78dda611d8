"""What must not be collected (domain notes 5.4; 征信业管理条例 art. 14): patterns of column titles, with reasons."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import yaml

from catalog.model import Model

PATH = Path(__file__).parent / "reference" / "forbidden_fields.yml"


class ForbiddenRule(Model):
    """Titles that match `pattern`, apart from those that match `except`, are refused for `reason`."""

    id: str
    pattern: str
    reason: str
    source: str
    except_: str | None = None


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
    """The table of `forbidden_fields.yml`."""
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
    for rule in data["rules"]:
        if "except" in rule:
            rule["except_"] = rule.pop("except")
    return ForbiddenFields.model_validate(data)
