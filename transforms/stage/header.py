"""Which row is the header, which column is which field, which rows are no records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.channel import OPERATION, WITHDRAWN
from catalog.errors import UserError
from catalog.headers import has_text, normalise_header
from catalog.types.base_sql import quote
from transforms.stage.rawfile import DELETED, PREAMBLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Cells = tuple[str | None, ...]

_SHOWN = 12
_LONGEST = 200
"""What is longer is no heading, and searching it takes the square of its length."""


@dataclass(frozen=True)
class Template:
    """One format version of an item: which header means which field.

    `headers` maps every accepted heading to its field, `ignored` holds headings to leave out, `required` the
    fields whose column must be there, `forbidden` matches headings that must not be delivered.
    """

    name: str
    headers: Mapping[str, str]
    ignored: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    forbidden: re.Pattern[str] | None = None
    title: str = ""

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.title or self.name


@dataclass(frozen=True)
class Layout:
    """Where the fields stand in a raw file.

    `header_row` is 0-based; the records follow it. `header` is the header as read (for two rows: the lower
    where it is filled); `header_texts` the raw cells of the row `header_row`. `unnamed` columns have no
    heading and no value in the rows looked at. `banned` columns must not be collected: nothing of them is kept.
    """

    template: str
    header_row: int
    columns: Mapping[str, int]
    ignored: tuple[int, ...]
    banned: tuple[int, ...]
    unnamed: tuple[int, ...]
    header: Cells
    header_texts: Cells


@dataclass(frozen=True)
class _Reading:
    template: Template
    row: int
    header: Cells
    fields: tuple[str | None, ...]  # by column
    matched: int
    score: int


def column_letter(index: int) -> str:
    """Give a 0-based column's letter as a spreadsheet shows it: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def recognise(
    rows: Sequence[Sequence[str | None]], templates: Sequence[Template], *, where: str | None = None
) -> Layout:
    """Find header and format version in the first rows of a file.

    `rows` are raw records in file order (about 50); `where` names the file in messages. The template with the
    most matching headings wins, missing required ones counting against it; the first of equals is taken.

    Raises:
        UserError: no header of these templates; unknown, duplicate or missing columns.
    """
    table = [tuple(row) for row in rows]
    best: _Reading | None = None
    for template in templates:
        for reading in _readings(table, template):
            if best is None or reading.score > best.score:
                best = reading
    if best is None or not _is_header(best):
        raise _no_header(table, templates, where)
    _check(best, table, where)
    ignored = {normalise_header(text) for text in best.template.ignored}
    return Layout(
        template=best.template.name,
        header_row=best.row,
        columns={field: i for i, field in enumerate(best.fields) if field is not None},
        ignored=tuple(i for i, text in enumerate(best.header) if text and normalise_header(text) in ignored),
        banned=_banned(best),
        unnamed=tuple(i for i, text in enumerate(best.header) if not has_text(text)),
        header=best.header,
        header_texts=table[best.row],
    )


def ignore_reason_sql(layout: Layout, columns: int) -> str:
    """Give a CASE expression over a raw.parquet: 'blank', 'repeated_header', 'footer', 'withdrawn' or NULL.

    It looks at rows below the header; title rows are those before `layout.header_row`. Title rows of a second
    sheet count as 'repeated_header'. A footer has at most two filled cells, of which the first is a word like
    合计 or 填表人. A row that its department withdrew at its source, or deleted there, is no record.
    """
    names = [f"c{i}" for i in range(columns)]
    # The conditions are ordered so that nearly every row fails the first cheap one of each.
    probes = [f"c{i}" for i in sorted(layout.columns.values())[:3]] or names[:3]
    blank = " AND ".join(f"coalesce(trim({name}, {_BLANKS}), '') = ''" for name in [*probes, *names])
    repeated = " AND ".join(
        f"{names[i]} = {quote(text)}"
        for i, text in enumerate(layout.header_texts[:columns])
        if text is not None and text.strip()
    )
    first = "coalesce(" + ", ".join(f"nullif(trim({name}, {_BLANKS}), '')" for name in names) + ", '')"
    filled = " + ".join(f"(coalesce(trim({name}, {_BLANKS}), '') <> '')::UTINYINT::INT" for name in names)
    some_empty = " OR ".join(f"coalesce(trim({name}, {_BLANKS}), '') = ''" for name in probes)
    gate = (
        f"({some_empty}) AND " if len(probes) == 3 else ""
    )  # two filled cells leave one of three columns empty
    footer = f"{gate}regexp_matches({first}, {quote(_FOOTER)}) AND {filled} <= 2"
    return (
        f"CASE WHEN _malformed IS NULL AND {blank} THEN 'blank'"
        f" WHEN {repeated} OR _malformed = {quote(PREAMBLE)} THEN 'repeated_header'"
        f" WHEN {footer} THEN 'footer'{_withdrawn(layout, names)} END"
    )


