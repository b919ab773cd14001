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

cohort_refused_adverse_events as (
    select * from {{ ref('cohort_refused_adverse_events') }}
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
visit_dates as (
    select
        patient_id,
        min(visit_date) as first_date,
        max(visit_date) as last_date
    from cohort_recorded_visits
    group by patient_id
),

start_dates as (
    select
        patient_id,
        min(earliest_start_date) as first_date,
        max(earliest_start_date) as last_date
    from cohort_prescriptions
    where earliest_start_date = latest_start_date
    group by patient_id
),

onset_days as (
    select
        patient_id,
        min(onset_day) as first_day,
        max(onset_day) as last_day
    from cohort_adverse_events
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

-- One row: the last day of each window.
last_days as (
    select
        max(last_day) filter (timepoint_code = 'baseline') as baseline,
        max(last_day) filter (timepoint_code = 'week_04') as week_04,
        max(last_day) filter (timepoint_code = 'week_16') as week_16,
        max(last_day) filter (timepoint_code = 'week_52') as week_52
    from visit_windows
),

-- Least and greatest ignore null.
final as (
    select
        cohort_patients.patient_id,
        cohort_patients.pseudonym,
        cohort_patients.end_of_observation_reason_code,
        cohort_patients.last_contact_day,
        least(
            visit_dates.first_date - cohort_patients.index_date,
            start_dates.first_date - cohort_patients.index_date,
            onset_days.first_day,
            cohort_patients.last_contact_day
        ) as first_recorded_day,
        greatest(
            visit_dates.last_date - cohort_patients.index_date,
            start_dates.last_date - cohort_patients.index_date,
            onset_days.last_day,
            cohort_patients.last_contact_day
        ) as last_recorded_day,
        case
            when
                attended_days.last_attended_day is not null
                or cohort_patients.last_contact_day is not null
                then
                    greatest(attended_days.last_attended_day, cohort_patients.last_contact_day, 0)
        end as end_of_observation_day,
        last_days.baseline < cohort_patients.observable_days as is_window_over_baseline,
        last_days.week_04 < cohort_patients.observable_days as is_window_over_week_04,
        last_days.week_16 < cohort_patients.observable_days as is_window_over_week_16,
        last_days.week_52 < cohort_patients.observable_days as is_window_over_week_52,
        case
            when cohort_delivery.has_adverse_events_export
                -- No row: no refused record that may hide an event, which is known.
                then coalesce(cohort_refused_adverse_events.n_refused_adverse_events, 0)
        end as n_refused_adverse_events
    from cohort_patients
    cross join cohort_delivery
    cross join last_days
    left join visit_dates
        on cohort_patients.patient_id = visit_dates.patient_id
    left join start_dates
        on cohort_patients.patient_id = start_dates.patient_id
    left join onset_days
        on cohort_patients.patient_id = onset_days.patient_id
    left join attended_days
        on cohort_patients.patient_id = attended_days.patient_id
    left join cohort_refused_adverse_events
        on cohort_patients.patient_id = cohort_refused_adverse_events.patient_id
)

select * from final
