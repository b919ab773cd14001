"""Attacks by difference: a year of nightly deliveries reveals no birth date or index date.

Seasons are those of the model's own SQL; the patients are the demo's. The same attacks find the
patients where ages are completed years and windows end on their day.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import jinja2
import pytest
from builds import ROOT


def part_of(file: str, pattern: str) -> str:
    """Return the SQL between the brackets of a pattern, which a model has once."""
    (found,) = re.findall(pattern, (ROOT / file).read_text(), re.S)
    return found


SEASONS_OF_DAYS = part_of("models/cohort/cohort_patients.sql", r"seasons_of_days as \((.*?)\n\),")
AGE = part_of(
    "models/cohort/cohort_patients.sql", r"(year\([^)]*\) - year\([^)]*\))\s+as age_at_data"
)
OBSERVABLE_DAYS = part_of(
    "models/cohort/cohort_patients.sql", r"\n +([^\n]* - [^\n]*) as observable_days"
)
IS_OVER = part_of("models/marts/fct_patient_timepoints.sql", r"\n +([^\n]*) as is_window_over")
COMPLETED_YEARS = (
    jinja2.Environment(autoescape=False)
    .from_string((ROOT / "macros" / "completed_years.sql").read_text())
    .module.completed_years
)


@pytest.fixture(scope="module")
def nights(warehouse: Path):
    """The demo's patients as 365 deliveries show them, by the rules in use and by exact days."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        db.execute(f"""
            create temp table all_nights as
            select date '2020-06-01' + n::integer as night from range(365) as r (n);
            create temp view days as
            select night as calendar_date from all_nights
            union select index_date from cohort.cohort_patients;
            create temp view seasons as from reference.seasons;
            create temp table seasons_of_days as {SEASONS_OF_DAYS};
            create temp table nights as
            select
                stg_clinic__patients.*,
                dim_timepoints.timepoint_code,
                dim_timepoints.last_day,
                seasons_of_days.season_start_date as index_season,
                data_collection.data_collection_date as night,
                data_collection.season_start_date as extraction_season,
                {OBSERVABLE_DAYS} as observable_days,
                {AGE} as age,
                {IS_OVER.replace("cohort_patients.", "")} as is_over,
                {COMPLETED_YEARS("birth_date", "night")} as completed_age,
                index_date + last_day < night as is_over_on_the_day
            from (
                select patient_id, stg_clinic__patients.birth_date, index_date
                from cohort.cohort_patients
                inner join staging.stg_clinic__patients using (patient_id)
            ) as stg_clinic__patients
            inner join seasons_of_days
                on stg_clinic__patients.index_date = seasons_of_days.calendar_date
            cross join marts.dim_timepoints as dim_timepoints
            cross join (
                select night as data_collection_date, season_start_date from all_nights
                inner join seasons_of_days on night = calendar_date
            ) as data_collection
        """)
        yield db


def changes(column: str) -> str:
    """SQL: the patients and timepoints whose value differs from that of the night before."""
    return f"""(
        select * from nights
        qualify {column} != lag({column}) over (
            partition by patient_id, timepoint_code order by night
        )
    )"""


def n_of(db: duckdb.DuckDBPyConnection, sql: str) -> int:
    return db.execute(sql).fetchall()[0][0]


def birthdays_found(db: duckdb.DuckDBPyConnection, age: str) -> int:
    """Patients who are alone, or among few, with the night on which their age grew."""
    return n_of(
        db,
        f"""
        select count(distinct patient_id) from (
            select patient_id, count(distinct patient_id) over (partition by night) as n_alike
            from {changes(age)} where timepoint_code = 'baseline'
        ) where n_alike < (select count(distinct patient_id) from nights)
        """,
    )


def index_dates_found(db: duckdb.DuckDBPyConnection, is_over: str) -> int:
    """Patients with a window whose end, less its last day, is narrower than the index season."""
    return n_of(
        db,
        f"""
        select count(distinct patient_id) from {changes(is_over)} as changed
        where exists (
            from nights where nights.index_season = changed.index_season
                and nights.timepoint_code = changed.timepoint_code
                and nights.night = changed.night
                and nights.{is_over} != changed.{is_over}
        )
        """,
    )


def test_a_year_of_ages_tells_no_birthday(nights):
    assert n_of(nights, "select count(distinct patient_id) from nights") == 342
    assert birthdays_found(nights, "age") == 0
    assert birthdays_found(nights, "completed_age") == 340  # two have it on the first night


def test_a_year_of_ended_windows_tells_no_index_date(nights):
    assert n_of(nights, f"select count(distinct patient_id) from {changes('is_over')}") > 150
    assert index_dates_found(nights, "is_over") == 0
    assert index_dates_found(nights, "is_over_on_the_day") == 196


def test_within_a_season_no_window_ends_and_no_age_grows_but_at_new_year(nights):
    for column, only in (("is_over", "extraction_season"), ("age", "date '2021-01-01'")):
        assert n_of(nights, f"select count(*) from {changes(column)} where night != {only}") == 0


def test_a_window_is_never_over_before_its_last_day(nights):
    assert n_of(nights, "select count(*) from nights where is_over and not is_over_on_the_day") == 0


def test_what_the_last_recorded_day_leaves_of_a_season(warehouse: Path):
    """Day 0 was no later than the extraction less that day, for as many as the page says."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        n_less, n_a_month, n_earlier = db.execute("""
            with latest as (
                select
                    index_season_start_date as first_date,
                    index_season_start_date + interval 3 months as end_date,
                    (select extraction_date from cohort.cohort_delivery)
                    - cast(last_recorded_day as integer) as latest_date
                from marts.fct_follow_up
                inner join marts.dim_patients using (patient_id)
            )
            select
                count(*) filter (latest_date < end_date - interval 1 day),
                count(*) filter (latest_date < first_date + interval 1 month),
                count(*) filter (latest_date < first_date)
            from latest
        """).fetchone()
    page = " ".join((ROOT / "docs" / "privacy.md").read_text(encoding="utf-8").split())
    assert f"{n_less} of the 342 patients less than their season, and {n_a_month} of them" in page
    assert n_earlier == 0