def _withdrawn(layout: Layout, names: Sequence[str]) -> str:
    flags = (
        name
        for name, text in zip(names, layout.header, strict=False)
        if normalise_header(text or "") == OPERATION
    )
    said = [*(f"{name} = {quote(WITHDRAWN)}" for name in flags), f"_malformed = {quote(DELETED)}"]
    return f" WHEN {' OR '.join(said)} THEN 'withdrawn'"


_BLANKS = "' \t\r\n\u3000\u00a0'"


def _spaced(word: str) -> str:
    return r"[\s　]*".join(word)


_FOOTER = (
    "^(?:"
    # These open a name or a sentence, too: they must stand alone or be followed by a sign or a figure.
    + "(?:"
    + "|".join(
        _spaced(w) for w in ("合计", "总计", "小计", "共计", "说明", "备注", "注", "填表说明", "表格说明")
    )
    + ")"
    + r"(?:[\s　]*$|[\s　]*[:：（(\d０-９、.．]|[\s　]+)"
    + "|(?:"
    + "|".join(
        _spaced(w)
        for w in (
            "填表人",
            "填报人",
            "制表人",
            "审核人",
            "复核人",
            "经办人",
            "填报单位",
            "填表日期",
            "填报日期",
        )
    )
    + r")(?:[\s　]*$|[\s　]*[（(][^）)]*[）)]|[\s　]*[:：]|[\s　]+)"
    + ")"
)


def _readings(table: list[Cells], template: Template) -> Iterable[_Reading]:
    """Read every row as a header, alone and, where that finds more, together with the row below it."""
    fields = {normalise_header(text): field for text, field in template.headers.items()}
    ignored = {normalise_header(text) for text in template.ignored}
    for number, row in enumerate(table):
        single = _reading(template, fields, ignored, number, row)
        yield single
        if number + 1 < len(table):
            double = _reading(template, fields, ignored, number + 1, _stacked(row, table[number + 1], fields))
            if double.matched > single.matched:
                yield double


def _stacked(upper: Cells, lower: Cells, fields: Mapping[str, str]) -> Cells:
    """Give a header of two rows: a group heading above spans the empty cells to its right."""
    cells: list[str | None] = []
    group = ""
    for top, bottom in zip(upper, lower, strict=False):
        if has_text(top):
            group = str(top)
        if not has_text(bottom):
            cells.append(top)
        elif normalise_header(group + str(bottom)) in fields:
            cells.append(group + str(bottom))
        else:
            cells.append(bottom)
    return tuple(cells)


def _reading(
    template: Template, fields: Mapping[str, str], ignored: set[str], number: int, row: Cells
) -> _Reading:
    headings = [normalise_header(text) if text else "" for text in row]
    by_column = tuple(fields.get(heading) for heading in headings)
    found = {field for field in by_column if field}
    matched = len(found) + sum(heading in ignored for heading in headings)
    missing = len(template.required - found)
    return _Reading(template, number, row, by_column, matched, 2 * matched - missing)


