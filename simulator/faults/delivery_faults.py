"""Faults of a second delivery, which follows a clean first one."""

from __future__ import annotations

import datetime

from simulator.faults.bench import Bench
from simulator.faults.structure_faults import add_columns


def late_correction(bench: Bench) -> None:
    """Correct one EASI of a patient and add a late visit of the same patient."""
    patient = bench.pick_patients(1)[0]
    table = bench.tables["visits"]
    row = next(
        number
        for number, cells in enumerate(table.rows)
        if cells[table.place("patient_id")] == patient and cells[table.place("easi_score")]
    )
    tenths = int(table.cell(row, "easi_score").replace(".", ""))
    corrected = tenths + 7 if tenths < 700 else tenths - 7
    bench.put("visits", row, "easi_score", f"{corrected // 10}.{corrected % 10}")
    start = datetime.date.fromisoformat(bench.first_day_of_dupilumab(patient))
    bench.append(
        "visits",
        visit_id="X001",
        patient_id=patient,
        visit_date=(start + datetime.timedelta(days=61)).isoformat(),
        nominal_timepoint="unscheduled",
        easi_score="3.1",
        topical_adherence="adherent",
    )


def identical_redelivery(bench: Bench) -> None:
    """Change nothing: the second delivery has the same bytes."""


def volume_drop(bench: Bench) -> None:
    """Deliver every second patient only, as with a filter left on in the source system."""
    table = bench.tables["patients"]
    bench.keep_patients({row[table.place("patient_id")] for row in table.rows[::2]})


def drifting_columns(bench: Bench) -> None:
    """Add a column to visits and drop the optional POEM."""
    table = bench.tables["visits"]
    place = table.place("poem_score")
    table.header = [*table.header[:place], *table.header[place + 1 :]]
    table.rows = [[*row[:place], *row[place + 1 :]] for row in table.rows]
    add_columns(bench, "visits", len(table.header), {"ward": ["A", "B"]})


def key_reassigned(bench: Bench) -> None:
    """Give one identifier to another person: other sex, other birth date."""
    patient = bench.pick_patients(1)[0]
    table = bench.tables["patients"]
    place = table.place("patient_id")
    row = next(number for number, cells in enumerate(table.rows) if cells[place] == patient)
    other = {"female": "male", "male": "female"}[table.cell(row, "sex")]
    bench.put("patients", row, "sex", other)
    year, rest = table.cell(row, "birth_date")[:4], table.cell(row, "birth_date")[4:]
    bench.put("patients", row, "birth_date", f"{int(year) - 8}{rest}")


FAULTS = {
    "F150": volume_drop,
    "F170": late_correction,
    "F171": identical_redelivery,
    "F175": drifting_columns,
    "F176": key_reassigned,
}
