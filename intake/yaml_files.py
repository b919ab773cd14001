"""Settings in YAML, read into a pydantic model; an error names the file, the line and the key."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from intake.refusals import MappingError, shown_name


class StrictModel(BaseModel):
    """Base of everything read from YAML: unknown keys are refused, values never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PlacedError(ValueError):
    """A problem of a whole file, found after its keys were validated.

    Parameters
    ----------
    path : tuple of str
        Keys that lead to where it is.
    text : str
        What is wrong, with its place in words.
    """

    def __init__(self, path: tuple[str, ...], text: str) -> None:
        super().__init__(text)
        self.path = path


OPEN = "?"
"""Value of a setting that a proposal leaves to a person."""

_MOST_BYTES = 1 << 20
"""A mapping of a large source has some ten thousand."""

Model = TypeVar("Model", bound=StrictModel)
Lines = dict[tuple[str, ...], int]
"""Path of keys -> line of the file, from 1."""


def read_settings(path: Path, model: type[Model]) -> tuple[Model, str]:
    """Read a YAML file and validate it as a whole.

    Text stays text ("no" is a word); anchors, aliases and repeated keys are refused.

    Returns
    -------
    tuple
        The model, and the sha256 of the file's bytes.

    Raises
    ------
    MappingError
        One line per problem, with file, line, key and what is allowed.
    """
    content = _read_bytes(path)
    return _validated(path.name, content, model), hashlib.sha256(content).hexdigest()


@functools.lru_cache(maxsize=16)
def _validated(name: str, content: bytes, model: type[Model]) -> Model:
    """Validate the content of a file; a refresh reads the same mapping five times."""
    loaded, lines = _parse(name, content)
    unanswered = [place for place, value in _texts_of(loaded, ()) if value == OPEN]
    if unanswered:
        raise MappingError(
            *(
                f"{name} line {lines[place]}: {place[-1]}: the question above this line "
                "is not answered."
                for place in unanswered
            )
        )
    try:
        return model.model_validate(loaded)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        # A list is called too short when its only item is the problem.
        problems = [p for p in problems if p["type"] != "too_short"] or problems
        raise MappingError(*(_explain(p, name, lines, model) for p in problems)) from None


def read_yaml(path: Path) -> tuple[dict[str, Any], Lines, bytes]:
    """Read a YAML file without validating what it says.

    Returns
    -------
    tuple
        Content with every scalar as text, the line of every key, and the file's bytes.

    Raises
    ------
    MappingError
        It cannot be read, or is no YAML with keys at its top level.
    """
    content = _read_bytes(path)
    return *_parse(path.name, content), content


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise MappingError(f"{path.name}: cannot be read ({error.strerror}).") from None
    if len(content) > _MOST_BYTES:
        raise MappingError(f"{path.name}: has more than {_MOST_BYTES >> 20} MiB.")
    return content


def _parse(name: str, content: bytes) -> tuple[dict[str, Any], Lines]:
    try:
        loader = _StrictLoader(content.decode("utf-8-sig"))
        node = loader.get_single_node()
        loaded = None if node is None else loader.construct_document(node)
        lines = dict(_lines_of(node, ()))
    except UnicodeDecodeError:
        raise MappingError(f"{name}: is not UTF-8 text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise MappingError(f"{name}{where}: {problem}.") from None
    except (ValueError, RecursionError) as error:
        raise MappingError(f"{name}: a value cannot be read ({error}).") from None
    if not isinstance(loaded, dict):
        raise MappingError(f"{name}: must hold 'key: value' lines at its top level.")
    return loaded, lines


def _texts_of(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text that is the value of a key, with the path of keys that leads to it."""
    if isinstance(value, str):
        yield path, value
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        if isinstance(value, dict) or not isinstance(each, str):
            yield from _texts_of(each, (*path, str(key)))


class _StrictLoader(yaml.BaseLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _problem(self.peek_event(), "anchors and aliases are not allowed here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _problem(key_node, "a key must be plain text")
            if key_node.value in seen:
                raise _problem(key_node, f"the key {key_node.value!r} is there twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _problem(node: Any, text: str) -> yaml.MarkedYAMLError:
    """Return an error at a node or event of the YAML file."""
    return yaml.MarkedYAMLError(problem=text, problem_mark=node.start_mark)


def _lines_of(
    node: yaml.Node | None, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the path of every key and list item with its line."""
    if isinstance(node, yaml.MappingNode):
        parts = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        parts = [(str(number), item, item) for number, item in enumerate(node.value)]
    else:
        return
    for name, marked, value in parts:
        yield (*path, name), marked.start_mark.line + 1
        yield from _lines_of(value, (*path, name))


def _explain(problem: Any, file_name: str, lines: Lines, model: type[BaseModel]) -> str:
    """Return one problem found by pydantic as a line for the user."""
    path = tuple(str(part) for part in problem["loc"] if str(part) != "[key]")
    cause = problem.get("ctx", {}).get("error")
    is_placed = isinstance(cause, PlacedError)
    key = "" if is_placed else shown_name(": ".join(path), 120)
    path = cause.path if is_placed else path
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    where = f"{file_name} line {line}" if line else file_name
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = f"unknown key; allowed: {', '.join(_model_at(path[:-1], model).model_fields)}"
    elif problem["type"] == "missing":
        text = "is missing"
    return f"{where}: {key}: {text}." if key else f"{where}: {text}."


def _model_at(path: tuple[str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """Return the model that a path of keys leads to."""
    for key in path:
        field = model.model_fields.get(key)
        if field is not None:
            model = _model_in(field.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation such as dict[str, ExportSource] holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)
