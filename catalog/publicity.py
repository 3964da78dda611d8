"""For how long a record is shown: the periods that regulations set by date of decision (domain notes 4.7)."""

from __future__ import annotations

from datetime import date

from pydantic import Field as Key

from catalog.model import Model, Name, Values


class PublicityClass(Model):
    """One class of a regulation: a record falls under the first whose conditions it meets; one without any takes the rest."""

    title: str
    any: Values = ()
    """Kinds of penalty of which the record has one at least."""
    only: Values = ()
    """Kinds of penalty beyond which the record has none."""
    degrees: Values = ()
    """Degrees of dishonesty as the provider states them."""
    min_months: int = Key(ge=0, le=120)
    """Months before a repair may end the publication."""
    months: int = Key(ge=0, le=120)
    """Months after which the publication ends; 0: the record is not published at all."""

    @property
    def rest(self) -> bool:
        return not (self.any or self.only or self.degrees)


class Regime(Model):
    """One regulation and the dates of decision it governs, both days included."""

    document: str
    from_: date = Key(alias="from")
    to: date
    classes: tuple[PublicityClass, ...]


class PublicityPeriod(Model):
    """The periods of one kind of record, regulation after regulation."""

    id: Name
    title: str
    regimes: tuple[Regime, ...]

    def problems(self) -> list[str]:
        """What is wrong with it: gaps or overlaps between regulations, classes that nothing reaches. Chinese, empty if sound."""
        found = []
        for before, after in zip(self.regimes, self.regimes[1:], strict=False):
            if (after.from_ - before.to).days != 1:
                found.append(
                    f"“{before.document}”止于 {before.to}，“{after.document}”起于 {after.from_}，不相接"
                )
        for regime in self.regimes:
            if [c.rest for c in regime.classes] != [False] * (len(regime.classes) - 1) + [True]:
                found.append(f"“{regime.document}”应恰有最后一类不写条件")
            found += [
                f"“{regime.document}”的“{c.title}”最短期限长于最长期限"
                for c in regime.classes
                if c.min_months > c.months
            ]
        return found
