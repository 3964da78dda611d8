"""Reads the catalog. Every scalar is read as text and typed by the model, so that 0555 stays a code."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from catalog.codes import CodeList
from catalog.divisions import Divisions, load_divisions
from catalog.errors import UserError
from catalog.library import Library
from catalog.model import Field, Format, Item, Model

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


@dataclass(frozen=True)
class Catalog:
    """Everything the catalog states, by id."""

    items: dict[str, Item]
    lists: dict[str, CodeList]
    libraries: dict[str, Library]
    departments: dict[str, Department]
    divisions: Divisions
    paths: dict[str, Path] = field(default_factory=dict)

    def item(self, item_id: str) -> Item:
        """The item called `item_id` (its id, code XT001 or Chinese title); raises `UserError` naming near ones."""
        for item in self.items.values():
            if item_id in (item.id, item.code, item.title):
                return item
        near = "、".join(item.id for item in self.items.values() if item_id[:4] in item.id)
        raise UserError(
            f"目录中没有“{item_id}”",
            remedy=f"用 xtcredit catalog list 查看全部目录{f'；相近的有 {near}' if near else ''}",
        )

    def code_list(self, item_field: Field, fmt: Format | None = None) -> CodeList | None:
        """The code list of a field, under the format's own list if it has one."""
        name = (fmt.lists.get(item_field.name) if fmt else None) or item_field.list
        return self.lists[name] if name else None


class Unreadable(UserError):
    """A file that is no YAML at all; `line` is where reading stopped."""

    def __init__(self, path: Path, line: int, what: str, remedy: str) -> None:
        super().__init__(what, where=f"{path}:{line}", remedy=remedy)
        self.line = line


class Source:
    """A YAML file with the line of each of its nodes, for messages that point at them.

    Raises `Unreadable` for a file that is not UTF-8 or not YAML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
            self._node = yaml.compose(self.text, Loader=yaml.CSafeLoader)
            self.data: Any = yaml.load(self.text, Loader=yaml.CBaseLoader)  # builds plain strings only
        except UnicodeDecodeError as error:
            raise Unreadable(path, 1, "文件不是 UTF-8 编码", "另存为 UTF-8") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise Unreadable(
                path, line, f"YAML 写法有误（{error.problem}）", "核对缩进、冒号与引号"
            ) from error
        except yaml.YAMLError as error:
            raise Unreadable(path, 1, f"YAML 写法有误（{error}）", "删去控制字符") from error

    def repeated_keys(self) -> Iterator[tuple[str, int]]:
        """Keys that stand twice in one mapping, with the line of the later one: YAML would keep only that."""
        nodes = [self._node]
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.MappingNode):
                seen: set[str] = set()
                for key, value in node.value:
                    if key.value in seen:
                        yield key.value, key.start_mark.line + 1
                    seen.add(key.value)
                    nodes.append(value)
            elif isinstance(node, yaml.SequenceNode):
                nodes.extend(node.value)

    def line(self, *keys: str | int) -> int:
        """1-based line of the node at this path; keys the file does not have (tags of unions) are passed over."""
        node, line = self._node, 1
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == str(key)), None)
                if found is None:
                    continue
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                line = node.start_mark.line + 1
        return line


def read_model(kind: type[M], path: Path) -> tuple[M | None, list[Finding]]:
    """The model in a YAML file, or the findings that say why it cannot be read."""
    try:
        source = Source(path)
    except Unreadable as error:
        return None, [Finding(path, error.line, error.what, error.remedy or "")]
    twice = [
        Finding(path, line, f"键“{key}”写了两次，只有后一个生效", "合并或删去一个")
        for key, line in source.repeated_keys()
    ]
    try:
        model = kind.model_validate(source.data)
    except ValidationError as error:
        wrong = [
            Finding(path, source.line(*detail["loc"]), *_explain(dict(detail))) for detail in error.errors()
        ]
        return None, [*twice, *wrong]
    return (None if twice else model), twice


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

    def load(kind: type[M], folder: Path, pattern: str) -> dict[str, M]:
        found: dict[str, M] = {}
        for path in sorted(folder.glob(pattern)):
            model, problems = read_model(kind, path)
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
            found[model_id], paths[model_id] = model, path
        return found

    catalog = Catalog(
        items=load(Item, root / "items", "*/*.yml"),
        lists=load(CodeList, root / "reference" / "lists", "*.yml"),
        libraries=load(Library, root / "libraries", "*.yml"),
        departments={d.id: d for d in _departments(root / "reference" / "departments.csv")},
        divisions=load_divisions(root / "reference" / "divisions.csv"),
        paths=paths,
    )
    return catalog, findings


def _departments(path: Path) -> Iterator[Department]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Department(
                id=row["id"],
                name=row["name"],
                full_name=row["full_name"],
                aliases=tuple(filter(None, row["aliases"].split("|"))),
                in_plan=row["in_plan"] == "true",
            )


@lru_cache(maxsize=4)
def load_catalog(root: Path = ROOT) -> Catalog:
    """The whole catalog; raises `UserError` with the first finding if any file cannot be read."""
    catalog, findings = read_all(root)
    if findings:
        more = f"（另有 {len(findings) - 1} 处）" if len(findings) > 1 else ""
        raise UserError(
            f"目录有误{more}：{findings[0].what}",
            where=f"{findings[0].path}:{findings[0].line}",
            remedy="运行 xtcredit catalog check 查看全部",
        )
    return catalog
