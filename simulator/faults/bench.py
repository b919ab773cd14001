"""A copy of a clean delivery to put one fault into, and the list of changed records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulator.delivery import COLUMNS, SimulatorError

Rows = list[list[str]]


@dataclass
class Table:
    """One export as text: header and records."""

    header: list[str]
    rows: Rows

    def place(self, column: str) -> int:
        """Return the position of a column."""
        return self.header.index(column)

    def cell(self, row: int, column: str) -> str:
        """Return one cell."""
        return self.rows[row][self.place(column)]


@dataclass
class Bench:
    """A copy of a clean delivery to put one fault into.

    Attributes
    ----------
    touched : list of dict
        Records that the fault changed: export, record_number (1 is the first record after the
        header) and column (None for the whole record).
    files : set of str
        Names of files that the fault wrote or changed as a whole.
    """

    folder: Path
    tables: dict[str, Table]
    touched: list[dict[str, str | int | None]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    _as_bytes: set[str] = field(default_factory=set)

    def path(self, export: str) -> Path:
        """Return the path of an export's CSV file."""
        return self.folder / f"{export}.csv"

    def touch(self, export: str, row: int, column: str | None = None) -> None:
        """Note a changed record, or a changed cell of it."""
        self.touched.append({"export": export, "record_number": row + 1, "column": column})

    def put(self, export: str, row: int, column: str, value: str) -> None:
        """Change one cell."""
        table = self.tables[export]
        table.rows[row][table.place(column)] = value
        self.touch(export, row, column)

    def append(self, export: str, **cells: str) -> None:
        """Add one record at the end."""
        table = self.tables[export]
        table.rows.append([cells.get(column, "") for column in table.header])
        self.touch(export, len(table.rows) - 1)

    def pick(
        self,
        export: str,
        count: int,
        column: str,
        holds: Callable[[str], bool] = bool,
    ) -> list[int]:
        """Return the numbers of ``count`` records, spread evenly, whose cell satisfies ``holds``.

        Raises
        ------
        SimulatorError
            The delivery has too few such records.
        """
        table = self.tables[export]
        place = table.place(column)
        found = [
            number
            for number, row in enumerate(table.rows)
            if len(row) == len(table.header) and holds(row[place])
        ]
        if len(found) < count:
            raise SimulatorError(
                f"the delivery has {len(found)} suitable records in {export}, {count} are needed. "
                "Take a larger clean delivery, such as that of `registry simulate twin --clean`."
            )
        step = len(found) / (count + 1)
        return [found[int(step * (each + 1))] for each in range(count)]

    def pick_patients(self, count: int) -> list[str]:
        """Return identifiers of patients on dupilumab, spread over the register."""
        courses = self.tables["prescriptions"]
        code, patient = courses.place("atc_code"), courses.place("patient_id")
        treated = {row[patient] for row in courses.rows if row[code : code + 1] == ["D11AH05"]}
        rows = self.pick("patients", count, "patient_id", lambda cell: cell in treated)
        return [self.tables["patients"].cell(row, "patient_id") for row in rows]

    def first_day_of_dupilumab(self, patient: str) -> str:
        """Return the first day of dupilumab of one patient."""
        table = self.tables["prescriptions"]
        return min(
            row[table.place("start_date")]
            for row in table.rows
            if row[table.place("patient_id")] == patient
            and row[table.place("atc_code")] == "D11AH05"
        )

    def rename_patient(self, old: str, new: str) -> None:
        """Give one patient another identifier in every export."""
        for export, table in self.tables.items():
            place = table.place("patient_id")
            for number, row in enumerate(table.rows):
                if len(row) > place and row[place] == old:
                    self.put(export, number, "patient_id", new)

    def keep_patients(self, kept: set[str]) -> None:
        """Remove the records of all other patients."""
        for table in self.tables.values():
            place = table.place("patient_id")
            table.rows = [row for row in table.rows if row[place] in kept]
        self.files.update(f"{export}.csv" for export in self.tables)

    def text(self, export: str, delimiter: str = ",", lineterminator: str = "\n") -> str:
        """Return an export as CSV text."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=delimiter, lineterminator=lineterminator)
        table = self.tables[export]
        writer.writerow(table.header)
        writer.writerows(table.rows)
        return buffer.getvalue()

    def write_all(self) -> None:
        """Write every export as plain CSV."""
        for export in self.tables:
            self.path(export).write_text(self.text(export), encoding="utf-8", newline="")

    def write_bytes(self, export: str, content: bytes) -> None:
        """Write the file of an export as these bytes and note the file."""
        self.path(export).write_bytes(content)
        self.files.add(f"{export}.csv")
        self._as_bytes.add(export)

    def wrote_bytes(self, export: str) -> bool:
        """Return whether a fault has written the file of an export itself."""
        return export in self._as_bytes

    def read_bytes(self, export: str) -> bytes:
        """Return the bytes of the plain CSV of an export."""
        return self.text(export).encode("utf-8")

    def replace_file(self, export: str, name: str) -> Path:
        """Delete the plain CSV; return the path of the file that replaces it."""
        self.path(export).unlink()
        self.files.add(name)
        self._as_bytes.add(export)
        return self.folder / name


def read_tables(source: Path) -> dict[str, Table]:
    """Return the five exports of a CSV delivery.

    Raises
    ------
    SimulatorError
        A file or a column is missing.
    """
    tables = {}
    for export, columns in COLUMNS.items():
        path = source / f"{export}.csv"
        if not path.is_file():
            raise SimulatorError(f"{path} is missing. Name a clean CSV delivery with --from.")
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        if not rows or not set(columns) <= set(rows[0]):
            raise SimulatorError(f"{path} does not have the columns of {export}.")
        tables[export] = Table(rows[0], rows[1:])
    return tables
