"""The yearly scoreboard of demonstration counties: indicators as data, evidence that only people have."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.errors import UserError
from catalog.loader import read_one, read_rows
from catalog.model import Model

HERE = Path(__file__).parent / "targets"


class Indicator(Model):
    """One indicator: its points, and what earns them."""

    id: str
    title: str
    points: Decimal = Field(gt=0)
    measure: Literal["evidence", "connected", "score"]
    note: str


class Evidence(Model):
    """What somebody established for one county, year and indicator: `achieved` of `of`, and where it is written."""

    year: int
    code: str
    indicator: str
    achieved: Decimal = Field(ge=0)
    of: Decimal = Field(gt=0)
    evidence: str = Field(min_length=1)


class Demonstration(Model):
    """The scoreboard (demonstration.yml) with its evidence (demonstration.csv)."""

    source: str
    indicators: tuple[Indicator, ...]
    evidence: tuple[Evidence, ...] = ()


@lru_cache(maxsize=4)
def load_demonstration(folder: Path = HERE) -> Demonstration:
    """The scoreboard; raises `UserError` for wrong keys, or evidence of an indicator that is none."""
    stated = read_one(Demonstration, folder / "demonstration.yml", "示范评分表")
    evidence = read_rows(Evidence, folder / "demonstration.csv", "示范评分的佐证")
    board = stated.model_copy(update={"evidence": evidence})
    by_hand = {i.id for i in board.indicators if i.measure == "evidence"}
    for fact in board.evidence:
        if fact.indicator not in by_hand:
            raise UserError(
                f"“{fact.indicator}”不是由人填写的指标",
                where="catalog/targets/demonstration.csv",
                remedy=f"从中选一个：{'、'.join(sorted(by_hand))}",
            )
    return board
