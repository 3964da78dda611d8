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


class Library(Model):
    """One library: `lib.<id>`, one row per subject that has a record in one of `members`."""

    id: Name
    title: str
    kind: Literal["base", "group", "industry"]
    subject: Literal["organisation", "person"]
    members: Values
    attributes: tuple[Attribute, ...]
    legal_basis: str
    note: str | None = None
