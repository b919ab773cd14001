{{ config(materialized='view') }}

-- The measurements of registered patients that are no columns of the visits: sound records only,
-- one row per patient, score and day, or timepoint where no day is known.

with base_clinic__scores as (
    select * from {{ ref('base_clinic__scores') }}
    where record_disposition = 'staged'
),

final as (
    select
        patient_id,
        nominal_timepoint_code,
        score_code,
        score_value,
        visit_date,
        source_file,
        record_number
    from base_clinic__scores
)

select * from final
