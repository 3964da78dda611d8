"""Reads the catalog: every file into its model, items with the shared groups of fields they include."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import pickle
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from catalog.codes import CodeList
from catalog.correction import Corrections
from catalog.divisions import Divisions, load_divisions
from catalog.errors import UserError
from catalog.groups import Expanded, Group, expand
from catalog.library import Library
from catalog.model import Field, Format, Item, Model
from catalog.publicity import PublicityPeriod
from catalog.source import Source, Unreadable

ROOT = Path(__file__).parent

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Finding:
    """Something wrong in the catalog: file, line, what, and what to do."""

    path: Path
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}：{self.what}。处理办法：{self.remedy}"


@dataclass(frozen=True)
class Department:
    """A department that provides data (catalog/reference/departments.csv)."""

    id: str
    name: str
    full_name: str
    aliases: tuple[str, ...]
    in_plan: bool
    members: tuple[str, ...] = ()
    """The city departments a collective name (各行政机关) stands for; empty for a department itself."""


def bureau_name(department: str, county: str) -> str:
    """What a department, by its short name, is called beside the name of the county it is in: 市教育局, in 宁晋县 县教育局."""
    return county[-1] + department[1:] if department.startswith("市") else department


@dataclass(frozen=True)
class Catalog:
    """Everything the catalog states, by id."""

    items: dict[str, Item]
    lists: dict[str, CodeList]
    libraries: dict[str, Library]
    departments: dict[str, Department]
    divisions: Divisions
    corrections: dict[str, Corrections] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    publicity: dict[str, PublicityPeriod] = field(default_factory=dict)

    def item(self, item_id: str) -> Item:
        """The item called `item_id` (its id, code XT001 or Chinese title); raises `UserError` naming near ones."""
        for item in self.items.values():
            if item_id in (item.id, item.code, item.title):
                return item
        near = "、".join(get_close_matches(item_id, self.items, n=5, cutoff=0.5))
        raise UserError(
            f"目录中没有“{item_id}”",
            remedy=f"用 xtcredit catalog list 查看全部目录{f'；相近的有 {near}' if near else ''}",
        )

    @cached_property
    def version(self) -> str:
        """A short fingerprint of all that is stated here."""
        parts = {
            kind: {name: model.model_dump(mode="json") for name, model in sorted(models.items())}
            for kind, models in (
                ("items", self.items),
                ("lists", self.lists),
                ("libraries", self.libraries),
                ("corrections", self.corrections),
                ("publicity", self.publicity),
            )
        }
        tables = {
            "departments": [asdict(department) for _, department in sorted(self.departments.items())],
            "divisions": [asdict(division) for division in self.divisions.rows],
        }
        text = json.dumps(parts | tables, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def apart(self) -> frozenset[str]:
        """Items of the opt-in libraries: kept in a library of their own, in no public-credit count (domain notes 5.4)."""
        return frozenset(
            item.id
            for item in self.items.values()
            if item.library in self.libraries and self.libraries[item.library].opt_in
        )

    @cached_property
    def shown(self) -> tuple[Item, ...]:
        """Items whose records readers may see at all: neither authorised ones nor those of opt-in libraries."""
        return tuple(
            item for name, item in self.items.items() if item.share != "authorised" and name not in self.apart
        )

    def collected(self, opted: Container[str] = ()) -> dict[str, Item]:
        """Items that are collected: all but those of opt-in libraries that are not `opted` for."""
        return {
            name: item for name, item in self.items.items() if name not in self.apart or item.library in opted
        }

    def code_list(self, item_field: Field, fmt: Format | None = None) -> CodeList | None:
        """The code list of a field, under the format's own list if it has one."""
        name = (fmt.lists.get(item_field.name) if fmt else None) or item_field.list
        return self.lists[name] if name else None


def read_model(
    kind: type[M], path: Path, groups: Mapping[str, Source] | None = None
) -> tuple[M | None, list[Finding]]:
    """The model in a YAML file, with `groups` included; or the findings that say why it cannot be read."""
    try:
        file = Source(path)
    except Unreadable as error:
        return None, [Finding(path, error.line, error.what, error.remedy or "")]
    twice = [
        Finding(path, line, f"键“{key}”写了两次，只有后一个生效", "合并或删去一个")
        for key, line in file.repeated_keys()
    ]
    source: Source | Expanded = file
    if groups is not None:
        source = expand(file, groups)
        twice += [Finding(path, line, what, remedy) for line, what, remedy in source.problems]
    try:
        model = kind.model_validate(source.data)
    except ValidationError as error:
        wrong = [Finding(*source.place(*detail["loc"]), *_explain(dict(detail))) for detail in error.errors()]
        return None, [*twice, *wrong]
    return (None if twice else model), twice


