"""Integration: who is each record about, and what is known of each subject (design, section 2)."""

from transforms.integrate.build import IntegrateResult, integrate
from transforms.integrate.plan import column_comments

__all__ = ["IntegrateResult", "column_comments", "integrate"]
