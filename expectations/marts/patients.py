"""Second door, dim_patients: what a cohort of adults with atopic dermatitis looks like."""

from __future__ import annotations

from dataclasses import replace

from expectations.facts import Facts
from expectations.rules import (
    COMPLETENESS,
    PLAUSIBILITY,
    Suite,
    mean_between,
    no_rows,
    rows_between,
)

OPTIONAL = ("disease_course_code", "clinical_phenotype_code", "age_at_diagnosis_years")


def suite(facts: Facts) -> Suite:
    """Return the suite of the patient mart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_dim_patients", "mart", "select * from marts.dim_patients",
        [
            rows_between("patients", 1, None, "A registry without enrolled patients is empty."),
            no_rows(
                "one_sex_only",
                "select 1 from {batch} having count(*) >= 50 and (avg((sex_code = 'female')::int) "
                "not between 0.1 and 0.9)",
                PLAUSIBILITY, "Both sexes have the disease.", "each sex 10 % or more",
            ).as_warning(),
            replace(
                mean_between("age_at_index_years", 20, 70,
                             "Adults start the index treatment at all ages."),
                least_rows=20,
            ),
            no_rows(
                "ages_in_order",
                "select 1 from {batch} where age_at_diagnosis_years > age_at_index_years",
                PLAUSIBILITY, "A diagnosis comes before its treatment.", "no patient",
            ),
            no_rows(
                "evaluable_share",
                "select 1 from {batch} having count(*) >= 20 and avg(is_evaluable::int) < 0.5",
                PLAUSIBILITY, "Most patients follow their topical therapy (342 to 307 in the "
                "study).", "at least 50 % evaluable",
            ),
            no_rows(
                "one_quarter_only",
                "select 1 from (select count(*) as n_in_quarter, sum(count(*)) over () as n "
                "from {batch} group by index_year, index_quarter) "
                "where n >= 50 and n_in_quarter > 0.6 * n",
                PLAUSIBILITY, "Patients enrol over time; one quarter for most is a default date.",
                "at most 60 % of patients in one quarter",
            ).as_warning(),
            *(
                no_rows(
                    f"{column}_recorded",
                    f"select 1 from {{batch}} having count({column}) > 0 "
                    f"and count({column}) < 0.5 * count(*)",
                    COMPLETENESS, "An optional column that is used is used for most patients.",
                    "at least 50 % of patients, or none",
                ).as_warning()
                for column in OPTIONAL
            ),
        ],
    )  # fmt: skip
