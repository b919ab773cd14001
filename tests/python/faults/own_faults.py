"""Neighbours of the listed faults: what else a clinic's system, a spreadsheet or a person does.

Each function spoils a clean delivery in one way; own_fault_list.py says how it must end.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.faults.bench import Bench, read_tables

Change = Callable[[str], str]


@dataclass(frozen=True)
class OwnFault:
    """One neighbour.

    Attributes
    ----------
    make : callable
        Spoils the tables or the files of a bench.
    ends_in : str
        As in fault_facts.csv.
    rules : str
        Refusals of records, or of files, or expectations that must be among those that stop it.
    """

    make: Callable[[Bench], None]
    ends_in: str
    rules: str = ""


def make_own(fault: OwnFault, clean: Path, folder: Path) -> list[dict]:
    """Write a spoilt copy of a clean delivery; return the records that were touched."""
    bench = Bench(folder, read_tables(clean))
    folder.mkdir(parents=True)
    shutil.copyfile(clean / "delivery.yml", folder / "delivery.yml")
    bench.write_all()
    fault.make(bench)
    for export in bench.tables:
        if bench.path(export).is_file() and not bench.wrote_bytes(export):
            bench.path(export).write_text(bench.text(export), encoding="utf-8", newline="")
    return bench.touched


def put(export: str, column: str, *values: str) -> Callable[[Bench], None]:
    """Write values into as many records, spread over the file."""

    def fault(bench: Bench) -> None:
        for row, value in zip(bench.pick(export, len(values), column), values, strict=True):
            bench.put(export, row, column, value)

    return fault


def every(export: str, column: str, change: Change, step: int = 1) -> Callable[[Bench], None]:
    """Change one column in every record, or in every n-th."""

    def fault(bench: Bench) -> None:
        table = bench.tables[export]
        for row in range(0, len(table.rows), step):
            cell = table.cell(row, column)
            if cell:
                bench.put(export, row, column, change(cell))

    return fault


def text(export: str, change: Change, encoding: str = "utf-8") -> Callable[[Bench], None]:
    """Change a file as one text."""

    def fault(bench: Bench) -> None:
        bench.write_bytes(export, change(bench.text(export)).encode(encoding))

    return fault


def lines(export: str, change: Callable[[list[str]], list[str]]) -> Callable[[Bench], None]:
    """Change the lines of a file; the first is the header."""
    return text(export, lambda content: "".join(change(content.splitlines(keepends=True))))


def swapped(export: str, first: str, second: str) -> Callable[[Bench], None]:
    """Exchange two names in a header: the columns change places, their cells do not."""

    def fault(bench: Bench) -> None:
        names = {first: second, second: first}
        table = bench.tables[export]
        table.header = [names.get(name, name) for name in table.header]

    return fault


def moved_down(export: str, column: str) -> Callable[[Bench], None]:
    """Move one column down by a record, as a spreadsheet does after one deleted cell."""

    def fault(bench: Bench) -> None:
        table = bench.tables[export]
        cells = [table.cell(row, column) for row in range(len(table.rows))]
        for row, cell in enumerate([cells[-1], *cells[:-1]]):
            bench.put(export, row, column, cell)

    return fault


def day_first(cell: str) -> str:
    """Write an ISO date with slashes, day first."""
    return "/".join(reversed(cell.split("-"))) if len(cell) == 10 else cell


def serial(cell: str) -> str:
    """Write a date as the number that a spreadsheet stores (1900 system)."""
    return str((datetime.date.fromisoformat(cell) - datetime.date(1899, 12, 30)).days)


def later(days: int) -> Change:
    """Move a whole date."""

    def change(cell: str) -> str:
        if len(cell) != 10:
            return cell
        return (datetime.date.fromisoformat(cell) + datetime.timedelta(days)).isoformat()

    return change


def times_ten(cell: str) -> str:
    """Lose the decimal point."""
    return str(int(cell.replace(".", ""))) if "." in cell else f"{cell}0"


def tenth(cell: str) -> str:
    """Divide a score by ten."""
    tenths = int(cell.partition(".")[0])
    return f"{tenths // 10}.{tenths % 10}"


def second_file(name: str, export: str = "visits") -> Callable[[Bench], None]:
    """Leave a copy of an export beside it."""

    def fault(bench: Bench) -> None:
        (bench.folder / name).write_bytes(bench.read_bytes(export))

    return fault


def other_export(bench: Bench) -> None:
    """Deliver the prescriptions under the name of the visits."""
    bench.write_bytes("visits", bench.read_bytes("prescriptions"))


def later_part_with_mark(bench: Bench) -> None:
    """Join two files of which the second begins with a byte order mark and a header."""
    content = bench.text("visits")
    header, half, rest = content.partition("\n")[0], *_halves(content.split("\n", 1)[1])
    bench.write_bytes("visits", f"{header}\n{half}\ufeff{header}\n{rest}".encode())
    bench.touch("visits", half.count("\n"))


def _halves(content: str) -> tuple[str, str]:
    all_lines = content.splitlines(keepends=True)
    middle = len(all_lines) // 2
    return "".join(all_lines[:middle]), "".join(all_lines[middle:])


def undecodable(bench: Bench) -> None:
    """Write half of a surrogate pair into one cell, as some old databases do."""
    row = bench.pick("prescriptions", 1, "drug_name")[0]
    bench.put("prescriptions", row, "body_site", "face@@")
    bench.write_bytes(
        "prescriptions", bench.read_bytes("prescriptions").replace(b"@@", b"\xed\xa0\x80")
    )


def again_under_another_number(bench: Bench) -> None:
    """Write three visits a second time under a new number."""
    table = bench.tables["visits"]
    for number, row in enumerate(bench.pick("visits", 3, "easi_score")):
        table.rows.append([*table.rows[row]])
        table.rows[-1][0] = f"W{number:05d}"
        bench.touch("visits", len(table.rows) - 1)


def contradicting_visit(bench: Bench) -> None:
    """Write one visit twice under one number with another EASI."""
    table = bench.tables["visits"]
    row = bench.pick("visits", 1, "easi_score")[0]
    table.rows.append([*table.rows[row]])
    bench.touch("visits", row)
    bench.put("visits", len(table.rows) - 1, "easi_score", "1.7")


def lost_patients(bench: Bench) -> None:
    """Lose every tenth patient of the patient export alone."""
    table = bench.tables["patients"]
    table.rows = [cells for row, cells in enumerate(table.rows) if row % 10]


def merged_people(bench: Bench) -> None:
    """Give the records of one person the number of another one, in patients and visits."""
    first, second = bench.pick_patients(2)
    bench.rename_patient(second, first)


def lookalike(bench: Bench) -> None:
    """Write a Cyrillic capital that looks like the Latin P into one identifier of visits."""
    row = bench.pick("visits", 1, "patient_id")[0]
    cell = bench.tables["visits"].cell(row, "patient_id")
    bench.put("visits", row, "patient_id", cell.replace("P", "\u0420"))


def extraction(day: str) -> Callable[[Bench], None]:
    """Declare another day of extraction."""

    def fault(bench: Bench) -> None:
        about = bench.folder / "delivery.yml"
        about.write_text(about.read_text().replace("2020-12-31", day), encoding="utf-8")

    return fault


def both(*faults: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """Spoil a delivery in several ways."""

    def fault(bench: Bench) -> None:
        for each in faults:
            each(bench)

    return fault


def trailing(content: str, with_header: bool) -> str:
    header, _, rest = content.partition("\n")
    return f"{header}{',' * with_header}\n" + rest.replace("\n", ",\n")


def inserted(new: str, place: int) -> Callable[[Bench], None]:
    """Insert a line into the visits; place 1 is that of the first record."""

    def fault(bench: Bench) -> None:
        old = bench.text("visits").splitlines(keepends=True)
        bench.write_bytes("visits", "".join([*old[:place], new, *old[place:]]).encode())
        if place:
            bench.touch("visits", place - 1)

    return fault
