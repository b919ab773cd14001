"""Small deliveries for the tests of intake; every person in them is invented."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from intake.delivery import open_delivery, plan_folder
from intake.judgement import FileJudgement, judge_files
from privacy.pseudonyms import PseudonymKey

KEY = PseudonymKey(bytes(range(32)))
N_PATIENTS = 20

HEADERS = {
    "patients": "patient_id,sex,birth_date,ad_diagnosis_date,disease_course,clinical_phenotype,"
    "involves_face,involves_hands,involves_genitalia",
    "visits": "visit_id,patient_id,visit_date,nominal_timepoint,easi_score,itch_nrs_score,"
    "sleep_nrs_score,dlqi_score,iga_score,poem_score,topical_adherence",
    "prescriptions": "prescription_id,patient_id,drug_name,atc_code,route,strength,body_site,"
    "start_date,end_date",
    "comorbidities": "patient_id,comorbidity_term,onset_date",
    "adverse_events": "adverse_event_id,patient_id,event_term,onset_date,is_serious,outcome",
}


def records(export_name: str, n: int = N_PATIENTS) -> list[list[str]]:
    """Return sound records of an export, one per invented person."""
    templates = {
        "patients": "P{0:04d},female,1970-01-{1:02d},,persistent,classic,yes,no,no",
        "visits": "V{0:05d},P{0:04d},2019-05-{1:02d},baseline,{1}.5,8,6,17,4,20,adherent",
        "prescriptions": "R{0:05d},P{0:04d},Dupixent,D11AH05,systemic,300 mg,,2019-05-{1:02d},",
        "comorbidities": "P{0:04d},asthma,2001",
        "adverse_events": "A{0:05d},P{0:04d},conjunctivitis,2019-08-{1:02d},no,recovered",
    }
    return [templates[export_name].format(i, i % 28 + 1).split(",") for i in range(1, n + 1)]


def table(export_name: str, n: int = N_PATIENTS) -> list[list[str]]:
    """Return header and records of an export."""
    return [HEADERS[export_name].split(","), *records(export_name, n)]


def as_csv(rows: Sequence[Sequence[str]], delimiter: str = ",", line_end: str = "\n") -> str:
    """Write rows as CSV text."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return text.getvalue()


def write_delivery(folder: Path, n: int = N_PATIENTS) -> Path:
    """Write a sound delivery of five CSV files."""
    folder.mkdir(parents=True, exist_ok=True)
    for export_name in HEADERS:
        (folder / f"{export_name}.csv").write_text(as_csv(table(export_name, n)), newline="")
    (folder / "delivery.yml").write_text("is_synthetic: true\nextraction_date: 2020-12-31\n")
    return folder


def judge(folder: Path, mapping: str = "", **options) -> dict[str, FileJudgement]:
    """Judge a delivery; return the judgement of every file that the mapping uses."""
    delivery = open_delivery(folder, mapping, **options)
    judgements = judge_files(delivery, plan_folder(delivery), KEY)
    return {judgement.planned.name: judgement for judgement in judgements}
