-- The timepoints at which an enrolled patient may have been seen, because a visit of theirs was
-- refused: a day that can be read lies in one window or none, another may lie in any. One row per
-- enrolled patient and such timepoint.

with stg_clinic__refused_visits as (
    select * from {{ ref('stg_clinic__refused_visits') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

final as (
    select
        cohort_patients.patient_id,
        visit_windows.timepoint_code,
        count(*) as n_refused_visits
    from cohort_patients
    inner join stg_clinic__refused_visits
        on cohort_patients.patient_id = stg_clinic__refused_visits.patient_id
    inner join visit_windows
        on
            stg_clinic__refused_visits.visit_date is null
            or stg_clinic__refused_visits.visit_date - cohort_patients.index_date
            between visit_windows.first_day and visit_windows.last_day
    group by cohort_patients.patient_id, visit_windows.timepoint_code
)

select * from final
