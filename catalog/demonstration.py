"""The yearly scoreboard of demonstration counties: indicators as data, evidence that only people have."""

from __future__ import annotations

import csv
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from catalog.errors import UserError
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
    try:
        with (folder / "demonstration.csv").open(encoding="utf-8", newline="") as file:
            evidence = tuple(Evidence.model_validate(row) for row in csv.DictReader(file))
        stated = yaml.safe_load((folder / "demonstration.yml").read_text(encoding="utf-8"))
        board = Demonstration.model_validate({**stated, "evidence": evidence})
    except (ValidationError, yaml.YAMLError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else error
        raise UserError(f"示范评分表有误：{reason}", where="catalog/targets/demonstration.*") from error
    by_hand = {i.id for i in board.indicators if i.measure == "evidence"}
    for fact in board.evidence:
        if fact.indicator not in by_hand:
            raise UserError(
                f"“{fact.indicator}”不是由人填写的指标",
                where="catalog/targets/demonstration.csv",
                remedy=f"从中选一个：{'、'.join(sorted(by_hand))}",
            )
    return board
