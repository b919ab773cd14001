{{ config(materialized='view') }}

-- The adverse events of registered patients: sound records only, one row per event.

with base_clinic__adverse_events as (
    select * from {{ ref('base_clinic__adverse_events') }}
),

final as (
    select
        adverse_event_id,
        patient_id,
        event_term,
        outcome_code,
        is_serious,
        is_onset_date_partial,
        onset_date,
        earliest_onset_date,
        latest_onset_date,
        source_file,
        record_number
    from base_clinic__adverse_events
    where record_disposition = 'staged'
)

select * from final
