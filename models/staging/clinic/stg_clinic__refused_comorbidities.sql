{{ config(materialized='view') }}

-- The refused records of comorbidities that name a patient: which one each was is not known. One
-- row per refused record.

with base_clinic__comorbidities as (
    select * from {{ ref('base_clinic__comorbidities') }}
),

final as (
    select
        patient_id,
        source_file,
        record_number
    from base_clinic__comorbidities
    where record_disposition = 'quarantined' and patient_id is not null
)

select * from final
