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

-- Null where the state is not known: not attended, not reviewed, or of unknown courses.
states as (
    select
        cohort_patients.patient_id,
        visit_windows.timepoint_code,
        visit_windows.timepoint_number,
        visit_windows.nominal_month,
        cohort_topical_regimens.topical_regimen_code,
        cohort_topical_regimens.regimen_not_evaluable_reason_code,
        cohort_topical_regimens.tacrolimus_source_file,
        cohort_topical_regimens.tacrolimus_record_number,
        cohort_topical_regimens.visit_day,
        cohort_topical_regimens.is_on_tacrolimus
    from cohort_patients
    cross join visit_windows
    left join cohort_topical_regimens
        on
            cohort_patients.patient_id = cohort_topical_regimens.patient_id
            and visit_windows.timepoint_code = cohort_topical_regimens.timepoint_code
    where cohort_patients.is_evaluable
),

followed_states as (
    select * from states
    qualify
        count(*) filter (is_on_tacrolimus is null) over (
            partition by patient_id
            order by timepoint_number
            rows between unbounded preceding and current row
        ) = 0
),

first_uses as (
    select * from followed_states
    where is_on_tacrolimus
    qualify row_number() over (partition by patient_id order by timepoint_number) = 1
),

last_followed as (
    select * from followed_states
    qualify row_number() over (partition by patient_id order by timepoint_number desc) = 1
),

last_known as (
    select
        patient_id,
        max(timepoint_number) filter (is_on_tacrolimus is not null) as timepoint_number,
        bool_or(regimen_not_evaluable_reason_code is distinct from 'not_reviewed') filter (
            visit_day is not null
        ) as is_ever_reviewed
    from states
    group by patient_id
),

-- On tacrolimus at each timepoint; null where that is not known.
uses as (
    select
        patient_id,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'baseline') as baseline,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_04') as week_04,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_16') as week_16,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_52') as week_52
    from states
    group by patient_id
),

-- "Or" is true where one is true, and false only where all are known and false.
earlier_uses as (
    select
        *,
        baseline as before_week_04,
        baseline or week_04 as before_week_16,
        baseline or week_04 or week_16 as before_week_52
    from uses
),

-- At risk at a visit: the regimen is known there, and no earlier timepoint was on tacrolimus. A
-- first start: on it there and at no earlier timepoint. Unknown where an earlier state that decides
-- is unknown.
risk_states as (
    select
        patient_id,
        baseline as is_on_tacrolimus_at_baseline,
        week_04 is not null and not before_week_04 as is_at_risk_week_04,
        week_04 and not before_week_04 as has_initiated_week_04,
        week_16 is not null and not before_week_16 as is_at_risk_week_16,
        week_16 and not before_week_16 as has_initiated_week_16,
        week_52 is not null and not before_week_52 as is_at_risk_week_52,
        week_52 and not before_week_52 as has_initiated_week_52
    from earlier_uses
),

last_timepoint as (
    select max(timepoint_number) as timepoint_number from visit_windows
),

final as (
    select
        cohort_patients.patient_id,
        cohort_patients.pseudonym,
        first_uses.timepoint_code as event_timepoint_code,
        first_uses.topical_regimen_code as first_regimen_code,
        first_uses.tacrolimus_source_file as source_file,
        first_uses.tacrolimus_record_number as record_number,
        risk_states.is_on_tacrolimus_at_baseline,
        risk_states.is_at_risk_week_04,
        risk_states.has_initiated_week_04,
        risk_states.is_at_risk_week_16,
        risk_states.has_initiated_week_16,
        risk_states.is_at_risk_week_52,
        risk_states.has_initiated_week_52,
        case
            when first_uses.patient_id is not null then null
            when last_known.is_ever_reviewed is not true then 'topical_therapy_never_reviewed'
            when last_followed.timepoint_number = last_timepoint.timepoint_number
                then 'end_of_follow_up'
            when last_followed.timepoint_number = last_known.timepoint_number
                then 'no_later_evaluable_visit'
            else 'state_unknown'
        end as censor_reason_code,
        -- A patient whose state at baseline is not known is censored at time 0.
        coalesce(first_uses.timepoint_number, last_followed.timepoint_number, 0)
            as last_timepoint_number,
        coalesce(first_uses.nominal_month, last_followed.nominal_month, 0) as duration_months,
        coalesce(first_uses.visit_day, last_followed.visit_day, 0) as duration_days,
        first_uses.patient_id is not null as is_event
    from cohort_patients
    left join first_uses
        on cohort_patients.patient_id = first_uses.patient_id
    left join last_followed
        on cohort_patients.patient_id = last_followed.patient_id
    left join last_known
        on cohort_patients.patient_id = last_known.patient_id
    inner join risk_states
        on cohort_patients.patient_id = risk_states.patient_id
    cross join last_timepoint
    where cohort_patients.is_evaluable
)

select * from final
