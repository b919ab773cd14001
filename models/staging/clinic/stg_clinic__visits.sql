{{ config(materialized='view') }}

-- The clinic visits of registered patients: sound records only, never before birth, one row per
-- visit. A score that another visit of the same day contradicts is null.

with base_clinic__visits as (
    select * from {{ ref('base_clinic__visits') }}
),

base_clinic__contradicting_visits as (
    select * from {{ ref('base_clinic__contradicting_visits') }}
),

staged as (
    select
        base_clinic__visits.*,
        base_clinic__contradicting_visits.is_easi_contradicted,
        base_clinic__contradicting_visits.is_itch_nrs_contradicted,
        base_clinic__contradicting_visits.is_sleep_nrs_contradicted,
        base_clinic__contradicting_visits.is_dlqi_contradicted,
        base_clinic__contradicting_visits.is_iga_contradicted,
        base_clinic__contradicting_visits.is_poem_contradicted
    from base_clinic__visits
    left join base_clinic__contradicting_visits
        on
            base_clinic__visits.source_file = base_clinic__contradicting_visits.source_file
            and base_clinic__visits.record_number = base_clinic__contradicting_visits.record_number
    where base_clinic__visits.record_disposition = 'staged'
),

final as (
    select
        visit_id,
        patient_id,
        nominal_timepoint_code,
        topical_adherence_code,
        visit_date,
        source_file,
        record_number,
        -- A visit without a row there is not contradicted.
        case when is_easi_contradicted is not true then easi_score end as easi_score,
        case when is_itch_nrs_contradicted is not true then itch_nrs_score end as itch_nrs_score,
        case when is_sleep_nrs_contradicted is not true then sleep_nrs_score end as sleep_nrs_score,
        case when is_dlqi_contradicted is not true then dlqi_score end as dlqi_score,
        case when is_iga_contradicted is not true then iga_score end as iga_score,
        case when is_poem_contradicted is not true then poem_score end as poem_score
    from staged
)

select * from final
