{{ config(materialized='view') }}

-- The visits of patients with a day 0 on study days. A visit of which only the timepoint is known
-- has the target day of that timepoint, which is no record of its day. One row per visit.

with stg_clinic__visits as (
    select * from {{ ref('stg_clinic__visits') }}
),

cohort_index_dates as (
    select * from {{ ref('cohort_index_dates') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

final as (
    select
        stg_clinic__visits.visit_id,
        stg_clinic__visits.patient_id,
        stg_clinic__visits.nominal_timepoint_code,
        stg_clinic__visits.topical_adherence_code,
        stg_clinic__visits.easi_score,
        stg_clinic__visits.itch_nrs_score,
        stg_clinic__visits.sleep_nrs_score,
        stg_clinic__visits.dlqi_score,
        stg_clinic__visits.iga_score,
        stg_clinic__visits.poem_score,
        stg_clinic__visits.visit_date,
        stg_clinic__visits.source_file,
        stg_clinic__visits.record_number,
        stg_clinic__visits.visit_date is null as is_placed_by_label,
        case
            when stg_clinic__visits.visit_date is null then visit_windows.target_day
            else stg_clinic__visits.visit_date - cohort_index_dates.index_date
        end as visit_day
    from stg_clinic__visits
    inner join cohort_index_dates
        on stg_clinic__visits.patient_id = cohort_index_dates.patient_id
    left join visit_windows
        on stg_clinic__visits.nominal_timepoint_code = visit_windows.timepoint_code
)

select * from final