def _is_header(reading: _Reading) -> bool:
    """A header names two fields (or the only one) and half of its cells or half of what is required."""
    found = {field for field in reading.fields if field}
    if len(found) < min(2, len(set(reading.template.headers.values()))):
        return False
    filled = sum(has_text(text) for text in reading.header)
    required = reading.template.required
    return 2 * reading.matched >= filled or (bool(required) and 2 * len(found & required) >= len(required))


def _banned(reading: _Reading) -> tuple[int, ...]:
    """Columns that no field has and whose heading must not be collected (血型, 婚姻状况 …)."""
    pattern = reading.template.forbidden
    if pattern is None:
        return ()
    return tuple(
        i
        for i, text in enumerate(reading.header)
        if reading.fields[i] is None
        and has_text(text)
        and pattern.search(normalise_header(text or "")[:_LONGEST])
    )


def _check(reading: _Reading, table: list[Cells], where: str | None) -> None:
    template = reading.template
    place = f"{where + ' ' if where else ''}第{reading.row + 1}行表头（{template.label}）"
    ignored = {normalise_header(text) for text in template.ignored}
    unmapped = [i for i, field in enumerate(reading.fields) if field is None and has_text(reading.header[i])]
    columns: dict[str, list[int]] = {}
    for i, field in enumerate(reading.fields):
        if field is not None:
            columns.setdefault(field, []).append(i)
    twice = [places for places in columns.values() if len(places) > 1]
    if twice:
        shown = "；".join(listed(reading.header, places) for places in twice)
        raise UserError(f"多列表示同一数据项：{shown}", where=place, remedy="每个数据项只保留一列")
    banned = _banned(reading)
    unknown = [
        i for i in unmapped if i not in banned and normalise_header(reading.header[i] or "") not in ignored
    ]
    below = table[reading.row + 1 :]
    unknown += [
        i
        for i, text in enumerate(reading.header)
        if not has_text(text) and any(i < len(row) and has_text(row[i]) for row in below)
    ]
    if unknown:
        raise UserError(
            f"有未登记的列：{listed(reading.header, sorted(unknown))}",
            where=place,
            remedy="请按模板改正表头或删除该列；确需报送的，由信用办在目录中登记该列",
        )
    missing = template.required - columns.keys()
    if missing:
        shown = "、".join(_titles(template, missing))
        raise UserError(f"缺少必需的列：{shown}", where=place, remedy="请按模板补齐这些列后重新报送")


def _no_header(table: list[Cells], templates: Sequence[Template], where: str | None) -> UserError:
    def words(row: Cells) -> list[str]:
        return [" ".join(text.split()) for text in row if text and not re.fullmatch(r"[\d\s.,:/\-]*", text)]

    fullest = max(table, key=lambda row: len(words(row)), default=())
    found = "、".join(f"“{text[:20]}”" for text in words(fullest)[:_SHOWN]) or "（没有文字）"
    wanted = "；".join(
        f"{template.label}："
        + "、".join(_titles(template, template.required or frozenset(template.headers.values())))
        for template in templates
    )
    return UserError(
        f"没有找到本目录项的表头，可能用错了模板或报错了目录项；文件中为{found}，应有的列为{wanted}",
        where=where,
        remedy="请核对目录项，按模板重新填报",
    )


def _titles(template: Template, fields: Iterable[str]) -> list[str]:
    """Give the first heading of each field, in the template's order."""
    first: dict[str, str] = {}
    for text, field in template.headers.items():
        first.setdefault(field, text)
    wanted = set(fields)
    titles = [text for field, text in first.items() if field in wanted]
    if len(titles) > _SHOWN:
        return [*titles[: _SHOWN - 1], f"{titles[_SHOWN - 1]}等{len(titles)}列"]
    return titles


def listed(header: Cells, columns: Iterable[int]) -> str:
    """Name columns by letter and heading."""

    def title(i: int) -> str:
        text = header[i] if i < len(header) else None
        return f"“{' '.join(text.split())[:30]}”" if text and text.strip() else "（无表头）"

    return "、".join(f"{column_letter(i)}列{title(i)}" for i in columns)
