-- The clinic visits of registered patients: sound records only, never before birth, one row per
-- visit.

with base_clinic__visits as (
    select * from {{ ref('base_clinic__visits') }}
),

stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

final as (
    select
        base_clinic__visits.visit_id,
        base_clinic__visits.patient_id,
        base_clinic__visits.nominal_timepoint_code,
        base_clinic__visits.topical_adherence_code,
        base_clinic__visits.easi_score,
        base_clinic__visits.itch_nrs_score,
        base_clinic__visits.sleep_nrs_score,
        base_clinic__visits.dlqi_score,
        base_clinic__visits.iga_score,
        base_clinic__visits.poem_score,
        base_clinic__visits.visit_date,
        base_clinic__visits.source_file,
        base_clinic__visits.record_number
    from base_clinic__visits
    -- A record without its patient cannot be used; rejected_records says which patient is missing.
    inner join stg_clinic__patients
        on base_clinic__visits.patient_id = stg_clinic__patients.patient_id
    where
        base_clinic__visits.record_disposition = 'staged'
        and base_clinic__visits.visit_date >= stg_clinic__patients.earliest_birth_date
)

select * from final
