"""A simulated delivery with the edges that a drawn cohort has not, for exports.R and the warehouse.

    python edge_delivery.py FOLDER

Every edit is declared here, by the number of the patient or record; no real patient is in it.
Prescriptions may have partial dates: FOLDER/mappings has the clinic's mapping with that setting.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from intake.mapping import MAPPINGS_FOLDER
from simulator.cohort.write import write_cohort
from simulator.delivery import COLUMNS, delivery_yml

N_PATIENTS = 300
SEED = 14
EXTRACTION_DATE = "2022-02-28"
MAPPINGS = "mappings"
INDEX_DAYS = {31: "2019-02-28", 62: "2019-03-01", 93: "2020-02-28", 124: "2020-02-29"}
"""Number of a patient born on 29 February -> day 0 around a birthday."""

Tables = dict[str, pd.DataFrame]


def write_edge_delivery(folder: Path) -> Path:
    """Write the delivery and its mapping; return its folder."""
    write_cohort(N_PATIENTS, SEED, None, folder, file_format="csv", overwrite=True)
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in COLUMNS
    }
    for edit in EDITS:
        edit(tables)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    label = (
        f"Simulated cohort of {N_PATIENTS} patients with edges: no real patient is in these files"
    )
    (folder / "delivery.yml").write_text(delivery_yml(label, EXTRACTION_DATE), "utf-8")
    mappings = folder.parent / MAPPINGS
    mappings.mkdir(exist_ok=True)
    clinic = (MAPPINGS_FOLDER / "clinic.yml").read_text("utf-8")
    before = "  prescriptions:\n"
    assert before in clinic
    changed = clinic.replace(before, f"{before}    partial_dates: true\n")
    (mappings / "clinic.yml").write_text(changed, "utf-8")
    return folder


def numbers(table: pd.DataFrame) -> pd.Series:
    """Number of the patient of each record: S00000012 is 12."""
    return table["patient_id"].str[1:].astype(int)


def index_days(tables: Tables) -> pd.Series:
    """Day 0 of each patient."""
    courses = tables["prescriptions"]
    return courses[courses["drug_name"] == "Dupixent"].groupby("patient_id")["start_date"].min()


def leap_day_birthdays(tables: Tables) -> None:
    """Birthdays on 29 February, diagnoses the day before and after the tenth of them."""
    patients = tables["patients"]
    chosen = (numbers(patients) % 5 == 0) | numbers(patients).isin(INDEX_DAYS)
    leap_years = patients.loc[chosen, "birth_date"].str[:4].astype(int) // 4 * 4
    patients.loc[chosen, "birth_date"] = leap_years.astype(str) + "-02-29"
    days = numbers(patients)[chosen].map(lambda number: ("-02-28", "-03-01")[number % 2])
    patients.loc[chosen, "ad_diagnosis_date"] = (leap_years + 10).astype(str) + days


def day_0_around_a_birthday(tables: Tables) -> None:
    """Move every date of some patients, so that day 0 is the wanted one."""
    before = index_days(tables)
    for number, wanted in INDEX_DAYS.items():
        patient = f"S{number:08d}"
        days = pd.Timestamp(wanted) - pd.Timestamp(before[patient])
        for name in ("visits", "prescriptions", "adverse_events"):
            table = tables[name]
            for column in [column for column in table if column.endswith("_date")]:
                rows = (table["patient_id"] == patient) & (table[column] != "")
                moved = pd.to_datetime(table.loc[rows, column]) + days
                table.loc[rows, column] = moved.dt.strftime("%Y-%m-%d")


def baselines_without_review(tables: Tables) -> None:
    """Topical therapy was not reviewed at baseline, or nobody wrote whether it was."""
    visits = tables["visits"]
    chosen = (visits["nominal_timepoint"] == "baseline") & (numbers(visits) % 6 == 0)
    chosen &= visits["topical_adherence"] != "non_adherent"
    words = numbers(visits)[chosen].map(lambda number: ("unknown", "")[number % 4 // 2])
    visits.loc[chosen, "topical_adherence"] = words


def several_records_of_a_timepoint(tables: Tables) -> None:
    """Contacts without a score on the target day, scores in two records, two values of a score."""
    visits, day_0 = tables["visits"], index_days(tables)
    number, label = numbers(visits), visits["nominal_timepoint"]
    scores = [column for column in visits if column.endswith("_score")]
    contacts = visits[(label == "week_04") & (number % 12 == 3)].assign(**dict.fromkeys(scores, ""))
    target = pd.to_datetime(contacts["patient_id"].map(day_0)) + pd.Timedelta(days=28)
    contacts = contacts.assign(visit_date=target.dt.strftime("%Y-%m-%d"), topical_adherence="")
    halves = visits[(label == "week_16") & (number % 12 == 5)]
    visits.loc[halves.index, scores[1:]] = ""
    contradictions = visits[(label == "week_04") & (number % 12 == 7)]
    other = pd.to_numeric(contradictions["easi_score"]) + 1
    more = [
        contacts,
        halves.assign(easi_score=""),
        contradictions.assign(easi_score=other.map("{:.1f}".format, na_action="ignore").fillna("")),
    ]
    for letter, part in zip("XYZ", more, strict=True):
        part["visit_id"] = part["visit_id"].str.replace("V", letter)
    tables["visits"] = pd.concat([visits, *more], ignore_index=True)


def partial_onsets(tables: Tables) -> None:
    """Adverse events of which month or year is known: before day 0, after it, or on either side."""
    events, day_0 = tables["adverse_events"], index_days(tables)
    first = events["patient_id"].map(day_0)
    the_day_before = pd.to_datetime(first) - pd.Timedelta(days=1)
    ways: list[Callable[[], pd.Series]] = [
        lambda: events["onset_date"].str[:7],
        lambda: events["onset_date"].str[:4],
        lambda: first.str[:7],
        lambda: (first.str[:4].astype(int) - 1).astype(str),
        lambda: the_day_before.dt.strftime("%Y-%m-%d"),
        lambda: first,
        lambda: events["onset_date"],
    ]
    changed = [way() for way in ways]
    for row in events.index:
        events.loc[row, "onset_date"] = changed[row % len(ways)][row]


def partial_courses(tables: Tables) -> None:
    """Courses of which month or year is known, of every kind; some are ongoing."""
    courses, day_0 = tables["prescriptions"], index_days(tables)
    number, drug = numbers(courses), courses["drug_name"]
    topical = drug.isin(["Protopic", "Elocon"])
    started, ended = topical & (number % 7 == 0), topical & (number % 11 == 0)
    courses.loc[started, "start_date"] = courses.loc[started, "start_date"].str[:7]
    courses.loc[ended, "end_date"] = courses.loc[ended, "end_date"].str[:7]
    earlier = (drug == "Sandimmun Neoral") & (number % 13 == 0)
    courses.loc[earlier, "start_date"] = courses.loc[earlier, "start_date"].str[:4]
    courses.loc[earlier, "end_date"] = courses.loc[earlier, "end_date"].str[:4]
    unsure = (drug == "NB-UVB phototherapy") & (number % 8 == 0)
    courses.loc[unsure, "start_date"] = courses["patient_id"].map(day_0)[unsure].str[:4]
    courses.loc[unsure, "end_date"] = ""
    loading = (drug == "Dupixent") & (courses["strength"] == "600 mg") & (number % 60 == 0)
    courses.loc[loading, "start_date"] = courses.loc[loading, "start_date"].str[:7]
    following = (drug == "Dupixent") & (courses["strength"] != "600 mg") & (number % 60 == 1)
    courses.loc[following, "start_date"] = "2021"


def terms_as_clinics_write_them(tables: Tables) -> None:
    """One term for two comorbidities, a no-break blank, a denial, and terms that no list knows."""
    terms, number = tables["comorbidities"], numbers(tables["comorbidities"])
    word = terms["comorbidity_term"]
    terms.loc[(word == "rhinitis") & (number % 6 == 0), "comorbidity_term"] = "Oculorinite"
    terms.loc[word == "food allergy", "comorbidity_term"] = "Food\u00a0Allergy"
    patients = tables["patients"]
    healthy = patients[~patients["patient_id"].isin(terms["patient_id"])]
    unlisted = patients[numbers(patients) % 25 == 0]
    tables["comorbidities"] = pd.concat(
        [
            terms,
            healthy[["patient_id"]].assign(comorbidity_term="nessuna", onset_date=""),
            unlisted[["patient_id"]].assign(comorbidity_term="itchy nose", onset_date=""),
        ],
        ignore_index=True,
    )


EDITS = (
    leap_day_birthdays,
    day_0_around_a_birthday,
    baselines_without_review,
    several_records_of_a_timepoint,
    partial_onsets,
    terms_as_clinics_write_them,
    partial_courses,
)

if __name__ == "__main__":
    write_edge_delivery(Path(sys.argv[1]))
