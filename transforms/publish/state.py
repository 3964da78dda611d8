"""Which records are no longer shown on a day, and why: periods of publication, objections, corrections, repairs.

The result is the temporary table `xt_hidden(item_id, record_key, reason, since)`: one row per record that is kept and not
shown; `xt_acted` has those and what is shown again since it was put right (`renewed`). Both are a function of the ledger,
the catalog and the day.
"""

from __future__ import annotations

from datetime import date

from catalog.loader import Catalog
from catalog.model import Item, Process, Publicity
from catalog.publicity import PublicityClass, PublicityPeriod
from catalog.types import TYPES
from catalog.types.base_sql import literal_list, quote
from quality.rules import holds
from warehouse.lake import Lake

REASONS = {
    "expired": "公示期满",
    "ended": "已移出、解除或缴清",
    "withdrawn": "提供单位已撤销或标注异议",
    "objection": "异议处理中",
    "corrected": "异议成立，待提供单位更正",
    "deleted": "异议成立，已删除",
    "repaired": "信用修复，停止公示",
    "renewed": "异议成立，已更正",
}
RIGHTS = ("objection", "corrected", "deleted", "repaired")
"""Reasons that are the subject's own doing: who received the record before must hear of them."""


LINKED = "LEFT JOIN core.link l ON l.item_id = r.item_id AND l.record_key = r.record_key"
"""What a record of the ledger, `r`, was found to be about; none before the first integration."""
SUBJECT_KEY = "coalesce(l.subject_key, r.subject_key)"
"""Of a record that is `LINKED`: whom it is about."""


def hide(lake: Lake, catalog: Catalog, as_of: date) -> None:
    """Make `xt_hidden` for the records of the lake as it is open, on the day `as_of`.

    Where several reasons hold for one record, the earliest counts, a reason of the subject's rights before others.
    """
    present = present_items(lake)
    lake.execute(
        "CREATE OR REPLACE TEMP TABLE xt_found (item_id VARCHAR, record_key UUID, reason VARCHAR, since DATE)"
    )
    for item in catalog.items.values():
        if item.publicity is not None and item.id in present:
            lake.execute(f"INSERT INTO xt_found {_periods(item, item.publicity, catalog, as_of)}")
    for item in catalog.items.values():
        if item.process is not None and item.id in present:
            _processes(lake, catalog, item, item.process, present, as_of)
    rights = literal_list(RIGHTS)
    lake.execute(
        f"""CREATE OR REPLACE TEMP TABLE xt_acted AS
        SELECT item_id, record_key, f.reason, f.since FROM (
            SELECT item_id, record_key,
                arg_min({{'reason': reason, 'since': since}}, ROW(reason = 'renewed', reason NOT IN ({rights}), since, reason)) AS f
            FROM xt_found GROUP BY item_id, record_key)"""
    )
    lake.execute("CREATE OR REPLACE TEMP TABLE xt_hidden AS FROM xt_acted WHERE reason <> 'renewed'")
    lake.execute("DROP TABLE xt_found")


def current_rows(item: Item) -> str:
    """FROM clause: the ledger's line `r` of every record of an item that has not ended, and its current version `v`."""
    return (
        f'core.record r JOIN rec."{item.id}" v ON v.batch_id = r.batch_id AND v.row_number = r.row_number'
        f" AND r.item_id = {quote(item.id)} AND r.status = 'active'"
    )


def _periods(item: Item, publicity: Publicity, catalog: Catalog, as_of: date) -> str:
    day = f"DATE '{as_of}'"
    until = f'v."{publicity.until}"' if publicity.until else "NULL::DATE"
    if publicity.period is not None:
        until = _until(publicity, catalog.publicity[publicity.period], until)
    ended = f'v."{publicity.ended}"' if publicity.ended else "NULL::DATE"
    withdrawn = holds(publicity.withdrawn, "v") if publicity.withdrawn else "FALSE"
    return f"""
        SELECT {quote(item.id)}, record_key,
            CASE WHEN withdrawn THEN 'withdrawn' WHEN ended <= {day} THEN 'ended' ELSE 'expired' END,
            CASE WHEN withdrawn THEN NULL WHEN ended <= {day} THEN ended ELSE until + 1 END
        FROM (SELECT r.record_key, {until} AS until, {ended} AS ended, {withdrawn} AS withdrawn FROM {current_rows(item)})
        WHERE withdrawn OR ended <= {day} OR until < {day}"""


def _until(publicity: Publicity, period: PublicityPeriod, stated: str) -> str:
    """The last day of publication: as stated, no later than the longest class allows; else as the record's class says."""
    start = f'v."{publicity.from_}"'
    regimes = []
    for regime in period.regimes:
        longest = max(c.months for c in regime.classes)
        own = (
            "CASE "
            + " ".join(f"WHEN {_falls(c, publicity)} THEN {c.months}" for c in regime.classes)
            + " END"
        )
        regimes.append(
            f"WHEN {start} BETWEEN DATE '{regime.from_}' AND DATE '{regime.to}' THEN CASE"
            f" WHEN ({own}) = 0 THEN ({start} - 1)::DATE"
            f" WHEN {stated} IS NOT NULL THEN least({stated}, ({start} + to_months({longest}))::DATE)"
            f" ELSE ({start} + to_months({own}))::DATE END"
        )
    return f"CASE {' '.join(regimes)} ELSE {stated} END"


