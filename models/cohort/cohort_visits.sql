-- The visit of a timepoint: of the visits with a score inside its window the one nearest to the
-- target day; one without any score only where there is no other. A visit of which only the label
-- is known counts where no visit with a day has a score in the window. The label of a visit with a
-- day is compared and decides nothing. One row per enrolled patient and attended timepoint.

with cohort_visit_days as (
    select * from {{ ref('cohort_visit_days') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

study_visits as (
    select cohort_visit_days.* from cohort_visit_days
    inner join cohort_patients
        on cohort_visit_days.patient_id = cohort_patients.patient_id
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

-- Most windows hold one record of their patient: there is nothing to merge and nothing to choose.
shared_windows as (
    select
        patient_id,
        timepoint_code
    from visits_in_window
    group by patient_id, timepoint_code
    having count(*) > 1
),

only_visits as (
    select
        visits_in_window.*,
        visits_in_window.easi_score as easi_first_visit_score,
        visits_in_window.easi_score as easi_last_visit_score,
        1 as n_visits_in_window
    from visits_in_window
    anti join shared_windows
        on
            visits_in_window.patient_id = shared_windows.patient_id
            and visits_in_window.timepoint_code = shared_windows.timepoint_code
),

competing_visits as (
    select visits_in_window.* from visits_in_window
    semi join shared_windows
        on
            visits_in_window.patient_id = shared_windows.patient_id
            and visits_in_window.timepoint_code = shared_windows.timepoint_code
),

-- The records of one day are one visit: they complement each other. Where they contradict each
-- other in a score, staging kept none of the values; in a label or in the review, none is known.
-- A visit that is only unscheduled, or a review that is unknown, contradicts nothing.
visit_days as (
    select
        patient_id,
        timepoint_code,
        visit_day,
        days_from_target,
        visit_date,
        is_placed_by_label,
        case
            when count(nominal_timepoint_code) filter (nominal_timepoint_code != 'unscheduled') = 0
                then min(nominal_timepoint_code)
            when
                min(nominal_timepoint_code) filter (nominal_timepoint_code != 'unscheduled')
                = max(nominal_timepoint_code) filter (nominal_timepoint_code != 'unscheduled')
                then min(nominal_timepoint_code) filter (nominal_timepoint_code != 'unscheduled')
        end as nominal_timepoint_code,
        case
            when count(topical_adherence_code) filter (topical_adherence_code != 'unknown') = 0
                then min(topical_adherence_code)
            when
                min(topical_adherence_code) filter (topical_adherence_code != 'unknown')
                = max(topical_adherence_code) filter (topical_adherence_code != 'unknown')
                then min(topical_adherence_code) filter (topical_adherence_code != 'unknown')
        end as topical_adherence_code,
        max(easi_score) as easi_score,
        max(itch_nrs_score) as itch_nrs_score,
        max(sleep_nrs_score) as sleep_nrs_score,
        max(dlqi_score) as dlqi_score,
        max(iga_score) as iga_score,
        max(poem_score) as poem_score,
        bool_or(has_long_score) as has_long_score,
        -- The record that a reviewer is shown: one of the visit export before one of a score.
        min(
            {
                'has_long_score': has_long_score,
                'source_file': source_file,
                'record_number': record_number
            }
        ) as record
    from competing_visits
    group by
        patient_id, timepoint_code, visit_day, days_from_target, visit_date, is_placed_by_label
),

judged_days as (
    select
        *,
        coalesce(
            easi_score, itch_nrs_score, sleep_nrs_score, dlqi_score, iga_score, poem_score
        ) is not null
        or has_long_score as has_score
    from visit_days
),

-- Null without any score, and where the day is not known.
scored_days as (
    select
        *,
        case when has_score and not is_placed_by_label then visit_day end as scored_day
    from judged_days
),

window_days as (
    select
        *,
        count(*) over (partition by patient_id, timepoint_code) as n_visits_in_window,
        min(scored_day) over (partition by patient_id, timepoint_code) as first_scored_day,
        max(scored_day) over (partition by patient_id, timepoint_code) as last_scored_day
    from scored_days
),

-- A visit with a score before one without any; the choice is per visit, not per score. Tie: the
-- earlier visit, because a later one may already reflect a treatment started there. Beside it EASI
-- of the first and of the last scored visit, to see what the choice changes.
nearest_visits as (
    select
        *,
        record['source_file'] as source_file,
        record['record_number'] as record_number,
        max(case when scored_day is not distinct from first_scored_day then easi_score end)
            over (partition by patient_id, timepoint_code)
            as easi_first_visit_score,
        max(case when scored_day is not distinct from last_scored_day then easi_score end)
            over (partition by patient_id, timepoint_code)
            as easi_last_visit_score
    from window_days
    qualify
        row_number() over (
            partition by patient_id, timepoint_code
            order by
                not has_score, is_placed_by_label, abs(days_from_target), visit_day
        ) = 1
),

chosen_visits as (
    select * from nearest_visits
    union all by name
    select * from only_visits
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
        easi_first_visit_score,
        easi_last_visit_score,
        n_visits_in_window,
        is_placed_by_label,
        visit_day,
        visit_date,
        source_file,
        record_number,
        -- A visit labelled unscheduled claims no timepoint, so it disagrees with none; one that its
        -- label has placed cannot disagree.
        case
            when
                nominal_timepoint_code != 'unscheduled' and not is_placed_by_label
                then nominal_timepoint_code = timepoint_code
        end as is_nominal_timepoint_agreed,
        case when not is_placed_by_label then days_from_target end as days_from_target
    from chosen_visits
)

select * from final
