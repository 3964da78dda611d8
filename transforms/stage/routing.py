"""Routing of misplaced codes: one that stands in a neighbour's column moves to the column of its own kind.

The codes of a one-of group are known by their form; a person's number and a USCC by their check digits, too.
"""

from __future__ import annotations

from catalog.types import TYPES
from quality.rules import Scope, exchanged, routed_groups, text


def _misplaced(name: str) -> str:
    """SQL name of whether a field's column holds a code that belongs in its neighbour's."""
    return f'"x_{name}"'


def misplaced_columns(scope: Scope) -> list[str]:
    """SQL columns that `routed_columns` looks at: of a USCC's and a person's number's column, whether each holds what belongs
    in the other.
    """
    if (pair := exchanged(scope)) is None:
        return []
    certain = {name: TYPES[scope.item.field(name).type] for name in pair}

    def misplaced(there: str, here: str) -> str:
        """Whether `there` holds what belongs to `here`, and `here` nothing that would be lost."""
        held = (
            f"{text(here)} IS NULL OR {certain[there].certain(text(here))}"
            f" OR xt_code({text(here)}) = xt_code({text(there)})"
        )
        return (
            f"CASE WHEN {certain[here].certain(text(there))}"
            f" THEN coalesce(NOT ({certain[there].certain(text(there))}) AND ({held}), FALSE) ELSE FALSE END"
        )

    return [f"{misplaced(a, b)} AS {_misplaced(a)}" for a, b in (pair, pair[::-1])]


def routed_columns(scope: Scope) -> list[str]:
    """The text columns of the fields between which codes move, each with what belongs in it."""
    item = scope.item
    routed: list[str] = []
    swapped = _exchanges(scope)
    for group in routed_groups(item):
        forms = {name: form for name in group if (form := TYPES[item.field(name).type].form(text(name)))}
        # Nearly every row has each code in its own column, and for it nothing else is worked out.
        in_order = " AND ".join(
            [f"({text(name)} IS NULL OR {form})" for name, form in forms.items()]
            + [f"NOT {_misplaced(name)}" for name in swapped]
        )
        for name, form in forms.items():
            others = [other for other in forms if other != name]
            own = f"NOT ({form})"
            arrives = [
                f"WHEN ({text(name)} IS NULL OR {own}) AND {TYPES[item.field(name).type].form(text(other))}"
                f" AND NOT ({forms[other]}) THEN {text(other)}"
                for other in others
            ]
            # What its own column holds as well is a copy; two different codes of one kind are the provider's to explain.
            leaves = [
                f"WHEN {own} AND {TYPES[item.field(other).type].form(text(name))}"
                f" AND ({text(other)} IS NULL OR NOT ({forms[other]}) OR xt_code({text(other)}) = xt_code({text(name)})) THEN NULL"
                for other in others
            ]
            first = swapped.pop(name, "")
            routed.append(
                f"CASE WHEN {in_order} THEN {text(name)} {first} {' '.join(arrives)} {' '.join(leaves)} ELSE {text(name)} END AS {text(name)}"
            )
    return routed + [f"CASE {cases} ELSE {text(name)} END AS {text(name)}" for name, cases in swapped.items()]


def _exchanges(scope: Scope) -> dict[str, str]:
    """CASE branches that bring a person's number out of the USCC's column, and a USCC out of the number's."""
    if (pair := exchanged(scope)) is None:
        return {}
    return {
        here: f"WHEN {_misplaced(there)} THEN {text(there)} WHEN {_misplaced(here)} THEN NULL"
        for here, there in (pair, pair[::-1])
    }
