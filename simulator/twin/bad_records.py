"""Bad records that the demo delivery contains on purpose, to show the quarantine.

They affect visits outside every window, emollients, or extra records only. No number of the study
changes, whether a reader drops the value, the record or both copies of a duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.delivery import COLUMNS, Delivery


def _cell(export: str, record: Sequence[str], column: str) -> str:
    return record[COLUMNS[export].index(column)]


def _put(export: str, record: list[str], column: str, value: str) -> None:
    record[COLUMNS[export].index(column)] = value


def add_bad_records(
    delivery: Delivery, spare_visits: Sequence[str], spare_patients: Sequence[str]
) -> None:
    """Change some records to bad ones and add others.

    Parameters
    ----------
    delivery : Delivery
        The clean twin; its records are changed in place.
    spare_visits : sequence of str
        Identifiers of visits with scores that count for no timepoint.
    spare_patients : sequence of str
        Three unused identifiers: for the patient with an unknown sex code and an impossible
        birth date, for the patient born in the future, for the orphan records.
    """
    _change_values(delivery, spare_visits)
    _add_bad_visits(delivery, spare_patients)
    _add_bad_patients(delivery, spare_patients)
    _change_prescriptions(delivery)
    _repeat_records(delivery)
    events = delivery.records["adverse_events"]
    _put("adverse_events", events[30], "is_serious", "perhaps")


def _change_values(delivery: Delivery, spare_visits: Sequence[str]) -> None:
    """Give three visits outside the timepoints an impossible value."""
    visits = [
        record
        for record in delivery.records["visits"]
        if record[0] in spare_visits
        and 0 < float(_cell("visits", record, "easi_score") or 0) < 20
        and _cell("visits", record, "dlqi_score")
    ]
    _put("visits", visits[3], "easi_score", "720")
    _put("visits", visits[7], "dlqi_score", "12.5")
    _put("visits", visits[11], "itch_nrs_score", "11")


def _add_bad_visits(delivery: Delivery, spare_patients: Sequence[str]) -> None:
    """Add visits of patients 20, 40, ... with a wrong date, patient or number of fields."""
    patients = [record[0] for record in delivery.records["patients"]]
    number = len(delivery.records["visits"])
    wrong = (
        (patients[20], "31/02/2019"),  # another date order, and not a day
        (patients[40], "giovedi"),
        (patients[60], "2099-05-14"),
        (patients[80], "2019-02-30"),
        (spare_patients[2], "2019-09-18"),  # not in the register
        ("", "2020-06-16"),
    )
    for patient, day in wrong:
        number += 1
        delivery.add(
            "visits",
            visit_id=f"V{number:05d}",
            patient_id=patient,
            visit_date=day,
            nominal_timepoint="unscheduled",
            easi_score="6.4",
            itch_nrs_score="4",
            sleep_nrs_score="1",
            dlqi_score="5",
            iga_score="2",
        )
    shifted = [*delivery.records["visits"][-1]]
    number += 1
    shifted[:3] = [f"V{number:05d}", patients[100], "2020-02-25"]
    shifted[4:5] = ["7", "2"]  # a decimal comma outside quotes: one field too many
    delivery.records["visits"].append(shifted)


def _add_bad_patients(delivery: Delivery, spare_patients: Sequence[str]) -> None:
    """Add a patient with an unknown sex code and no birthday, and one born after the extraction."""
    for patient, sex, birth in (
        (spare_patients[0], "X", "1987-02-30"),
        (spare_patients[1], "male", "2068-07-19"),
    ):
        delivery.add(
            "patients",
            patient_id=patient,
            sex=sex,
            birth_date=birth,
            disease_course="persistent",
            clinical_phenotype="classic",
            involves_face="yes",
            involves_hands="no",
            involves_genitalia="no",
        )
    number = len(delivery.records["visits"]) + 1
    delivery.add(
        "visits",
        visit_id=f"V{number:05d}",
        patient_id=spare_patients[0],
        visit_date="2019-11-12",
        nominal_timepoint="unscheduled",
        easi_score="17.3",
    )


def _change_prescriptions(delivery: Delivery) -> None:
    """Let one emollient end before it starts; give two emollients the same identifier."""
    emollients = [
        record
        for record in delivery.records["prescriptions"]
        if not _cell("prescriptions", record, "atc_code")
        and _cell("prescriptions", record, "body_site") == "whole body"
    ]
    start = _cell("prescriptions", emollients[10], "start_date")
    _put("prescriptions", emollients[10], "end_date", f"{int(start[:4]) - 1}{start[4:]}")
    emollients[20][0] = emollients[21][0]
    number = max(int(record[0][1:]) for record in delivery.records["prescriptions"])
    delivery.add(
        "prescriptions",
        prescription_id=f"R{number + 1:05d}",
        patient_id="",
        drug_name="Dexeryl",
        route="topical",
        start_date="2020-03-03",
    )


def _repeat_records(delivery: Delivery) -> None:
    """Write an exact copy of one visit and of one comorbidity."""
    for export, position in (("visits", 300), ("comorbidities", 120)):
        records = delivery.records[export]
        records.insert(position + 1, [*records[position]])
