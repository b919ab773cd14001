-- The topical regimen at each attended visit beside the one at baseline and at the evaluable visit
-- before, so that pairs and flows are read off one row. One row per evaluable patient and attended
-- timepoint.

with cohort_topical_regimens as (
    select * from {{ ref('cohort_topical_regimens') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

dim_timepoints as (
    select * from {{ ref('dim_timepoints') }}
),

ordered_regimens as (
    select
        cohort_topical_regimens.*,
        cohort_patients.pseudonym,
        dim_timepoints.timepoint_number
    from cohort_topical_regimens
    inner join cohort_patients
        on cohort_topical_regimens.patient_id = cohort_patients.patient_id
    inner join dim_timepoints
        on cohort_topical_regimens.timepoint_code = dim_timepoints.timepoint_code
),

final as (
    select
        pseudonym as patient_id,
        timepoint_code,
        topical_regimen_code,
        regimen_not_evaluable_reason_code,
        steroid_potency_code,
        timepoint_number,
        is_regimen_evaluable,
        is_on_tacrolimus,
        is_on_corticosteroids,
        cast(n_active_courses as integer) as n_active_courses,
        max(topical_regimen_code) filter (timepoint_code = 'baseline') over (
            partition by patient_id
        ) as baseline_topical_regimen_code,
        -- The nearest earlier timepoint with an evaluable regimen.
        last_value(topical_regimen_code ignore nulls) over (
            partition by patient_id
            order by timepoint_number
            rows between unbounded preceding and 1 preceding
        ) as previous_topical_regimen_code
    from ordered_regimens
)

select * from final
