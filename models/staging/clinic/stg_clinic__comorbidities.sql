{{ config(materialized='view') }}

-- The comorbidities of registered patients, one row per patient and term as the clinic wrote it.

with base_clinic__comorbidities as (
    select * from {{ ref('base_clinic__comorbidities') }}
),

final as (
    select
        patient_id,
        comorbidity_term,
        is_onset_date_partial,
        onset_date,
        source_file,
        record_number
    from base_clinic__comorbidities
    where record_disposition = 'staged'
)

select * from final
