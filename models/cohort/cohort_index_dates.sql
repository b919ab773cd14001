-- Day 0: the first day of the index treatment. A patient whose first course may have begun on
-- several days, because only its month or year is known or nothing, has none; nor has one whose
-- first course may be a refused one. One row per patient with a day 0.

with cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_refused_courses as (
    select * from {{ ref('cohort_refused_courses') }}
),

treatment_classes as (
    select * from {{ ref('treatment_classes') }}
),

index_courses as (
    select cohort_prescriptions.*
    from cohort_prescriptions
    inner join treatment_classes
        on
            cohort_prescriptions.treatment_class_code = treatment_classes.treatment_class_code
            and treatment_classes.is_index_treatment
),

-- The first day on which a course may have begun; day 0 where one surely began by then.
possible_starts as (
    select
        patient_id,
        earliest_start_date
    from index_courses
    union all
    select
        cohort_refused_courses.patient_id,
        cohort_refused_courses.earliest_start_date
    from cohort_refused_courses
    inner join treatment_classes
        on
            cohort_refused_courses.treatment_class_code = treatment_classes.treatment_class_code
            and treatment_classes.is_index_treatment
),

first_possible_days as (
    select
        patient_id,
        min(earliest_start_date) as index_date
    from possible_starts
    group by patient_id
),

final as (
    select
        index_courses.patient_id,
        first_possible_days.index_date,
        index_courses.source_file,
        index_courses.record_number
    from index_courses
    inner join first_possible_days
        on
            index_courses.patient_id = first_possible_days.patient_id
            and index_courses.latest_start_date = first_possible_days.index_date
    -- Two courses may start on one day; file and record number make the choice the same every time.
    qualify
        row_number() over (
            partition by index_courses.patient_id
            order by index_courses.source_file, index_courses.record_number
        ) = 1
)

select * from final
