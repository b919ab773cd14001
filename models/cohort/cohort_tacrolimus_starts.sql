-- First use of topical tacrolimus, alone or with corticosteroids, seen at the visits: an event at
-- the first timepoint where the patient is on it, or censoring at the last timepoint of which the
-- state is known. A patient is followed from baseline to the first timepoint of unknown state: a
-- use that is seen later need not be the first. Use at baseline is an event at time 0. With who was
-- at risk at each visit. One row per evaluable patient.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_topical_regimens as (
    select * from {{ ref('cohort_topical_regimens') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

-- Each window with the numbers of all windows up to it.
windows as (
    select
        timepoint_code,
        timepoint_number,
        nominal_month,
        list(timepoint_number) over (order by timepoint_number) as numbers_so_far
    from visit_windows
),

-- On tacrolimus at each timepoint; null where that is not known: not attended, not reviewed, or of
-- unknown courses.
states as (
    select
        cohort_topical_regimens.patient_id,
        list(windows.timepoint_number) filter (
            cohort_topical_regimens.is_on_tacrolimus is not null
        ) as known_numbers,
        max(windows.timepoint_number) filter (
            cohort_topical_regimens.is_on_tacrolimus is not null
        ) as last_known_number,
        min(windows.timepoint_number) filter (cohort_topical_regimens.is_on_tacrolimus)
            as first_use_number,
        bool_or(
            cohort_topical_regimens.regimen_not_evaluable_reason_code
            is distinct from 'not_reviewed'
        ) as is_ever_reviewed,
        bool_or(cohort_topical_regimens.is_on_tacrolimus) filter (
            windows.timepoint_code = 'baseline'
        ) as baseline,
        bool_or(cohort_topical_regimens.is_on_tacrolimus) filter (
            windows.timepoint_code = 'week_04'
        ) as week_04,
        bool_or(cohort_topical_regimens.is_on_tacrolimus) filter (
            windows.timepoint_code = 'week_16'
        ) as week_16,
        bool_or(cohort_topical_regimens.is_on_tacrolimus) filter (
            windows.timepoint_code = 'week_52'
        ) as week_52
    from cohort_topical_regimens
    inner join windows
        on cohort_topical_regimens.timepoint_code = windows.timepoint_code
    group by cohort_topical_regimens.patient_id
),

sets_of_known_numbers as (
    select distinct known_numbers from states
),

-- The last timepoint up to which every state is known.
last_followed as (
    select
        sets_of_known_numbers.known_numbers,
        max(windows.timepoint_number) as last_followed_number
    from sets_of_known_numbers
    inner join windows
        on list_has_all(sets_of_known_numbers.known_numbers, windows.numbers_so_far)
    group by sets_of_known_numbers.known_numbers
),

-- "Or" is true where one is true, and false only where all are known and false.
follow_up as (
    select
        cohort_patients.patient_id,
        cohort_patients.pseudonym,
        states.baseline,
        states.week_04,
        states.week_16,
        states.week_52,
        states.baseline as before_week_04,
        states.is_ever_reviewed,
        states.last_known_number,
        last_followed.last_followed_number,
        states.baseline or states.week_04 as before_week_16,
        states.baseline or states.week_04 or states.week_16 as before_week_52,
        case
            when states.first_use_number <= last_followed.last_followed_number
                then states.first_use_number
            else last_followed.last_followed_number
        end as last_timepoint_number,
        -- Never used, or not known at baseline: no event was seen.
        coalesce(states.first_use_number <= last_followed.last_followed_number, false) as is_event
    from cohort_patients
    left join states
        on cohort_patients.patient_id = states.patient_id
    left join last_followed
        on states.known_numbers = last_followed.known_numbers
    where cohort_patients.is_evaluable
),

last_window as (
    select max(timepoint_number) as timepoint_number from visit_windows
),

-- At risk at a visit: the regimen is known there, and no earlier timepoint was on tacrolimus. A
-- first start: on it there and at no earlier timepoint. Unknown where an earlier state that decides
-- is unknown.
final as (
    select
        follow_up.patient_id,
        follow_up.pseudonym,
        follow_up.is_event,
        follow_up.baseline as is_on_tacrolimus_at_baseline,
        case when follow_up.is_event then windows.timepoint_code end as event_timepoint_code,
        case when follow_up.is_event then cohort_topical_regimens.topical_regimen_code end
            as first_regimen_code,
        case when follow_up.is_event then cohort_topical_regimens.tacrolimus_source_file end
            as source_file,
        case when follow_up.is_event then cohort_topical_regimens.tacrolimus_record_number end
            as record_number,
        follow_up.week_04 is not null and not follow_up.before_week_04 as is_at_risk_week_04,
        follow_up.week_04 and not follow_up.before_week_04 as has_initiated_week_04,
        follow_up.week_16 is not null and not follow_up.before_week_16 as is_at_risk_week_16,
        follow_up.week_16 and not follow_up.before_week_16 as has_initiated_week_16,
        follow_up.week_52 is not null and not follow_up.before_week_52 as is_at_risk_week_52,
        follow_up.week_52 and not follow_up.before_week_52 as has_initiated_week_52,
        case
            when follow_up.is_event then null
            when follow_up.is_ever_reviewed is not true then 'topical_therapy_never_reviewed'
            when follow_up.last_followed_number = last_window.timepoint_number
                then 'end_of_follow_up'
            when follow_up.last_followed_number = follow_up.last_known_number
                then 'no_later_evaluable_visit'
            else 'state_unknown'
        end as censor_reason_code,
        -- A patient whose state at baseline is not known is censored at time 0, with no visit.
        coalesce(follow_up.last_timepoint_number, 0) as last_timepoint_number,
        coalesce(windows.nominal_month, 0) as duration_months,
        coalesce(cohort_topical_regimens.visit_day, 0) as duration_days
    from follow_up
    cross join last_window
    left join windows
        on follow_up.last_timepoint_number = windows.timepoint_number
    left join cohort_topical_regimens
        on
            follow_up.patient_id = cohort_topical_regimens.patient_id
            and windows.timepoint_code = cohort_topical_regimens.timepoint_code
)

select * from final
