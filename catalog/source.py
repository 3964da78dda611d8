"""A YAML file of the catalog with the line of each of its nodes. Every scalar is read as text, so that 0555 stays a code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from catalog.errors import UserError


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
            self.data: Any = _plain(self._node)
        except UnicodeDecodeError as error:
            raise Unreadable(path, 1, "文件不是 UTF-8 编码", "另存为 UTF-8") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise Unreadable(
                path, line, f"YAML 写法有误（{error.problem}）", "核对缩进、冒号与引号"
            ) from error
        except RecursionError as error:  # an alias inside its own anchor
            raise Unreadable(path, 1, "YAML 别名指向自身", "删去锚点与别名") from error
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

    def place(self, *keys: str | int) -> tuple[Path, int]:
        """File and line of the node at this path."""
        return self.path, self.line(*keys)


def _plain(node: yaml.Node | None) -> Any:
    """A node as dicts, lists and texts: no tag is heeded, so that nothing but these is ever made of a file."""
    if isinstance(node, yaml.MappingNode):
        return {_plain(key): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each) for each in node.value]
    return None if node is None else node.value
