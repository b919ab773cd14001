"""The export contract: which exports a delivery holds and which columns each of them has.

The contract names columns only. What a value must look like is judged in staging.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    is_required: bool = False


EXPORTS: dict[str, tuple[ContractColumn, ...]] = {
    "patients": (
        ContractColumn("patient_id", True),
        ContractColumn("sex", True),
        ContractColumn("birth_date", True),
        ContractColumn("ad_diagnosis_date"),
        ContractColumn("disease_course"),
        ContractColumn("clinical_phenotype"),
        ContractColumn("involves_face"),
        ContractColumn("involves_hands"),
        ContractColumn("involves_genitalia"),
    ),
    "visits": (
        ContractColumn("visit_id", True),
        ContractColumn("patient_id", True),
        ContractColumn("visit_date", True),
        ContractColumn("nominal_timepoint"),
        ContractColumn("easi_score"),
        ContractColumn("itch_nrs_score"),
        ContractColumn("sleep_nrs_score"),
        ContractColumn("dlqi_score"),
        ContractColumn("iga_score"),
        ContractColumn("poem_score"),
        ContractColumn("topical_adherence"),
    ),
    "prescriptions": (
        ContractColumn("prescription_id", True),
        ContractColumn("patient_id", True),
        ContractColumn("drug_name", True),
        ContractColumn("atc_code"),
        ContractColumn("route"),
        ContractColumn("strength"),
        ContractColumn("body_site"),
        ContractColumn("start_date", True),
        ContractColumn("end_date"),
    ),
    "comorbidities": (
        ContractColumn("patient_id", True),
        ContractColumn("comorbidity_term", True),
        ContractColumn("onset_date"),
    ),
    "adverse_events": (
        ContractColumn("adverse_event_id", True),
        ContractColumn("patient_id", True),
        ContractColumn("event_term", True),
        ContractColumn("onset_date", True),
        ContractColumn("is_serious", True),
        ContractColumn("outcome"),
    ),
}
"""Export name -> its columns, in the order of the raw table."""


def column_names(export_name: str) -> list[str]:
    """Return the column names of an export in the order of its raw table."""
    return [column.name for column in EXPORTS[export_name]]


def required_columns(export_name: str) -> list[str]:
    """Return the columns without which a file of this export is refused."""
    return [column.name for column in EXPORTS[export_name] if column.is_required]
