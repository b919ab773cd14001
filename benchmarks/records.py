"""The raw numbers: rows of CSV files that a later run of another size leaves alone."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

_DECIMALS = 4


@dataclass(frozen=True)
class RunRow:
    """One run of one contender; seconds and MiB. Exit code 0 = it finished."""

    n_patients: int
    contender: str
    run: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int


@dataclass(frozen=True)
class PartRow:
    """One part of the work: bytes, intake, intake_bad, dbt, seed, model, test, gate or analysis.

    CPU and memory are None where a part shares its process with others; ``note`` says what the
    numbers do not.
    """

    n_patients: int
    part: str
    name: str
    run: int
    wall_seconds: float
    cpu_seconds: float | None = None
    peak_mib: float | None = None
    note: str = ""


@dataclass(frozen=True)
class SizeRow:
    """One export of one delivery."""

    n_patients: int
    export: str
    n_records: int
    n_bytes: int


Row = TypeVar("Row", RunRow, PartRow, SizeRow)
FILES: dict[type, str] = {RunRow: "runs.csv", PartRow: "parts.csv", SizeRow: "deliveries.csv"}
MACHINE = "machine.yml"


def read(folder: Path, kind: type[Row]) -> list[Row]:
    """Return the rows of a kind; none where there is no file."""
    path = folder / FILES[kind]
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [kind(**_typed(kind, row)) for row in csv.DictReader(file)]


def _typed(kind: type, row: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields(kind):
        text, declared = row[field.name], str(field.type)
        if declared.startswith("int"):
            values[field.name] = int(text)
        elif declared.startswith("float"):
            values[field.name] = float(text) if text else None
        else:
            values[field.name] = text
    return values


def write(folder: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write all rows of a kind, by size."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(kind)]
    with open(folder / FILES[kind], "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in sorted(rows, key=lambda each: each.n_patients):
            writer.writerow({name: _text(value) for name, value in asdict(row).items()})


def _text(value: Any) -> Any:
    return round(value, _DECIMALS) if isinstance(value, float) else value


def replace_size(folder: Path, kind: type[Row], n_patients: int, rows: Sequence[Row]) -> None:
    """Put the rows of one size in place of the earlier ones of that size."""
    kept = [row for row in read(folder, kind) if row.n_patients != n_patients]
    write(folder, kind, [*kept, *rows])


def read_machine(folder: Path) -> dict[str, Any]:
    """Return what the numbers were measured on; empty where nothing was measured."""
    path = folder / MACHINE
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def begin(folder: Path, machine: dict[str, Any]) -> None:
    """Prepare the folder: numbers of another machine or other settings are not mixed in."""
    folder.mkdir(parents=True, exist_ok=True)
    same = ("machine", "settings")
    before = read_machine(folder)
    if before and any(before.get(key) != machine[key] for key in same):
        for name in FILES.values():
            (folder / name).unlink(missing_ok=True)
    text = yaml.safe_dump(machine, sort_keys=False, allow_unicode=True)
    (folder / MACHINE).write_text(text, encoding="utf-8")
