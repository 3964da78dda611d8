"""How a month is scored: weights, deductions, reference lines and the lines beyond which somebody has to look."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from catalog.loader import read_one
from catalog.model import Model

PATH = Path(__file__).parent / "targets" / "scoring.yml"
MeasureId = Literal[
    "completion", "reporting", "valid", "timely", "coverage", "complete", "linking", "handling"
]


class Measure(Model):
    """One measure: its weight among a county's and a department's 100 points; the rate that earns them in full."""

    id: MeasureId
    title: str
    county: Decimal = Field(ge=0)
    department: Decimal = Field(ge=0)
    full_at: Decimal = Field(Decimal(1), gt=0, le=1)
    note: str


class Deduction(Model):
    """Points taken off per case, `at_most` in all."""

    id: Literal["concealed", "missing"]
    title: str
    each: Decimal = Field(ge=0)
    at_most: Decimal = Field(ge=0)
    note: str


class Reference(Model):
    """The lines that 双公示 is held against, as shares (0-1)."""

    compliance: Decimal
    timeliness: Decimal
    concealed: Decimal


class Flags(Model):
    """Where figures are shown to somebody before they are sent out; shares are 0-1, `jump` is a multiple."""

    least_rows: int = Field(ge=1)
    concentration: Decimal = Field(gt=0, le=1)
    jump: Decimal = Field(gt=1)
    renewed: Decimal = Field(gt=0, le=1)
    renewed_months: int = Field(ge=0, le=24)
    constant: Decimal = Field(gt=0, le=1)
    sequential: Decimal = Field(gt=0, le=1)


class Scoring(Model):
    """The whole scheme (catalog/targets/scoring.yml)."""

    basis: str
    count_decision_day: bool
    measures: tuple[Measure, ...]
    deductions: tuple[Deduction, ...]
    reference: Reference
    flags: Flags

    @model_validator(mode="after")
    def _sums(self) -> Scoring:
        for kind in ("county", "department"):
            if (total := sum(getattr(measure, kind) for measure in self.measures)) != 100:
                raise ValueError(f"{kind} 的权重合计为{total}，应为100")
        ids = [*(m.id for m in self.measures), *(d.id for d in self.deductions)]
        if len(ids) != len(set(ids)):
            raise ValueError("同一指标写了两次")
        return self


@lru_cache(maxsize=8)
def load_scoring(path: Path = PATH) -> Scoring:
    """The scheme of `scoring.yml`; raises `UserError` saying what is wrong with it."""
    return read_one(Scoring, path, "计分办法")
