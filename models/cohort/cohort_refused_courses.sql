{{ config(materialized='view') }}

-- The refused courses of registered patients with the drug that each is of: whether the patient was
-- on it is unknown at every visit, not no. Its start as written may be wrong, but one before day 0
-- leaves no day 0. One row per refused record.

with stg_pharmacy__refused_courses as (
    select * from {{ ref('stg_pharmacy__refused_courses') }}
),

stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

final as (
    select
        stg_pharmacy__refused_courses.patient_id,
        cohort_drugs.drug_number,
        cohort_drugs.treatment_class_code,
        stg_pharmacy__refused_courses.source_file,
        stg_pharmacy__refused_courses.record_number,
        -- No period is recorded for most courses: then it is not known when the course was.
        coalesce(stg_pharmacy__refused_courses.period_code = 'before_index', false)
            as is_earlier_only,
        -- A start that cannot be read may be any day.
        coalesce(stg_pharmacy__refused_courses.earliest_start_date, date '-infinity')
            as earliest_start_date,
        -- Of two days that contradict each other either may be the wrong one, so neither limits.
        if(
            stg_pharmacy__refused_courses.latest_end_date
            < stg_pharmacy__refused_courses.earliest_start_date,
            date '-infinity',
            coalesce(stg_pharmacy__refused_courses.earliest_start_date, date '-infinity')
        ) as first_possible_day,
        if(
            stg_pharmacy__refused_courses.latest_end_date
            < stg_pharmacy__refused_courses.earliest_start_date,
            date 'infinity',
            coalesce(stg_pharmacy__refused_courses.latest_end_date, date 'infinity')
        ) as last_possible_day
    from stg_pharmacy__refused_courses
    inner join stg_clinic__patients
        on stg_pharmacy__refused_courses.patient_id = stg_clinic__patients.patient_id
    inner join cohort_drugs
        on
            stg_pharmacy__refused_courses.drug_name = cohort_drugs.drug_name
            and stg_pharmacy__refused_courses.atc_code is not distinct from cohort_drugs.atc_code
            and stg_pharmacy__refused_courses.route_code
            is not distinct from cohort_drugs.route_code
)

select * from final
