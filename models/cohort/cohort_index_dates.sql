-- Day 0: the first day of the index treatment. One row per patient who ever received it.

with cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

final as (
    select
        patient_id,
        is_start_date_partial as is_index_date_partial,
        start_date as index_date,
        source_file,
        record_number
    from cohort_prescriptions
    where treatment_class_code = 'index_treatment'
    -- Two courses may start on one day; file and record number make the choice the same every time.
    qualify
        row_number() over (
            partition by patient_id
            order by start_date, source_file, record_number
        ) = 1
)

select * from final
