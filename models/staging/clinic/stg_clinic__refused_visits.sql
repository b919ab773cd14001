{{ config(materialized='view') }}

-- The refused records of visits that name a patient: that there was a visit is known, not what it
-- recorded. One row per refused record.

with base_clinic__visits as (
    select * from {{ ref('base_clinic__visits') }}
),

final as (
    select
        patient_id,
        topical_adherence_code,
        visit_date,
        source_file,
        record_number
    from base_clinic__visits
    where record_disposition = 'quarantined' and patient_id is not null
)

select * from final
