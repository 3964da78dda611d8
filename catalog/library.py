"""Libraries (信息库): who is in one, which attributes it shows, and whose word counts for each."""

from __future__ import annotations

from typing import Literal

from catalog.model import Model, Name, Values


class Attribute(Model):
    """A column of a library. `sources` are `item.field`, in order of trust: the first that has a value survives."""

    name: Name
    title: str
    sources: Values
    conflict: bool = True
    """Whether differing values of other sources are kept and shown as conflicts."""
    founding: bool = False
    """Whether it is the day on which the subject came to be: acts upon it that are dated earlier are looked at."""


class Library(Model):
    """One library: `lib.<id>`, one row per subject that has a record in one of `members`."""

    id: Name
    title: str
    kind: Literal["base", "group", "industry"]
    subject: Literal["organisation", "person", "any"]
    members: Values
    feeds: Values = ()
    """Items whose records belong to the library without putting anybody into it (a change does not make an enterprise)."""
    opt_in: bool = False
    """Collected only where switched on, and never part of the public-credit counts (domain notes 5.4)."""
    attributes: tuple[Attribute, ...]
    legal_basis: str
    note: str | None = None

    @property
    def items(self) -> tuple[str, ...]:
        """All items of the library."""
        return (*self.members, *self.feeds)
