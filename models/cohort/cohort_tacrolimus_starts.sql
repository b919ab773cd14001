-- First use of topical tacrolimus, alone or with corticosteroids, seen at the visits: an event at
-- the first timepoint where the patient is on it, or censoring at the last timepoint with an
-- evaluable regimen. Use at baseline is an event at time 0. One row per evaluable patient.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_topical_regimens as (
    select * from {{ ref('cohort_topical_regimens') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

evaluable_regimens as (
    select
        cohort_topical_regimens.*,
        visit_windows.timepoint_number,
        visit_windows.nominal_month
    from cohort_topical_regimens
    inner join visit_windows
        on cohort_topical_regimens.timepoint_code = visit_windows.timepoint_code
    where cohort_topical_regimens.is_regimen_evaluable
),

first_uses as (
    select * from evaluable_regimens
    where is_on_tacrolimus
    qualify row_number() over (partition by patient_id order by timepoint_number) = 1
),

last_evaluable as (
    select * from evaluable_regimens
    qualify row_number() over (partition by patient_id order by timepoint_number desc) = 1
),

last_timepoint as (
    select max(timepoint_number) as timepoint_number from visit_windows
),

final as (
    select
        cohort_patients.patient_id,
        first_uses.timepoint_code as event_timepoint_code,
        first_uses.topical_regimen_code as first_regimen_code,
        first_uses.tacrolimus_source_file as source_file,
        first_uses.tacrolimus_record_number as record_number,
        case
            when first_uses.patient_id is not null then null
            when last_evaluable.patient_id is null then 'topical_therapy_never_reviewed'
            when last_evaluable.timepoint_number = last_timepoint.timepoint_number
                then 'end_of_follow_up'
            else 'no_later_evaluable_visit'
        end as censor_reason_code,
        -- A patient whose topical therapy was never reviewed is censored at time 0.
        coalesce(first_uses.timepoint_number, last_evaluable.timepoint_number, 0)
            as last_timepoint_number,
        coalesce(first_uses.nominal_month, last_evaluable.nominal_month, 0) as duration_months,
        coalesce(first_uses.visit_day, last_evaluable.visit_day, 0) as duration_days,
        first_uses.patient_id is not null as is_event
    from cohort_patients
    left join first_uses
        on cohort_patients.patient_id = first_uses.patient_id
    left join last_evaluable
        on cohort_patients.patient_id = last_evaluable.patient_id
    cross join last_timepoint
    where cohort_patients.is_evaluable
)

select * from final
