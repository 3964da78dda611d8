"""Counts, targets and ranks of one period: fills `mart.*` from the ledger, the batches and the catalog."""

from transforms.assess.marts import AssessResult, assess

__all__ = ["AssessResult", "assess"]
