-- The comorbidities of registered patients, one row per patient and term as the clinic wrote it.

with base_clinic__comorbidities as (
    select * from {{ ref('base_clinic__comorbidities') }}
),

stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

final as (
    select
        base_clinic__comorbidities.patient_id,
        base_clinic__comorbidities.comorbidity_term,
        base_clinic__comorbidities.is_onset_date_partial,
        base_clinic__comorbidities.onset_date,
        base_clinic__comorbidities.source_file,
        base_clinic__comorbidities.record_number
    from base_clinic__comorbidities
    -- A record without its patient cannot be used; rejected_records says which patient is missing.
    inner join stg_clinic__patients
        on base_clinic__comorbidities.patient_id = stg_clinic__patients.patient_id
    where
        base_clinic__comorbidities.record_disposition = 'staged'
)

select * from final
