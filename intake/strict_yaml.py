"""YAML for configuration: text, lists and mappings only; repeated keys refused; lines kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from intake.errors import MappingError


class _StrictLoader(yaml.BaseLoader):
    """Every scalar stays text ("no" is a word); repeated keys and aliases are refused."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            raise _problem(self.peek_event(), "anchors and aliases are not allowed here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _problem(key_node, "a key must be plain text")
            if key_node.value in seen:
                raise _problem(key_node, f"the key {key_node.value!r} stands twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _problem(node: yaml.Node | yaml.Event, text: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=node.start_mark)


def _note_lines(node: yaml.Node | None, path: tuple[str, ...], lines: dict[tuple, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            inner = (*path, str(key_node.value))
            lines[inner] = key_node.start_mark.line + 1
            _note_lines(value_node, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            inner = (*path, str(number))
            lines[inner] = item.start_mark.line + 1
            _note_lines(item, inner, lines)


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[tuple, int], bytes]:
    """Read a YAML file whose top level is a mapping.

    Parameters
    ----------
    path : Path
        The file; its name is used in messages.

    Returns
    -------
    tuple
        The content, the line (from 1) of every key path, and the bytes of the file.

    Raises
    ------
    MappingError
        The file is unreadable, not UTF-8, not YAML, or repeats a key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MappingError(f"{path.name}: cannot be read ({error.strerror}).") from None
    try:
        text = content.decode("utf-8-sig")
        loaded = yaml.load(text, Loader=_StrictLoader)
        lines: dict[tuple, int] = {}
        _note_lines(yaml.compose(text, Loader=_StrictLoader), (), lines)
    except UnicodeDecodeError:
        raise MappingError(f"{path.name}: is not UTF-8 text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise MappingError(f"{path.name}{where}: {problem}.") from None
    except (ValueError, RecursionError) as error:
        raise MappingError(f"{path.name}: a value cannot be read ({error}).") from None
    if not isinstance(loaded, dict):
        raise MappingError(f"{path.name}: must hold 'key: value' lines at its top level.")
    return loaded, lines, content
