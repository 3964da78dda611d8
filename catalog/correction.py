"""Known mistakes of providers, put right while a file is staged until they put them right themselves (`catalog/corrections`).

A correction says what it expects to find. One that finds nothing is out of date, and says so instead of resting unseen.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Key

from catalog.model import Model, Name


class Correction(Model):
    """One mistake: `find` (the whole cell, cleaned of blanks) in `field` of a provider's files means `replace`."""

    id: Name
    department: str
    division: str
    since: str
    until: str | None = None
    """First and last period whose files have the mistake."""
    field: Name
    find: str
    replace: str
    rows: int = Key(1, ge=1)
    """Rows of each file in which it must be found at least."""
    reason: str
    noticed: str
    """Day on which it was noticed, YYYY-MM-DD."""
    status: Literal["active", "closed"]

    def concerns(self, department: str, division: str | None, period: str) -> bool:
        """Whether a file of this provider and period has the mistake."""
        return (
            self.status == "active"
            and (self.department, self.division) == (department, division)
            and self.since <= period <= (self.until or period)
        )


class Corrections(Model):
    """The corrections of one item, in the order in which they apply."""

    id: Name
    corrections: tuple[Correction, ...]