def _least_months(publicity: Publicity | None, catalog: Catalog) -> str | None:
    """SQL for the months that must pass before a repair ends the publication; None where no period governs."""
    if publicity is None or publicity.period is None:
        return None
    start = f'v."{publicity.from_}"'
    regimes = " ".join(
        f"WHEN {start} BETWEEN DATE '{regime.from_}' AND DATE '{regime.to}' THEN CASE "
        + " ".join(f"WHEN {_falls(c, publicity)} THEN {c.min_months}" for c in regime.classes)
        + " END"
        for regime in catalog.publicity[publicity.period].regimes
    )
    return f"CASE {regimes} END"


def _falls(member: PublicityClass, publicity: Publicity) -> str:
    tests = []
    if publicity.kinds:
        kinds = (
            "string_split(concat_ws(';', " + ", ".join(f'v."{name}"' for name in publicity.kinds) + "), ';')"
        )
        if member.any:
            tests.append(f"list_has_any({kinds}, [{literal_list(member.any)}])")
        if member.only:
            tests.append(f"list_has_all([{literal_list(member.only)}], {kinds})")
    elif member.any or member.only:
        tests.append("FALSE")
    if member.degrees:
        listed = literal_list(member.degrees)
        tests.append(
            f'coalesce(v."{publicity.degree}" IN ({listed}), FALSE)' if publicity.degree else "FALSE"
        )
    return " AND ".join(tests) or "TRUE"


def numbers(item: Item) -> list[str]:
    """The fields by whose value others name a record of the item: its numbers of documents, certificates, cases."""
    return [f.name for f in item.fields if TYPES[f.type].names_record and not TYPES[f.type].private]


def number_sql(value: str) -> str:
    """SQL of the form in which numbers that name records are compared."""
    return f"upper(xt_document_no({value}))"


def present_items(lake: Lake) -> set[str]:
    """The items of which the ledger has a record."""
    return {name for (name,) in lake.execute("SELECT DISTINCT item_id FROM core.record").fetchall()}


def _processes(
    lake: Lake, catalog: Catalog, item: Item, process: Process, present: set[str], as_of: date
) -> None:
    """Add the records on which one item's objections or repairs act. A record is theirs if number and subject agree: by
    identifier, or, where one of them has none (or a masked one), by name.
    """
    day = f"DATE '{as_of}'"
    own_number = number_sql(f'v."{process.record_no}"')
    lake.execute(
        f"""CREATE OR REPLACE TEMP TABLE xt_process AS
        SELECT t.item_id AS target, {SUBJECT_KEY} AS subject_key,
            v."{item.subject.name}" AS name, {own_number} AS number, v."{process.begun}" AS begun, v."{process.concluded}" AS concluded, v."{process.conclusion}" AS conclusion
        FROM {current_rows(item)}
        {LINKED}
        JOIN ref.item t ON trim(v."{process.catalog}") IN (t.title, t.code, t.item_id)"""
    )
    targets = lake.execute("SELECT DISTINCT target FROM xt_process ORDER BY target").fetchall()
    stops, corrects = literal_list(process.stops) or "NULL", literal_list(process.corrects) or "NULL"
    for (name,) in targets:
        target = catalog.items.get(name)
        if target is None or name not in present or target.process is not None:
            continue
        named = numbers(target)
        borne = ", ".join(number_sql(f'v."{each}"') for each in named)
        same = f"p.subject_key = {SUBJECT_KEY}"
        # A name alone is nobody: it confirms a number, and no more.
        theirs = (
            f'p.number IN ({borne}) AND coalesce({same}, p.name = v."{target.subject.name}")'
            if named
            else same
        )
        least = _least_months(target.publicity, catalog)
        start = target.publicity.from_ if target.publicity else None
        ends = f'greatest(p.concluded, (v."{start}" + to_months({least}))::DATE)' if least else "p.concluded"
        stopped = "'deleted'" if process.suspends else "'repaired'"
        since = "p.concluded" if process.suspends else ends
        lake.execute(
            f"""INSERT INTO xt_found
            SELECT {quote(name)}, record_key, reason, since FROM (
                SELECT r.record_key,
                    CASE WHEN p.concluded IS NULL OR p.concluded > {day} THEN
                            CASE WHEN {process.suspends} AND coalesce(p.begun, {day} + 1) <= {day} THEN 'objection' END
                        WHEN p.conclusion IN ({stops}) AND {since} <= {day} THEN {stopped}
                        WHEN p.conclusion IN ({corrects}) THEN CASE WHEN r.last_period > strftime(p.concluded, '%Y-%m')
                            OR (r.last_period = strftime(p.concluded, '%Y-%m') AND r.versions > 1) THEN 'renewed' ELSE 'corrected' END END AS reason,
                    CASE WHEN p.concluded IS NULL OR p.concluded > {day} THEN p.begun
                        WHEN p.conclusion IN ({stops}) THEN {since} ELSE p.concluded END AS since
                FROM {current_rows(target)}
                {LINKED}
                JOIN xt_process p ON p.target = {quote(name)} AND {theirs})
            WHERE reason IS NOT NULL"""
        )
    lake.execute("DROP TABLE xt_process")