def read_one(kind: type[M], path: Path, called: str) -> M:
    """The model in a YAML file that stands alone; raises `UserError` with its first finding where it cannot be read."""
    model, findings = read_model(kind, path)
    if model is None:
        first = findings[0]
        raise UserError(f"{called}有误：{first.what}", where=f"{path}:{first.line}", remedy=first.remedy)
    return model


def read_rows(kind: type[M], path: Path, called: str) -> tuple[M, ...]:
    """The models in the rows of a CSV file; raises `UserError` with what is wrong with the first that cannot be read."""
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in (rows := csv.DictReader(file)):
            try:
                found.append(kind.model_validate(row))
            except ValidationError as error:
                what, remedy = _explain(dict(error.errors()[0]))
                raise UserError(
                    f"{called}有误：{what}", where=f"{path}:{rows.line_num}", remedy=remedy
                ) from error
    return tuple(found)


def _explain(detail: dict[str, Any]) -> tuple[str, str]:
    key = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return f"不认识的键“{key}”", "删去，或改成目录模型中的键名（见 docs/catalog.md）"
        case "missing":
            return f"缺少“{key}”", "补上这一项"
        case "literal_error" | "union_tag_invalid":
            expected = detail["ctx"].get("expected") or detail["ctx"].get("expected_tags")
            return f"“{key}”的值“{detail['input']}”不在许可范围内", f"写成 {expected} 之一"
        case "string_pattern_mismatch":
            return f"“{key}”的值“{detail['input']}”写法不符", f"应符合 {detail['ctx']['pattern']}"
        case "int_parsing" | "int_type" | "float_parsing" | "float_type":
            return f"“{key}”的值“{detail['input']}”不是数字", "写成数字"
        case "bool_parsing" | "bool_type":
            return f"“{key}”的值“{detail['input']}”不是 true 或 false", "写成 true 或 false"
        case "greater_than_equal" | "less_than_equal":
            limit = detail["ctx"].get("ge", detail["ctx"].get("le"))
            return f"“{key}”的值“{detail['input']}”超出范围（限值 {limit}）", "改到范围之内"
        case "tuple_type" | "model_type" | "dict_type" | "string_type" | "model_attributes_type":
            return f"“{key}”的结构不对", "按目录模型写成列表、键值对或文字（见 docs/catalog.md）"
        case _:
            return (
                f"“{key}”的值有误（{detail['msg'].removeprefix('Value error, ')}）",
                "按目录模型改正（见 docs/catalog.md）",
            )


def read_all(root: Path = ROOT) -> tuple[Catalog, list[Finding]]:
    """The catalog as far as it can be read, and what is wrong with the files that cannot."""
    findings: list[Finding] = []
    paths: dict[str, Path] = {}

    def load(
        kind: type[M], folder: Path, pattern: str, groups: Mapping[str, Source] | None = None
    ) -> dict[str, M]:
        found: dict[str, M] = {}
        for path in sorted(folder.glob(pattern)):
            model, problems = read_model(kind, path, groups)
            findings.extend(problems)
            if model is None:
                continue
            model_id: str = getattr(model, "id")  # noqa: B009 - every listed kind has an id
            if model_id in found:
                findings.append(
                    Finding(path, 1, f"标识“{model_id}”与 {paths[model_id]} 重复", "改用另一个标识")
                )
            if model_id != path.stem:
                findings.append(Finding(path, 1, f"标识“{model_id}”与文件名不一致", f"改为 {path.stem}"))
            found[model_id] = model
            if kind is not Corrections:  # a file of corrections bears its item's id
                paths[model_id] = path
        return found

    load(Group, root / "groups", "*.yml")
    items = load(Item, root / "items", "*/*.yml", group_sources(root))
    catalog = Catalog(
        items=items,
        lists=load(CodeList, root / "reference" / "lists", "*.yml"),
        libraries={
            name: _completed(library, items)
            for name, library in load(Library, root / "libraries", "*.yml").items()
        },
        departments={d.id: d for d in _departments(root / "reference" / "departments.csv")},
        divisions=load_divisions(root / "reference" / "divisions.csv"),
        corrections=load(Corrections, root / "corrections", "*.yml"),
        paths=paths,
        publicity=_publicity(root / "reference" / "publicity.yml", findings),
    )
    return catalog, findings


