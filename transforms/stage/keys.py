"""What tells records apart: their subject, their key, and the hash of what they say."""

from __future__ import annotations

from operator import itemgetter

from catalog.model import SUBJECT, Field, Item
from catalog.types import TYPES
from catalog.types.base_sql import quote
from quality.rules import Scope, any_of, plain


def subject_sql(scope: Scope) -> tuple[str, str]:
    """SQL for (subject_key, identity_rule): strongest identifier first; a masked one never makes a key."""
    subject = scope.item.subject
    steps: list[tuple[str, str, str]] = []

    def add(
        name: str | None, prefix: str, rule: str, condition: str = "TRUE", value: str | None = None
    ) -> None:
        if name is not None and not scope.absent(name):
            column = plain(name)
            steps.append(
                (
                    f"{column} IS NOT NULL AND NOT contains({column}, '*') AND {condition}",
                    f"'{prefix}:' || {value or column}",
                    rule,
                )
            )

    add(subject.uscc, "uscc", "uscc")
    mixed = plain(subject.mixed) if subject.mixed else ""
    add(subject.mixed, "uscc", "uscc", f"xt_is_uscc({mixed})")
    add(subject.org_code, "org", "org_code")
    add(subject.mixed, "org", "org_code", f"xt_is_org({mixed})")
    add(subject.registration_no, "reg", "registration_no")
    add(subject.mixed, "reg", "registration_no", f"xt_is_reg({mixed})")
    if subject.person:
        column, field = plain(subject.person), scope.item.field(subject.person)
        pseudonym = TYPES[field.type].stored(column, scope.use(field))
        add(subject.person, "person", "resident_id", f"xt_is_id({column})", pseudonym)
        add(subject.person, "person", "other_document", "TRUE", pseudonym)
    present = [name for name in subject.identifiers if not scope.absent(name)]
    masked = any_of([f"contains({plain(name)}, '*')" for name in present])
    # Two steps that give the same key need be told apart for the rule only.
    keys = " ".join(
        f"WHEN {when} THEN {key}"
        for (when, key, _), following in zip(steps, [*(key for _, key, _ in steps[1:]), None], strict=True)
        if key != following
    )
    rules = " ".join(f"WHEN {when} THEN {quote(rule)}" for when, _, rule in steps)
    return (
        f"CASE {keys} END" if steps else "NULL::VARCHAR",
        f"CASE {rules} WHEN {masked} THEN 'masked' ELSE 'none' END",
    )


def record_key_sql(item: Item) -> str:
    """The key by which a later delivery finds the record again; over plain values and `subject_key`."""
    parts = [
        _subject_part(item) if name == SUBJECT else f"coalesce({plain(name)}::VARCHAR, '')"
        for name in item.key
    ]
    return f"md5(concat_ws(chr(31), {quote(item.id)}, {', '.join(parts)}))::UUID"


def key_given_sql(item: Item, row: str) -> str:
    """Whether `row`, faulty as it is, says which record it is: every part of the key is there."""
    parts = [
        f"({' OR '.join(f'{row}.{plain(n)} IS NOT NULL' for n in item.subject.identifiers)})"
        if name == SUBJECT
        else f"{row}.{plain(name)} IS NOT NULL"
        for name in item.key
    ]
    return " AND ".join(["_malformed IS NULL", *parts])


def content_hash_sql(item: Item) -> str:
    """Hash of what is filled, under each field's first name and in their order: a field that the catalog adds, renames,
    widens or moves later changes no hash.
    """
    named = sorted(
        (((f.renamed_from or (f.name,))[0], f) for f in item.fields if f.change), key=itemgetter(0)
    )
    parts = [f"{quote(name + '=')} || {_canonical(f)}" for name, f in named]
    return f"md5(concat_ws(chr(31), {', '.join(parts)}))::UUID"


def _canonical(field: Field) -> str:
    """The stored value as text; a number reads alike with and without decimals."""
    value = f"{plain(field.name)}::VARCHAR"
    decimal = TYPES[field.type].storage.startswith("DECIMAL")
    return f"rtrim(rtrim({value}, '0'), '.')" if decimal else value


def _subject_part(item: Item) -> str:
    """Who the row is about, as far as it says: a key, else the masked identifiers with the name."""
    named = [*item.subject.identifiers, item.subject.name]
    loose = ", ".join(f"coalesce({plain(name)}, '')" for name in named)
    return f"coalesce(subject_key, concat_ws('|', {loose}))"
