"""Faults of keys, copies, vocabulary and order."""

from __future__ import annotations

import datetime

from simulator.draws import Draws
from simulator.faults.bench import Bench


def leading_zeros(bench: Bench) -> None:
    """Rename two patients to 0012 and 12."""
    for patient, name in zip(bench.pick_patients(2), ("0012", "12"), strict=True):
        bench.rename_patient(patient, name)


def looks_numeric(bench: Bench) -> None:
    """Rename four patients to numbers that a spreadsheet or a float would merge."""
    names = ("1E5", "100000", "9007199254740993", "9007199254740992")
    for patient, name in zip(bench.pick_patients(4), names, strict=True):
        bench.rename_patient(patient, name)


def scientific_identifiers(bench: Bench) -> None:
    """Give three patients the same identifier, as a spreadsheet writes long numbers."""
    for patient in bench.pick_patients(3):
        bench.rename_patient(patient, "1.23457E+11")


def blanks_and_case(bench: Bench) -> None:
    """Write four patient identifiers of visits with blanks or in other case."""
    table = bench.tables["visits"]
    rows = bench.pick("visits", 4, "patient_id")
    changes = (
        lambda text: f"{text} ",
        lambda text: text.swapcase(),
        lambda text: f"{text}\u00a0",
        lambda text: f" {text}",
    )
    for row, change in zip(rows, changes, strict=True):
        bench.put("visits", row, "patient_id", change(table.cell(row, "patient_id")))


def exact_copies(bench: Bench) -> None:
    """Add exact copies of three patients."""
    table = bench.tables["patients"]
    for row in bench.pick("patients", 3, "patient_id"):
        table.rows.append([*table.rows[row]])
        bench.touch("patients", len(table.rows) - 1)


def outside_the_windows(bench: Bench) -> None:
    """Add visits at day 60 and day 230 for two patients who started early enough."""
    visits = bench.tables["visits"]
    last_date = max(row[visits.place("visit_date")] for row in visits.rows)
    newest = datetime.date.fromisoformat(last_date)
    starts = {
        patient: datetime.date.fromisoformat(bench.first_day_of_dupilumab(patient))
        for patient in bench.pick_patients(8)
    }
    early = [each for each, start in starts.items() if start + datetime.timedelta(230) <= newest]
    for number, patient in enumerate(early[:2]):
        start = starts[patient]
        for day in (60, 230):
            bench.append(
                "visits",
                visit_id=f"X{number}{day:03d}",
                patient_id=patient,
                visit_date=(start + datetime.timedelta(days=day)).isoformat(),
                nominal_timepoint="unscheduled",
                easi_score="8.4",
                itch_nrs_score="3",
                sleep_nrs_score="1",
                dlqi_score="4",
                topical_adherence="adherent",
            )


def orphan_prescriptions(bench: Bench) -> None:
    """Add two prescriptions of a patient who is not in the register."""
    for number in range(2):
        bench.append(
            "prescriptions",
            prescription_id=f"X{number:03d}",
            patient_id="NOBODY",
            drug_name="Protopic",
            atc_code="D11AH01",
            route="topical",
            start_date="2019-09-02",
        )


def empty_identifiers(bench: Bench) -> None:
    """Remove the patient identifier of two visits and one patient."""
    for row, name in zip(bench.pick("visits", 2, "patient_id"), ("", " "), strict=True):
        bench.put("visits", row, "patient_id", name)
    row = bench.pick("patients", 1, "patient_id")[0]
    bench.put("patients", row, "patient_id", "")


def brand_names(bench: Bench) -> None:
    """Write three prescriptions with a brand name and no code."""
    for code, name in (
        ("D11AH01", "Protopic 0.1%"),
        ("D11AH05", "Dupixent"),
        ("D11AH02", "Elidel"),
    ):
        table = bench.tables["prescriptions"]
        if not any(row[table.place("atc_code")] == code for row in table.rows):
            continue
        row = bench.pick("prescriptions", 1, "atc_code", code.__eq__)[0]
        bench.put("prescriptions", row, "drug_name", name)
        bench.put("prescriptions", row, "atc_code", "")


def systemic_tacrolimus(bench: Bench) -> None:
    """Add oral tacrolimus for two patients, long before dupilumab."""
    for number, patient in enumerate(bench.pick_patients(2)):
        start = datetime.date.fromisoformat(bench.first_day_of_dupilumab(patient))
        bench.append(
            "prescriptions",
            prescription_id=f"X{number:03d}",
            patient_id=patient,
            drug_name="tacrolimus",
            atc_code="L04AD02",
            route="oral",
            strength="1 mg",
            start_date=(start - datetime.timedelta(days=700)).isoformat(),
            end_date=(start - datetime.timedelta(days=500)).isoformat(),
        )


def untidy_codes(bench: Bench) -> None:
    """Write three ATC codes in lower case, with blanks, with a letter O for a zero."""
    rows = bench.pick("prescriptions", 3, "atc_code", lambda cell: cell.startswith("D07"))
    table = bench.tables["prescriptions"]
    codes = [table.cell(row, "atc_code") for row in rows]
    untidy = (codes[0].lower(), f" {codes[1]} ", codes[2].replace("0", "O"))
    for row, code in zip(rows, untidy, strict=True):
        bench.put("prescriptions", row, "atc_code", code)


def untidy_names(bench: Bench) -> None:
    """Write ten drug names in upper case, padded, or with trailing blanks."""
    table = bench.tables["prescriptions"]
    for number, row in enumerate(bench.pick("prescriptions", 10, "drug_name")):
        name = table.cell(row, "drug_name")
        untidy = (name.upper(), f"  {name} ", f"{name}  ")[number % 3]
        bench.put("prescriptions", row, "drug_name", untidy)


def shuffled(bench: Bench) -> None:
    """Shuffle the records of every export."""
    for export, table in bench.tables.items():
        table.rows = Draws(153, export).shuffled(table.rows)
        bench.files.add(f"{export}.csv")


def fiscal_codes(bench: Bench) -> None:
    """Rename every patient to something that looks like an Italian fiscal code."""
    table = bench.tables["patients"]
    names = [row[table.place("patient_id")] for row in table.rows]
    codes = {
        name: f"TST{chr(65 + number % 26)}{chr(65 + number // 26 % 26)}X80A01F{number:03d}Z"
        for number, name in enumerate(names)
    }
    for export, each in bench.tables.items():
        place = each.place("patient_id")
        for row in each.rows:
            row[place] = codes.get(row[place], row[place])
        bench.files.add(f"{export}.csv")


FAULTS = {
    "F089": leading_zeros,
    "F090": looks_numeric,
    "F091": scientific_identifiers,
    "F092": blanks_and_case,
    "F130": exact_copies,
    "F135": outside_the_windows,
    "F137": orphan_prescriptions,
    "F138": empty_identifiers,
    "F145": brand_names,
    "F147": systemic_tacrolimus,
    "F148": untidy_codes,
    "F149": untidy_names,
    "F153": shuffled,
    "F166": fiscal_codes,
}
