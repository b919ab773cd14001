{{ config(materialized='view') }}

-- The refused records of adverse events that name a patient: which one each was, or when it began,
-- is not known. One row per refused record.

with base_clinic__adverse_events as (
    select * from {{ ref('base_clinic__adverse_events') }}
),

final as (
    select
        patient_id,
        event_term,
        source_file,
        record_number
    from base_clinic__adverse_events
    where record_disposition = 'quarantined' and patient_id is not null
)

select * from final
