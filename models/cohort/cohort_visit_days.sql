{{ config(materialized='view') }}

-- The visits of patients with a day 0 on study days. A visit of which only the timepoint is known
-- has the target day of that timepoint, which is no record of its day. One row per recorded visit.

with cohort_recorded_visits as (
    select * from {{ ref('cohort_recorded_visits') }}
),

cohort_index_dates as (
    select * from {{ ref('cohort_index_dates') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

final as (
    select
        cohort_recorded_visits.visit_id,
        cohort_recorded_visits.patient_id,
        cohort_recorded_visits.nominal_timepoint_code,
        cohort_recorded_visits.topical_adherence_code,
        cohort_recorded_visits.easi_score,
        cohort_recorded_visits.itch_nrs_score,
        cohort_recorded_visits.sleep_nrs_score,
        cohort_recorded_visits.dlqi_score,
        cohort_recorded_visits.iga_score,
        cohort_recorded_visits.poem_score,
        cohort_recorded_visits.visit_date,
        cohort_recorded_visits.source_file,
        cohort_recorded_visits.record_number,
        cohort_recorded_visits.has_long_score,
        cohort_recorded_visits.visit_date is null as is_placed_by_label,
        case
            when cohort_recorded_visits.visit_date is null then visit_windows.target_day
            else cohort_recorded_visits.visit_date - cohort_index_dates.index_date
        end as visit_day
    from cohort_recorded_visits
    inner join cohort_index_dates
        on cohort_recorded_visits.patient_id = cohort_index_dates.patient_id
    left join visit_windows
        on cohort_recorded_visits.nominal_timepoint_code = visit_windows.timepoint_code
)

select * from final
