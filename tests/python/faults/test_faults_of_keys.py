"""Faults of keys, order, hostile text and whole columns: each listed case to its end."""

from __future__ import annotations

import duckdb
import pytest
from fault_checks import EXPORT_CASES, check, check_published_without, outcome_of
from test_faults_of_files import CASES as OF_FILES
from test_faults_of_records import CASES as OF_RECORDS

DELIVERIES = ("F150", "F170", "F171", "F175", "F176")
RENAMED = ("F089", "F090", "F166")
REGISTER_OF_WOMEN = "F087"
WITH_SECRETS = {
    "F055": ("Zanfrilloni", "ZNFMRA80A01F205X", "333 0102030"),
    "F056": ("DROP TABLE",),
    "F166": ("TSTAAX80A01F000Z", "X80A01F"),
}
"""What must not be found in a published file, a ledger or a message."""
CASES = sorted(
    {*EXPORT_CASES}.difference(OF_FILES, OF_RECORDS, DELIVERIES, RENAMED, [REGISTER_OF_WOMEN])
)


@pytest.mark.parametrize("case_id", CASES)
def test_a_fault_of_keys_and_text_ends_as_it_may(case_id, track, tmp_path):
    sent = track.send(case_id, tmp_path)
    if case_id in WITH_SECRETS:
        check_published_without(WITH_SECRETS[case_id], sent.ending, tmp_path)
    check(sent, track)


@pytest.mark.parametrize("case_id", RENAMED)
def test_people_under_other_numbers_stay_as_many_people_as_they_were(case_id, track, tmp_path):
    sent = track.send(case_id, tmp_path, is_first=True)
    assert outcome_of(sent.ending, track.clean_ending) == sent.facts.ends_in == "load"
    assert not sent.ending.rules
    assert sent.ending.failed == []
    check_published_without(WITH_SECRETS.get(case_id, ()), sent.ending, tmp_path)
    assert differing_when_persons_are_told_by_record(track.clean_ending, sent.ending) == {}


@pytest.mark.fault("F087")
def test_a_register_of_women_keeps_them_women(track, tmp_path):
    """F087 as a first delivery; after a whole one it is stopped like F150."""
    sent = track.send(REGISTER_OF_WOMEN, tmp_path, is_first=True)
    ending = sent.ending
    assert outcome_of(ending, track.clean_ending) == sent.facts.ends_in == "load"
    assert ending.query("select distinct sex_code, sex_label from marts.dim_patients") == [
        ("female", "Female")
    ]
    women = track.clean_ending.query(
        "select count(*) from marts.dim_patients where sex_code = 'female'"
    )
    assert ending.query("select count(*) from marts.dim_patients") == women
    assert set(ending.failed) == {"export_patients.sex_varied", "mart_dim_patients.one_sex_only"}


def differing_when_persons_are_told_by_record(clean, bad) -> dict[str, int]:
    """Compare the marts with the place in the patient export instead of the pseudonym."""
    differing = {}
    with duckdb.connect(str(bad.warehouse), read_only=True) as db:
        db.execute(f"attach '{clean.warehouse}' as clean (read_only)")
        marts = db.execute(
            "select distinct table_name from duckdb_columns() where database_name = 'clean' "
            "and schema_name = 'marts' and column_name = 'patient_id'"
        ).fetchall()
        for (mart,) in marts:
            sides = [
                "select person.record_number, "
                "columns(c -> c not in ('patient_id', 'record_reference', 'pseudonym')) "
                f"from {side}marts.{mart} as mart inner join (select pseudonym, record_number "
                f"from {side}raw.patients) as person on mart.patient_id = person.pseudonym"
                for side in ("clean.", "")
            ]
            n_rows, n_differing = db.execute(
                f"select (select count(*) from ({sides[1]})), (select count(*) from "
                f"(({sides[0]} except all {sides[1]}) union all "
                f"({sides[1]} except all {sides[0]})))"
            ).fetchone()
            assert n_rows > 200, mart
            if n_differing:
                differing[mart] = n_differing
    return differing
