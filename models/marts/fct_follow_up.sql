-- How long each patient was followed, for rates per patient-year, and the adverse events that may
-- be missing. One row per enrolled patient.

with cohort_follow_up as (
    select * from {{ ref('cohort_follow_up') }}
),

final as (
    select
        pseudonym as patient_id,
        end_of_observation_reason_code,
        is_window_over_baseline,
        is_window_over_week_04,
        is_window_over_week_16,
        is_window_over_week_52,
        cast(first_recorded_day as integer) as first_recorded_day,
        cast(last_recorded_day as integer) as last_recorded_day,
        cast(last_contact_day as integer) as last_contact_day,
        cast(end_of_observation_day as integer) as end_of_observation_day,
        cast(n_refused_adverse_events as integer) as n_refused_adverse_events
    from cohort_follow_up
)

select * from final
