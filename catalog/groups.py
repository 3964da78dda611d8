"""Groups of fields that many items share (行政相对人 is written once), and how an item's file takes them in.

`fields: [{include: counterparty, with: {code: CF}}]` puts the group's fields there, and its rules and one-of groups
before the item's own. Whatever names a parameter that is not given is left out, up to the list element or key it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field as Key

from catalog.model import RULE_FIELDS, Model, Name, Values
from catalog.source import Source

_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_LEFT_OUT = object()

Keys = tuple[str | int, ...]


class Group(Model):
    """A file of `catalog/groups`. Its parts are checked where an item has taken them in: only there are they whole."""

    id: Name
    title: str
    source: str
    fields: tuple[dict[str, Any], ...]
    one_of: tuple[Values, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
    formats: dict[str, dict[str, Any]] = Key(default_factory=dict)


@dataclass
class Expanded:
    """An item's file with its groups taken in: `data` as the model reads it, and where each part is written."""

    file: Source
    data: Any
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    _origins: dict[Keys, tuple[Source, Keys]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The item's own file."""
        return self.file.path

    @property
    def text(self) -> str:
        """Its text."""
        return self.file.text

    def place(self, *keys: str | int) -> tuple[Path, int]:
        """File and line where the part at this path of `data` is written: the item's file or a group's."""
        source, prefix = self._origins.get(keys[:2], (self.file, keys[:2]))
        return source.place(*prefix, *keys[2:])


def expand(file: Source, groups: Mapping[str, Source]) -> Expanded:
    """Take into an item's file the groups it includes; `problems` (line, what, remedy) names those it cannot."""
    data = file.data
    if not isinstance(data, dict) or not isinstance(data.get("fields"), list):
        return Expanded(file, data)
    result = Expanded(file, dict(data))
    parts: dict[str, list[tuple[Any, Source, Keys]]] = {"fields": [], "one_of": [], "rules": []}
    formats: list[tuple[str, dict[str, Any]]] = []
    for i, entry in enumerate(data["fields"]):
        if not (isinstance(entry, dict) and "include" in entry):
            parts["fields"].append((entry, file, ("fields", i)))
            continue
        problem = _problem(entry, groups)
        if problem is not None:
            result.problems.append((file.line("fields", i), *problem))
            continue
        group = groups[entry["include"]]
        for part, element, keys in _taken(group, entry):
            parts[part].append((element, group, keys))
        formats += _formats(group, entry)
    for part in ("one_of", "rules"):
        parts[part] += [(own, file, (part, i)) for i, own in enumerate(data.get(part) or [])]
    known = {fmt.get("id") for fmt in data.get("formats") or [] if isinstance(fmt, dict)}
    parts["fields"] = [
        part for part in parts["fields"] if part[1] is file or part[0].get("only") in {None, *known}
    ]
    names = {element.get("name") for element, _, _ in parts["fields"] if isinstance(element, dict)}
    for part, elements in parts.items():
        kept = [e for e in (_trimmed(e, part, names, file) for e in elements) if e is not None]
        if kept or part in data:
            result.data[part] = [element for element, _, _ in kept]
        result._origins.update({(part, i): (source, keys) for i, (_, source, keys) in enumerate(kept)})
    if isinstance(data.get("formats"), list):
        result.data["formats"] = [_merged(own, formats, names) for own in data["formats"]]
    return result


def _problem(entry: dict[str, Any], groups: Mapping[str, Source]) -> tuple[str, str] | None:
    """What is wrong with an `include`, and what to do."""
    group = groups.get(str(entry["include"]))
    if group is None:
        return f"字段组“{entry['include']}”不存在", f"改成 {'、'.join(sorted(groups)) or '已有的组'} 之一"
    if unknown := sorted(entry.keys() - {"include", "with", "omit", "set"}):
        return f"include 中不认识的键“{unknown[0]}”", "只写 include、with、omit、set"
    if not isinstance(entry.get("with", {}), dict) or not isinstance(entry.get("set", {}), dict):
        return "include 的 with、set 不是键值对", "写成 {参数: 值}、{数据项: {键: 值}}"
    wanted = set(_PARAMETER.findall(group.text))
    if unused := sorted(entry.get("with", {}).keys() - wanted):
        return f"字段组“{entry['include']}”没有参数“{unused[0]}”", f"可用的参数：{'、'.join(sorted(wanted))}"
    names = {f.get("name") for f in group.data["fields"]}
    if strange := sorted({*entry.get("omit", ()), *entry.get("set", {})} - names):
        return f"字段组“{entry['include']}”没有数据项“{strange[0]}”", "改成组中某项的 name"
    return None


def _taken(group: Source, entry: dict[str, Any]) -> Iterator[tuple[str, Any, Keys]]:
    """Fields, rules and one-of groups of a group, with the parameters filled in."""
    given, omitted, changed = entry.get("with", {}), entry.get("omit", []), entry.get("set", {})
    for part in ("fields", "one_of", "rules"):
        for i, element in enumerate(group.data.get(part) or []):
            filled = _filled(element, given)
            if filled is _LEFT_OUT:
                continue
            if part == "fields":
                if filled["name"] in omitted:
                    continue
                filled = filled | changed.get(filled["name"], {})
            yield part, filled, (part, i)


def _formats(group: Source, entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in (group.data.get("formats") or {}).items():
        yield name, _filled(part, entry.get("with", {}))


def _filled(node: Any, given: Mapping[str, Any]) -> Any:
    """The node with its parameters replaced; `_LEFT_OUT` if it is a text that names one not given."""
    if isinstance(node, dict):
        filled = {key: _filled(value, given) for key, value in node.items()}
        return {key: value for key, value in filled.items() if value is not _LEFT_OUT}
    if isinstance(node, list):
        return [value for value in (_filled(each, given) for each in node) if value is not _LEFT_OUT]
    named = _PARAMETER.findall(node)
    if not set(named) <= set(given):
        return _LEFT_OUT
    if named and node == f"{{{named[0]}}}":
        return given[named[0]]  # whole, so that a parameter may be a list
    return _PARAMETER.sub(lambda found: str(given[found[1]]), node)


def _trimmed(
    part: tuple[Any, Source, Keys], kind: str, names: set[Any], file: Source
) -> tuple[Any, Source, Keys] | None:
    """A group's rule or one-of group without the fields the item leaves out; None if nothing is left of it."""
    element, source, keys = part
    if source is file or kind == "fields":
        return part
    if kind == "one_of":
        left = [name for name in element if name in names]
        return (left, source, keys) if len(left) > 1 else None
    named = {element[key] for key in RULE_FIELDS if isinstance(element.get(key), str)}
    if isinstance(element.get("when"), dict):
        named.add(element["when"].get("field"))
    # A rule whose own list (`in`) named a parameter that was not given has nothing to say.
    speechless = element.get("rule") == "prefix" and not element.keys() & {"in", "allow"}
    return None if speechless or not named <= names else part


def _merged(own: Any, parts: list[tuple[str, dict[str, Any]]], names: set[Any]) -> Any:
    """A format of the item with what its groups say of the same format; the item's own word counts."""
    if not isinstance(own, dict):
        return own
    headers, absent = dict(own.get("headers") or {}), list(own.get("absent") or [])
    for name, part in parts:
        if name == own.get("id"):
            headers = {k: v for k, v in (part.get("headers") or {}).items() if k in names} | headers
            absent = [a for a in part.get("absent") or [] if a in names and a not in headers] + absent
    merged = dict(own)
    if headers:
        merged["headers"] = headers
    if absent:
        merged["absent"] = list(dict.fromkeys(absent))
    return merged
