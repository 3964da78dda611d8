"""The templates by which a file's header is recognised, derived from the item: its standard format and the others."""

from __future__ import annotations

import re

from catalog.channel import OPERATION, SOURCE_ID
from catalog.forbidden import load_forbidden
from catalog.headers import delivered_fields, headings
from catalog.model import STANDARD, Format, Item
from transforms.stage.fixed_width import Layout
from transforms.stage.header import Template


def item_templates(item: Item, known: str | None = None) -> list[Template]:
    """One template per format with headings; a field of the catalog's own format has its title, its name and its other headers.

    `known` is the format that the reader of the file found it to be of: its template alone.
    """
    formats = [None, *(fmt for fmt in item.formats if fmt.fixed_width is None)]
    return [_template(item, fmt) for fmt in ([item.format(known)] if known else formats)]


def item_layouts(item: Item) -> list[Layout]:
    """The item's formats of fixed-width text, each column under its field's first heading."""
    return [
        Layout(
            fmt.id,
            fmt.fixed_width,
            tuple(headings(item.field(column.field), fmt)[0] for column in fmt.fixed_width.columns),
        )
        for fmt in item.formats
        if fmt.fixed_width is not None
    ]


def _template(item: Item, fmt: Format | None) -> Template:
    fields = delivered_fields(item, fmt)
    return Template(
        name=fmt.id if fmt else STANDARD,
        headers={header: f.name for f in fields for header in headings(f, fmt)},
        ignored=frozenset((*item.ignore, *(fmt.ignore if fmt else ()), OPERATION, SOURCE_ID)),
        required=frozenset(f.name for f in fields if f.required is True),
        forbidden=_forbidden(),
        title=fmt.title if fmt else "标准格式",
    )


def _forbidden() -> re.Pattern[str]:
    """All forbidden titles as one pattern; what a rule excepts is looked at first."""
    rules = load_forbidden().rules
    return re.compile(
        "|".join(
            f"(?!.*(?:{rule.except_}))(?:.*(?:{rule.pattern}))" if rule.except_ else f".*(?:{rule.pattern})"
            for rule in rules
        )
    )
