"""Counts, targets and ranks of one period: fills `mart.*` from the ledger, the batches and the catalog."""

from transforms.assess.marts import AssessResult, assess, ensure_marts

__all__ = ["AssessResult", "assess", "ensure_marts"]
