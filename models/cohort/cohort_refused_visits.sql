-- The timepoints at which a patient with a day 0 may have been seen, because a visit of theirs was
-- refused: a day that can be read lies in one window or none, another may lie in any. One row per
-- patient and such timepoint.

with stg_clinic__refused_visits as (
    select * from {{ ref('stg_clinic__refused_visits') }}
),

cohort_index_dates as (
    select * from {{ ref('cohort_index_dates') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

final as (
    select
        cohort_index_dates.patient_id,
        visit_windows.timepoint_code,
        count(*) as n_refused_visits
    from cohort_index_dates
    inner join stg_clinic__refused_visits
        on cohort_index_dates.patient_id = stg_clinic__refused_visits.patient_id
    inner join visit_windows
        on
            stg_clinic__refused_visits.visit_date is null
            or stg_clinic__refused_visits.visit_date - cohort_index_dates.index_date
            between visit_windows.first_day and visit_windows.last_day
    group by cohort_index_dates.patient_id, visit_windows.timepoint_code
)

select * from final
