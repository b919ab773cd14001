{{ config(materialized='view') }}

-- The prescribed courses of registered patients: sound records only, one row per prescription line.

with base_pharmacy__prescriptions as (
    select * from {{ ref('base_pharmacy__prescriptions') }}
),

final as (
    select
        prescription_id,
        patient_id,
        drug_name,
        atc_code,
        route_code,
        period_code,
        stop_reason_code,
        strength,
        dose_text,
        body_site,
        is_start_date_partial,
        is_end_date_partial,
        is_start_date_refused,
        start_date,
        end_date,
        earliest_start_date,
        latest_start_date,
        earliest_end_date,
        latest_end_date,
        source_file,
        record_number
    from base_pharmacy__prescriptions
    where record_disposition = 'staged'
)

select * from final
