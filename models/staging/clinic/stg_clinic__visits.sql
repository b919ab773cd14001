{{ config(materialized='view') }}

-- The clinic visits of registered patients: sound records only, never before birth, one row per
-- visit.

with base_clinic__visits as (
    select * from {{ ref('base_clinic__visits') }}
),

final as (
    select
        visit_id,
        patient_id,
        nominal_timepoint_code,
        topical_adherence_code,
        easi_score,
        itch_nrs_score,
        sleep_nrs_score,
        dlqi_score,
        iga_score,
        poem_score,
        visit_date,
        source_file,
        record_number
    from base_clinic__visits
    where record_disposition = 'staged'
)

select * from final
