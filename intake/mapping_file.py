"""Reading a mapping file; errors name the file, the line, the key and what is allowed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ValidationError

from intake.errors import MappingError, shown_name
from intake.mapping import (
    IDENTIFIER,
    ColumnSource,
    ExportSource,
    FileSource,
    Mapping,
    MappingContent,
)
from intake.strict_yaml import read_yaml

MAPPINGS_FOLDER = Path(__file__).parent / "mappings"


def explain_errors(
    error: ValidationError,
    file_name: str,
    lines: dict[tuple, int],
    model: type[BaseModel],
) -> MappingError:
    """Turn a validation error into lines that name file, line, key and what is allowed.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    file_name : str
        Name shown to the user.
    lines : dict
        Line number of every key path, from ``read_yaml``.
    model : type
        Model of the whole file.

    Returns
    -------
    MappingError
    """
    messages = []
    for problem in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in problem["loc"] if str(part) != "[key]")
        line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
        where = f"{file_name} line {line}" if line else file_name
        key = shown_name(": ".join(path), 120)
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = f"unknown key; allowed: {_allowed_keys(path, model)}"
        elif problem["type"] == "missing":
            text = "is missing"
        messages.append(f"{where}: {key}: {text}." if key else f"{where}: {text}.")
    return MappingError("\n".join(messages))


def _allowed_keys(path: tuple[str, ...], model: type[BaseModel]) -> str:
    if "columns" in path[:-1]:
        model = ColumnSource
    elif "files" in path[:-1]:
        model = FileSource
    elif len(path) > 1 and path[0] == "exports":
        model = ExportSource
    return ", ".join(model.model_fields)


def load_mapping(name: str, folder: Path = MAPPINGS_FOLDER) -> Mapping:
    """Read and validate a mapping.

    Parameters
    ----------
    name : str
        Its name: the file name without ``.yml``.
    folder : Path
        Folder of the mapping files.

    Returns
    -------
    Mapping

    Raises
    ------
    MappingError
        No such mapping, or it is not valid.
    """
    known = sorted(path.stem for path in folder.glob("*.yml"))
    if name not in known or not IDENTIFIER.fullmatch(name):
        raise MappingError(
            f"There is no mapping named {shown_name(name)!r}. Known: {', '.join(known)}. "
            "Choose one with REGISTRY_MAPPING or delivery.yml (source_system), "
            "or add intake/mappings/<source>.yml (docs/how_to_add.md)."
        )
    path = folder / f"{name}.yml"
    raw, lines, content = read_yaml(path)
    try:
        return Mapping(
            name, MappingContent.model_validate(raw), hashlib.sha256(content).hexdigest()
        )
    except ValidationError as error:
        raise explain_errors(error, path.name, lines, MappingContent) from None
