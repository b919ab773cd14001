"""The demo rewritten as one wide sheet, with the mapping that reads it back.

One row per patient: visits, courses, comorbidities and adverse events stand side by side, in the
form of an Italian spreadsheet (semicolon, cp1252, dd/mm/yyyy, decimal comma, a title and a line of
totals). Records of patients who are not in the register have no row to stand in. Synthetic data.

Run it as a script with the folder to write to.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import yaml
from builds import ROOT

from intake.contract import EXPORTS
from intake.rewriting import iso_date, written_date
from intake.uses import CellForm

FORM = CellForm(date_format="dmy/", decimal_mark=",", partial_dates=True)
BLOCKS = {"visits": "V", "prescriptions": "R", "comorbidities": "C", "adverse_events": "A"}
MARKER = {
    "prescriptions": "prescription_id",
    "comorbidities": "comorbidity_term",
    "adverse_events": "adverse_event_id",
}


def demo_records(export: str) -> list[dict[str, str]]:
    """Return the records of one export of the demo as written, without one of too many fields."""
    with (ROOT / "exports" / "demo" / f"{export}.csv").open(encoding="utf-8", newline="") as file:
        return [record for record in csv.DictReader(file) if None not in record]


def in_form(export: str, record: dict[str, str]) -> dict[str, str]:
    """Return a record with its dates and numbers in the form of the sheet."""
    kinds = {column.name: column.kind for column in EXPORTS[export]}
    written = {}
    for name, text in record.items():
        iso = iso_date(text, CellForm()) if kinds[name] == "date" else None
        written[name] = written_date(iso, FORM) if iso else text
        if kinds[name] == "score":
            written[name] = text.replace(".", ",")
    return written


def write_wide_demo(folder: Path) -> Path:
    """Write sheet and delivery.yml into a folder and the mapping beside it; return its path."""
    folder.mkdir(parents=True)
    patients = demo_records("patients")
    blocks: dict[str, dict[str, list[dict[str, str]]]] = {}
    for export in BLOCKS:
        for record in demo_records(export):
            of_patient = blocks.setdefault(export, {})
            of_patient.setdefault(record["patient_id"], []).append(in_form(export, record))
    known = {record["patient_id"] for record in patients}
    width = {
        export: max(len(found) for patient, found in of_patient.items() if patient in known)
        for export, of_patient in blocks.items()
    }
    names = {
        export: [name for name in next(iter(found.values()))[0] if name != "patient_id"]
        for export, found in blocks.items()
    }
    header = list(patients[0])
    for export, letter in BLOCKS.items():
        for number in range(1, width[export] + 1):
            header += [f"{name} {letter}{number}" for name in names[export]]
    path = folder / "Ambulatorio (dermatite) 2020-12.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Ambulatorio dermatite: dati sintetici"])
        writer.writerow(header)
        for patient in patients:
            row = list(in_form("patients", patient).values())
            for export in BLOCKS:
                found = blocks[export].get(patient["patient_id"], [])
                for place in range(width[export]):
                    cells = found[place] if place < len(found) else {}
                    row += [cells.get(name, "") for name in names[export]]
            writer.writerow(row)
        writer.writerow(["Totale", len(patients), *[""] * (len(header) - 2)])
    (folder / "delivery.yml").write_text("extraction_date: 2020-12-31\nis_synthetic: true\n")
    mapping = folder.parent / "wide_demo.yml"
    content = wide_mapping(list(patients[0]), names, width)
    mapping.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return mapping


def wide_mapping(patient: list[str], names: dict[str, list[str]], width: dict[str, int]) -> dict:
    """Return the mapping of the sheet."""
    file = "ambulatorio (dermatite) *"
    exports: dict[str, dict] = {
        "patients": {
            "files": [
                {
                    "file": file,
                    "part": "patients",
                    "skip_records": {"patient_id": ["Totale"]},
                    "columns": {name: name for name in patient},
                }
            ]
        },
        "visits": {
            "files": [
                {
                    "file": file,
                    "part": "visits",
                    "timepoints": {f"V{n}": "unscheduled" for n in range(1, width["visits"] + 1)},
                    "columns": {
                        "patient_id": "patient_id",
                        **{name: f"{name} {{t}}" for name in names["visits"]},
                    },
                }
            ]
        },
    }
    for export, marker in MARKER.items():
        letter = BLOCKS[export]
        exports[export] = {
            "files": [
                {
                    "file": file,
                    "part": f"{letter.lower()}{number:02}",
                    "records": {f"{marker} {letter}{number}": "not_empty"},
                    "columns": {
                        "patient_id": "patient_id",
                        **{name: f"{name} {letter}{number}" for name in names[export]},
                    },
                }
                for number in range(1, width[export] + 1)
            ]
        }
    return {
        "version": 1,
        "source_system": "wide_demo",
        "label": "The synthetic demo as one wide sheet",
        "study": "ferrucci_2022",
        "defaults": {
            "encoding": "cp1252",
            "delimiter": ";",
            "decimal_mark": ",",
            "date_format": "dmy/",
            "preamble_lines": 1,
        },
        "exports": exports,
    }


if __name__ == "__main__":
    print(write_wide_demo(Path(sys.argv[1])))
