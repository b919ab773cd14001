-- The visit of a timepoint: of the visits inside its window the one nearest to the
-- target day. The clinic's own label is compared with it and decides nothing. One row per enrolled
-- patient and attended timepoint.

with stg_clinic__visits as (
    select * from {{ ref('stg_clinic__visits') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

study_visits as (
    select
        stg_clinic__visits.*,
        stg_clinic__visits.visit_date - cohort_patients.index_date as visit_day
    from stg_clinic__visits
    inner join cohort_patients
        on stg_clinic__visits.patient_id = cohort_patients.patient_id
),

visits_in_window as (
    select
        study_visits.*,
        visit_windows.timepoint_code,
        study_visits.visit_day - visit_windows.target_day as days_from_target
    from study_visits
    inner join visit_windows
        on study_visits.visit_day between visit_windows.first_day and visit_windows.last_day
),

-- Tie: the earlier visit, because a later one may already reflect a treatment started there; then
-- visit_id.
nearest_visits as (
    select
        visits_in_window.*,
        count(*)
            over (partition by visits_in_window.patient_id, visits_in_window.timepoint_code)
            as n_visits_in_window
    from visits_in_window
    qualify
        row_number() over (
            partition by visits_in_window.patient_id, visits_in_window.timepoint_code
            order by
                abs(visits_in_window.days_from_target),
                visits_in_window.visit_date,
                visits_in_window.visit_id
        ) = 1
),

final as (
    select
        patient_id,
        timepoint_code,
        nominal_timepoint_code,
        topical_adherence_code,
        easi_score,
        itch_nrs_score,
        sleep_nrs_score,
        dlqi_score,
        iga_score,
        poem_score,
        n_visits_in_window,
        visit_day,
        days_from_target,
        visit_date,
        source_file,
        record_number,
        -- A visit labelled unscheduled claims no timepoint, so it disagrees with none.
        case
            when
                nominal_timepoint_code != 'unscheduled'
                then nominal_timepoint_code = timepoint_code
        end as is_nominal_timepoint_agreed
    from nearest_visits
)

select * from final
