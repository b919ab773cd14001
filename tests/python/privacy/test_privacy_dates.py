"""Attacks by difference: a year of nightly deliveries tells nobody's birth date or index date.

The expressions are those of the models, rendered from the macros; the patients are the demo's. The
same attacks find the patients where ages are completed years and windows end on their day.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import jinja2
import pytest
from builds import ROOT


def macros(name: str) -> jinja2.environment.TemplateModule:
    text = (ROOT / "macros" / f"{name}.sql").read_text()
    return jinja2.Environment(autoescape=False).from_string(text).module


SEASONS, YEARS = macros("seasons"), macros("completed_years")
INDEX_SEASON = SEASONS.season_start("index_date", "of_index.first_month_number")
INDEX_SEASON_END = SEASONS.season_end("index_date", "of_index.last_month_number")
OVER = SEASONS.is_window_over(INDEX_SEASON_END, "last_day", "extraction_season")
EXTRACTION_SEASON = SEASONS.season_start("night", "of_night.first_month_number")


@pytest.fixture(scope="module")
def nights(warehouse: Path):
    """The demo's patients as 365 deliveries show them, by the rules in use and by exact days."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        db.execute(f"""
            create temp table nights as
            select
                cohort_patients.patient_id,
                birth_date,
                index_date,
                timepoint_code,
                last_day,
                night,
                {INDEX_SEASON} as index_season,
                {EXTRACTION_SEASON} as extraction_season,
                {SEASONS.years_since_birth_year("birth_date", "night")} as age,
                {OVER} as is_over,
                {YEARS.completed_years("birth_date", "night")} as completed_age,
                index_date + last_day < night as is_over_on_the_day
            from cohort.cohort_patients
            inner join staging.stg_clinic__patients using (patient_id)
            cross join reference.visit_windows
            cross join (select date '2020-06-01' + n::integer as night from range(365) as r (n))
            inner join reference.seasons as of_index on month(index_date) = of_index.month_number
            inner join reference.seasons as of_night on month(night) = of_night.month_number
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
