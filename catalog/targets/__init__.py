"""Targets as data: what the plan asks for, in which clause, and how it is divided among the counties."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.errors import UserError
from catalog.loader import read_one, read_rows
from catalog.model import Model

HERE = Path(__file__).parent


class Weight(Model):
    """Population and GDP of one unit in one layout, with where the figures come from."""

    layout: str
    code: str
    name: str
    population: int = Field(gt=0)
    pop_year: int
    pop_source: str
    gdp_yi_yuan: Decimal = Field(gt=0)
    gdp_year: int
    gdp_source: str
    confidence: Literal["exact", "estimate", "derived"]  # of the GDP figure; population is census data


class Layout(Model):
    """A span of time with one set of counties."""

    from_: date = Field(alias="from")
    to: date | None = None
    note: str


class Targets(Model):
    """The targets of one year: `city_target` is shared out, `county_floor` is asked of every county."""

    year: int
    due: date
    document: str
    clause: str
    quote: str
    city_target: int = Field(gt=0)
    county_floor: int = Field(gt=0)
    alpha: Decimal = Field(ge=0, le=1)  # weight of population; 1 - alpha is that of GDP
    alpha_note: str
    contradiction: str
    layouts: dict[str, Layout]
    confidence: dict[str, str]
    weights: tuple[Weight, ...] = ()

    def layout(self, on: date) -> str:
        """The layout in force on the day; raises `UserError` when none is."""
        for name, layout in self.layouts.items():
            if layout.from_ <= on and (layout.to is None or on < layout.to):
                return name
        raise UserError(
            f"{self.year}年目标没有适用于{on}的区划口径",
            where=f"catalog/targets/{self.year}.yml",
            remedy="在 layouts 中补充该时段",
        )

    def of(self, layout: str) -> dict[str, Weight]:
        """The weights of a layout by code, in order of code."""
        weights = {w.code: w for w in sorted(self.weights, key=lambda w: w.code) if w.layout == layout}
        if not weights:
            known = "、".join(self.layouts)
            raise UserError(f"没有区划口径“{layout}”的人口和GDP", remedy=f"使用已有口径：{known}")
        return weights

    def quotas(self, layout: str) -> dict[str, int]:
        """Each unit's share of the city target: T * (alpha * population share + (1 - alpha) * GDP share).

        Rounded by largest remainder, ties in order of code, so that the sum is exact.
        """
        weights = self.of(layout)
        people = sum(w.population for w in weights.values())
        money = sum((w.gdp_yi_yuan for w in weights.values()), Decimal(0))
        alpha = Fraction(self.alpha)  # fractions, not floats: a tie must be a tie
        exact = {
            code: self.city_target
            * (
                alpha * Fraction(w.population, people)
                + (1 - alpha) * Fraction(w.gdp_yi_yuan) / Fraction(money)
            )
            for code, w in weights.items()
        }
        quotas = {code: int(share) for code, share in exact.items()}
        left = self.city_target - sum(quotas.values())
        for code in sorted(exact, key=lambda code: (quotas[code] - exact[code], code))[:left]:
            quotas[code] += 1
        return quotas


@lru_cache(maxsize=8)
def load_targets(year: int, folder: Path = HERE) -> Targets:
    """The targets of a year, from `<year>.yml` and `population_gdp.csv`; `UserError` when absent or wrong."""
    path = folder / f"{year}.yml"
    if not path.exists():
        where = f"catalog/targets/{path.name}"
        raise UserError(f"没有{year}年的归集目标", where=where, remedy="按2019.yml编写")
    weights = read_rows(Weight, folder / "population_gdp.csv", "人口和GDP")
    return read_one(Targets, path, "归集目标").model_copy(update={"weights": weights})
