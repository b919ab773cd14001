-- The adverse events of registered patients: sound records only, one row per event.

with base_clinic__adverse_events as (
    select * from {{ ref('base_clinic__adverse_events') }}
),

stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

final as (
    select
        base_clinic__adverse_events.adverse_event_id,
        base_clinic__adverse_events.patient_id,
        base_clinic__adverse_events.event_term,
        base_clinic__adverse_events.outcome_code,
        base_clinic__adverse_events.is_serious,
        base_clinic__adverse_events.is_onset_date_partial,
        base_clinic__adverse_events.onset_date,
        base_clinic__adverse_events.source_file,
        base_clinic__adverse_events.record_number
    from base_clinic__adverse_events
    -- A record without its patient cannot be used; rejected_records says which patient is missing.
    inner join stg_clinic__patients
        on base_clinic__adverse_events.patient_id = stg_clinic__patients.patient_id
    where
        base_clinic__adverse_events.record_disposition = 'staged'
        and base_clinic__adverse_events.onset_date >= stg_clinic__patients.earliest_birth_date
)

select * from final
