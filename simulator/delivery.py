"""A delivery in memory and on disk: five exports and ``delivery.yml``."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS: dict[str, tuple[str, ...]] = {
    "patients": (
        "patient_id", "sex", "birth_date", "ad_diagnosis_date", "disease_course",
        "clinical_phenotype", "involves_face", "involves_hands", "involves_genitalia",
    ),
    "visits": (
        "visit_id", "patient_id", "visit_date", "nominal_timepoint", "easi_score",
        "itch_nrs_score", "sleep_nrs_score", "dlqi_score", "iga_score", "poem_score",
        "topical_adherence",
    ),
    "prescriptions": (
        "prescription_id", "patient_id", "drug_name", "atc_code", "route", "strength",
        "body_site", "start_date", "end_date",
    ),
    "comorbidities": ("patient_id", "comorbidity_term", "onset_date"),
    "adverse_events": (
        "adverse_event_id", "patient_id", "event_term", "onset_date", "is_serious", "outcome",
    ),
}  # fmt: skip


class SimulatorError(Exception):
    """A request cannot be done; the message says what is wrong, where, and what to do."""


@dataclass
class Delivery:
    """Five exports as lists of text records, in the order of ``COLUMNS``.

    A record may have more or fewer cells than its export has columns: one of the simulated faults.
    """

    label: str
    extraction_date: str
    records: dict[str, list[list[str]]] = field(
        default_factory=lambda: {name: [] for name in COLUMNS}
    )

    def add(self, export: str, **cells: str) -> None:
        """Append one record; columns without a value are empty."""
        unknown = set(cells) - set(COLUMNS[export])
        if unknown:
            raise ValueError(f"{export} has no column {', '.join(sorted(unknown))}")
        self.records[export].append([cells.get(column, "") for column in COLUMNS[export]])


def delivery_yml(label: str, extraction_date: str) -> str:
    """Return the text of ``delivery.yml``, which marks the delivery as synthetic."""
    return (
        "source_system: clinic\n"
        f"extraction_date: {extraction_date}\n"
        "is_synthetic: true\n"
        f'label: "{label}"\n'
    )


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Make an empty output folder.

    Raises
    ------
    SimulatorError
        The folder is not empty and ``overwrite`` is false, or the path is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise SimulatorError(f"{folder} is a file. Name a folder with --out.")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise SimulatorError(
                f"{folder} is not empty. Choose another folder, or add --overwrite to replace "
                "the exports in it."
            )
        for name in list_written(folder):
            path = folder / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def list_written(folder: Path) -> list[str]:
    """Return the names in ``folder`` that the simulator may have written."""
    known = {"delivery.yml", "truth.yml", "expected.json", "d1", "d2"}
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.name in known or path.name.split(".")[0].lower().split("_part")[0] in COLUMNS
    )


def write_delivery(delivery: Delivery, folder: Path) -> None:
    """Write the five CSV exports (UTF-8, LF) and ``delivery.yml`` into an existing folder."""
    for name, columns in COLUMNS.items():
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(delivery.records[name])
    text = delivery_yml(delivery.label, delivery.extraction_date)
    (folder / "delivery.yml").write_text(text, encoding="utf-8", newline="\n")