def _publicity(path: Path, findings: list[Finding]) -> dict[str, PublicityPeriod]:
    """The periods of publication, with what is wrong with them added to `findings`; none where there is no such file."""
    if not path.exists():
        return {}
    try:
        source = Source(path)
    except Unreadable as error:
        findings.append(Finding(path, error.line, error.what, error.remedy or ""))
        return {}
    found: dict[str, PublicityPeriod] = {}
    for number, stated in enumerate(source.data if isinstance(source.data, list) else []):
        try:
            period = PublicityPeriod.model_validate(stated)
        except ValidationError as error:
            findings.extend(
                Finding(path, source.line(number, *detail["loc"]), *_explain(dict(detail)))
                for detail in error.errors()
            )
            continue
        findings.extend(
            Finding(path, source.line(number), what, "按规定的施行日期与类别改正")
            for what in period.problems()
        )
        found[period.id] = period
    return found


def _completed(library: Library, items: Mapping[str, Item]) -> Library:
    """The library with the items that name it and that it does not list itself, so that a new item needs no second file.

    In an industry's library whoever has a record of such an item stands; in others it feeds those who do.
    """
    named = sorted((item.code, item.id) for item in items.values() if item.library == library.id)
    more = tuple(item_id for _, item_id in named if item_id not in library.items)
    key = "members" if library.kind == "industry" else "feeds"
    return library.model_copy(update={key: (*getattr(library, key), *more)})


def group_sources(root: Path) -> dict[str, Source]:
    """The files of the field groups below `root`, by the id of the group."""
    found: dict[str, Source] = {}
    for path in sorted((root / "groups").glob("*.yml")):
        try:
            found[path.stem] = Source(path)
        except Unreadable:
            continue  # already a finding of read_all
    return found


def _departments(path: Path) -> Iterator[Department]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Department(
                id=row["id"],
                name=row["name"],
                full_name=row["full_name"],
                aliases=tuple(filter(None, row["aliases"].split("|"))),
                in_plan=row["in_plan"] == "true",
                members=tuple(filter(None, row["members"].split("|"))),
            )


_KEPT = Path(__file__).parent / "__pycache__"
_KEEP = 4
_NO_PART = ("__pycache__", "sample")
_loaded: dict[Path, tuple[object, Catalog]] = {}


def load_catalog(root: Path = ROOT) -> Catalog:
    """The whole catalog, read anew when a file of it has changed since the last time in this process.

    Raises `UserError` with the first finding if any file cannot be read.
    """
    stamp = _stamp(root)
    if root in _loaded and _loaded[root][0] == stamp:
        return _loaded[root][1]
    kept = _KEPT / f"catalog-{hashlib.sha256(repr((root, stamp)).encode()).hexdigest()[:16]}.pickle"
    if (catalog := _read_kept(kept)) is None:
        catalog = _read(root)
        if _code(stamp) == _IMPORTED:
            _keep(catalog, kept)
    _loaded[root] = stamp, catalog
    return catalog


def _read(root: Path) -> Catalog:
    catalog, findings = read_all(root)
    if findings:
        more = f"（另有 {len(findings) - 1} 处）" if len(findings) > 1 else ""
        raise UserError(
            f"目录有误{more}：{findings[0].what}",
            where=f"{findings[0].path}:{findings[0].line}",
            remedy="运行 xtcredit catalog check 查看全部",
        )
    return catalog


def _read_kept(kept: Path) -> Catalog | None:
    """The catalog as an earlier process read it from the same files: a tenth of the time, at the start of every task."""
    try:
        with kept.open("rb") as file:
            found = pickle.load(file)
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
        return None
    return found if isinstance(found, Catalog) else None


def _keep(catalog: Catalog, kept: Path) -> None:
    """Keep the catalog beside the compiled modules, in place of earlier ones; not where that is not allowed."""
    catalog.version  # noqa: B018 - kept along with the rest
    with suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        temporary = kept.with_name(f".{kept.name}.{os.getpid()}")
        temporary.write_bytes(pickle.dumps(catalog, protocol=5))
        temporary.replace(kept)
        for old in sorted(kept.parent.glob("catalog-*.pickle"), key=lambda p: p.stat().st_mtime)[:-_KEEP]:
            old.unlink(missing_ok=True)


def _stamp(root: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of all files of the catalog and of the code that reads them."""
    found = []
    folders = list({str(root), str(ROOT)})
    while folders:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders += [entry.path] if entry.name not in _NO_PART else []
                else:
                    status = entry.stat()
                    found.append((entry.path, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _code(stamp: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    return [file for file in stamp if file[0].endswith(".py")]


_IMPORTED = _code(_stamp(ROOT))
"""The code as it was when this process began: what older code has read is not kept for the newer."""
