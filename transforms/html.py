"""Pages from templates, each one file that needs nothing beside itself."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup


def render_page(template: Path, **values: object) -> str:
    """The page that a template makes of the values, each escaped; `part(name)` in it is the file beside it, as it is.

    Raises `jinja2.UndefinedError` for a value that is missing.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["part"] = lambda name: Markup((template.parent / name).read_text(encoding="utf-8"))
    return environment.get_template(template.name).render(values)
