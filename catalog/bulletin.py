"""The bulletin's fixed wording: who issues it, under which number, to whom, and the sentences that do not change."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.loader import read_one
from catalog.model import Model
from catalog.period import Period

PATH = Path(__file__).parent / "bulletin.yml"
BLANK = "　　"


class Demand(Model):
    """A sentence of what is asked next, and when it is said."""

    when: Literal["always", "missing", "questioned", "target", "double_publicity"]
    text: str


class Annex(Model):
    """An annex of the document: which of the bulletin's tables (or both charts), under which title."""

    table: Literal[
        "counties",
        "scores",
        "departments",
        "department_scores",
        "double_publicity",
        "duties",
        "forecast",
        "adjustments",
        "charts",
    ]
    title: str


class Wording(Model):
    """What `bulletin.yml` states."""

    issuer: str
    mark: str
    symbol: str
    numbers: dict[str, int] = Field(default_factory=dict)
    addressee: str
    copies: str
    printer: str
    issue_day: int = Field(ge=1, le=28)
    opening: str
    closing: tuple[Demand, ...]
    double_publicity: str
    annexes: tuple[Annex, ...]
    named: int = Field(ge=1, le=10)

    def document_number(self, period: Period) -> str:
        """The number of the period's bulletin, with a gap to be filled by hand where none is given."""
        following = period.shift(1)
        return self.symbol.format(year=following.year, number=self.numbers.get(str(period), BLANK))

    def opening_of(self, period: Period) -> str:
        return self.opening.format(year=period.year, month=period.month)


@lru_cache(maxsize=4)
def load_wording(path: Path = PATH) -> Wording:
    """The wording; raises `UserError` for a key that is missing or unknown."""
    return read_one(Wording, path, "通报文字")
