-- Day 0: the first day of the index treatment. One row per patient who ever received it.

with cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
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

final as (
    select
        patient_id,
        is_start_date_partial as is_index_date_partial,
        start_date as index_date,
        source_file,
        record_number
    from index_courses
    -- Two courses may start on one day; file and record number make the choice the same every time.
    qualify
        row_number() over (
            partition by patient_id
            order by start_date, source_file, record_number
        ) = 1
)

select * from final
