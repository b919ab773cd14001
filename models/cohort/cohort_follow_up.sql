-- How long each patient was followed: first and last day with any record, the last attended
-- timepoint, where observation ends, the windows that were over when the data were collected, and
-- the adverse events that may be missing. One row per enrolled patient.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_recorded_visits as (
    select * from {{ ref('cohort_recorded_visits') }}
),

cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_adverse_events as (
    select * from {{ ref('cohort_adverse_events') }}
),

stg_clinic__refused_adverse_events as (
    select * from {{ ref('stg_clinic__refused_adverse_events') }}
),

cohort_terms as (
    select * from {{ ref('cohort_terms') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

-- A month or a year is no day, nor is the target day of a visit without one. The end of a course is
-- no record: it may be a plan.
records as (
    select
        cohort_patients.patient_id,
        cohort_recorded_visits.visit_date - cohort_patients.index_date as study_day
    from cohort_patients
    inner join cohort_recorded_visits
        on cohort_patients.patient_id = cohort_recorded_visits.patient_id
    where cohort_recorded_visits.visit_date is not null
    union all
    select
        cohort_patients.patient_id,
        cohort_prescriptions.earliest_start_date - cohort_patients.index_date as study_day
    from cohort_patients
    inner join cohort_prescriptions
        on
            cohort_patients.patient_id = cohort_prescriptions.patient_id
            and cohort_prescriptions.earliest_start_date = cohort_prescriptions.latest_start_date
    union all
    select
        patient_id,
        onset_day as study_day
    from cohort_adverse_events
    where onset_day is not null
    union all
    select
        patient_id,
        last_contact_day as study_day
    from cohort_patients
    where last_contact_day is not null
),

recorded_days as (
    select
        patient_id,
        min(study_day) as first_recorded_day,
        max(study_day) as last_recorded_day
    from records
    group by patient_id
),

-- Observed from day 0 to the last contact, at least to the last attended timepoint of a known day,
-- which is included; a baseline visit before day 0 adds none.
attended_days as (
    select
        patient_id,
        max(visit_day) as last_attended_day
    from cohort_visits
    where is_placed_by_label is not true
    group by patient_id
),

observed_days as (
    select
        cohort_patients.patient_id,
        case
            when
                attended_days.last_attended_day is not null
                or cohort_patients.last_contact_day is not null
                then
                    greatest(attended_days.last_attended_day, cohort_patients.last_contact_day, 0)
        end as end_of_observation_day
    from cohort_patients
    left join attended_days
        on cohort_patients.patient_id = attended_days.patient_id
),

windows as (
    select
        cohort_patients.patient_id,
        visit_windows.timepoint_code,
        visit_windows.last_day < cohort_patients.observable_days as is_over
    from cohort_patients
    cross join visit_windows
),

windows_of_patients as (
    select
        patient_id,
        bool_or(is_over) filter (timepoint_code = 'baseline') as is_window_over_baseline,
        bool_or(is_over) filter (timepoint_code = 'week_04') as is_window_over_week_04,
        bool_or(is_over) filter (timepoint_code = 'week_16') as is_window_over_week_16,
        bool_or(is_over) filter (timepoint_code = 'week_52') as is_window_over_week_52
    from windows
    group by patient_id
),

-- A refused record that only denies ("none") hides no event.
refused_events as (
    select
        stg_clinic__refused_adverse_events.patient_id,
        count(*) as n_refused
    from stg_clinic__refused_adverse_events
    left join cohort_terms
        on
            stg_clinic__refused_adverse_events.event_term = cohort_terms.term
            and cohort_terms.term_kind = 'adverse_event'
    where cohort_terms.code is distinct from 'none'
    group by stg_clinic__refused_adverse_events.patient_id
),

final as (
    select
        cohort_patients.patient_id,
        cohort_patients.pseudonym,
        cohort_patients.end_of_observation_reason_code,
        cohort_patients.last_contact_day,
        recorded_days.first_recorded_day,
        recorded_days.last_recorded_day,
        observed_days.end_of_observation_day,
        windows_of_patients.is_window_over_baseline,
        windows_of_patients.is_window_over_week_04,
        windows_of_patients.is_window_over_week_16,
        windows_of_patients.is_window_over_week_52,
        case
            when cohort_delivery.has_adverse_events_export
                -- No row: no refused record of the patient.
                then coalesce(refused_events.n_refused, 0)
        end as n_refused_adverse_events
    from cohort_patients
    cross join cohort_delivery
    inner join windows_of_patients
        on cohort_patients.patient_id = windows_of_patients.patient_id
    left join recorded_days
        on cohort_patients.patient_id = recorded_days.patient_id
    inner join observed_days
        on cohort_patients.patient_id = observed_days.patient_id
    left join refused_events
        on cohort_patients.patient_id = refused_events.patient_id
)

select * from final
