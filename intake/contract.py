"""The export contract: the columns of each export, as seed export_columns declares them.

Staging judges the cells by the same seed. The project runs from its checkout, so the seed is there.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

COLUMNS_FILE = Path(__file__).parents[1] / "seeds" / "quality" / "export_columns.csv"

INTAKE_CONTRACT_VERSION = "1"
"""Part of every load id: a change of what intake writes makes a delivery load again."""


@dataclass(frozen=True)
class ContractColumn:
    """One column of an export.

    Attributes
    ----------
    name : str
        Name in the raw table and, in a delivery with our own headers, in the file.
    is_required : bool
        A file without a required column is refused; an optional one is noted and stays NULL.
    """

    name: str
    is_required: bool


def _declared_exports() -> dict[str, tuple[ContractColumn, ...]]:
    exports: dict[str, tuple[ContractColumn, ...]] = {}
    with COLUMNS_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            column = ContractColumn(row["column_name"], row["is_column_required"] == "true")
            exports[row["export_name"]] = (*exports.get(row["export_name"], ()), column)
    return exports


EXPORTS = _declared_exports()
"""Export name -> its columns, in the order of the raw table."""


def column_names(export_name: str) -> list[str]:
    """Return the column names of an export in the order of its raw table."""
    return [column.name for column in EXPORTS[export_name]]


def required_columns(export_name: str) -> list[str]:
    """Return the columns without which a file of this export is refused."""
    return [column.name for column in EXPORTS[export_name] if column.is_required]
