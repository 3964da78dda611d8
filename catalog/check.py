"""What is wrong with the catalog: each file as the model sees it, then what the files say of each other.

Each finding names file, line, what and remedy in Chinese, for `xtcredit catalog check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from catalog.check_item import ItemCheck
from catalog.check_reference import correction_findings, library_findings, list_findings, table_findings
from catalog.errors import UserError
from catalog.forbidden import load_forbidden
from catalog.groups import Expanded, expand
from catalog.loader import ROOT, Catalog, Finding, group_sources, read_all
from catalog.source import Source, Unreadable

_UNDONE = "TODO"


def check(root: Path = ROOT) -> list[Finding]:
    """Everything wrong with the catalog below `root`, by file and line; empty when it is sound."""
    try:
        catalog, findings = read_all(root)
    except UserError as error:  # a table all else rests on cannot be read
        return [Finding(root / (error.where or ""), 1, error.what, error.remedy or "")]
    groups = group_sources(root)
    items = {name: expand(file, groups) for name, file in _sources(root / "items", "*/*.yml").items()}
    found = [*findings, *table_findings(root, catalog), *_double_codes(catalog, items)]
    forbidden = load_forbidden(root / "reference" / "forbidden_fields.yml")
    for name, item in catalog.items.items():
        found.extend(ItemCheck(item, items[name], catalog, forbidden).findings())
    lists = _sources(root / "reference" / "lists", "*.yml")
    for name, code_list in catalog.lists.items():
        found.extend(list_findings(code_list, lists[name]))
    libraries = _sources(root / "libraries", "*.yml")
    for name, library in catalog.libraries.items():
        found.extend(library_findings(library, libraries[name], catalog))
    corrections = _sources(root / "corrections", "*.yml")
    for name, known in catalog.corrections.items():
        found.extend(correction_findings(known, corrections[name], catalog))
    undone = list(_undone([*items.values(), *groups.values()]))
    open_lines = {(f.path, f.line) for f in undone}
    # A line still to be filled in is one finding, whatever else is wrong with its stopgap.
    return sorted(
        dict.fromkeys([*undone, *(f for f in found if (f.path, f.line) not in open_lines)]),
        key=lambda f: (str(f.path), f.line),
    )


def _sources(folder: Path, pattern: str) -> dict[str, Source]:
    """The files of a folder by the id they state, the later of two as `read_all` keeps it."""
    found: dict[str, Source] = {}
    for path in sorted(folder.glob(pattern)):
        try:
            source = Source(path)
        except Unreadable:
            continue  # already a finding of read_all
        if isinstance(source.data, dict):
            found[str(source.data.get("id"))] = source
    return found


def _undone(sources: Iterable[Source | Expanded]) -> Iterator[Finding]:
    for source in sources:
        for number, line in enumerate(source.text.splitlines(), 1):
            comment = line.partition("#")[2]
            if _UNDONE in line and not line.lstrip().startswith("#"):
                what = comment.partition(_UNDONE)[2].strip(" ：:") or line.strip()
                yield Finding(source.path, number, f"待补：{what}", f"补上后删去 {_UNDONE}")


def _double_codes(catalog: Catalog, sources: dict[str, Expanded]) -> Iterator[Finding]:
    for key, word in (("code", "编号"), ("title", "名称")):
        first: dict[str, str] = {}
        for name, item in catalog.items.items():
            value = str(getattr(item, key))
            other = first.setdefault(value, name)
            if other != name:
                source = sources[name]
                yield Finding(*source.place(key), f"{word}“{value}”与目录“{other}”重复", f"改用另一个{word}")
