{{ config(materialized='view') }}

-- The refused records of courses that name a patient: that something was prescribed is known, not
-- when. Without a name it may be any drug. One row per refused record.

with base_pharmacy__prescriptions as (
    select * from {{ ref('base_pharmacy__prescriptions') }}
),

final as (
    select
        patient_id,
        atc_code,
        route_code,
        period_code,
        earliest_start_date,
        latest_end_date,
        source_file,
        record_number,
        coalesce(drug_name, '?') as drug_name
    from base_pharmacy__prescriptions
    where record_disposition = 'quarantined' and patient_id is not null
)

select * from final
