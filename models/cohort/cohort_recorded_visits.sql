{{ config(materialized='view') }}

-- Every recorded visit: those of the visit export, and the days of other scores, which are visits
-- like any other. Records of one day complement each other in cohort_visits. One row per record of
-- the visit export, and per patient, day and label with a score of the score export.

with stg_clinic__visits as (
    select * from {{ ref('stg_clinic__visits') }}
),

stg_clinic__scores as (
    select * from {{ ref('stg_clinic__scores') }}
),

score_days as (
    select
        patient_id,
        nominal_timepoint_code,
        visit_date,
        min(
            {
                'source_file': source_file,
                'record_number': record_number
            }
        ) as record
    from stg_clinic__scores
    group by patient_id, nominal_timepoint_code, visit_date
),

final as (
    select
        visit_id,
        patient_id,
        nominal_timepoint_code,
        topical_adherence_code,
        {%- for score in score_codes() %}
        {{ score }}_score,
        {%- endfor %}
        visit_date,
        source_file,
        record_number,
        false as has_long_score
    from stg_clinic__visits
    union all
    select
        null as visit_id,
        patient_id,
        nominal_timepoint_code,
        null as topical_adherence_code,
        {%- for score in score_codes() %}
        null as {{ score }}_score,
        {%- endfor %}
        visit_date,
        record['source_file'] as source_file,
        record['record_number'] as record_number,
        true as has_long_score
    from score_days
)

select * from final
