-- Time to the first use of topical tacrolimus with what the models need beside it: covariates at
-- baseline and who was at risk at each visit. One row per evaluable patient.

with cohort_tacrolimus_starts as (
    select * from {{ ref('cohort_tacrolimus_starts') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_visits as (
    select * from {{ ref('cohort_visits') }}
    where timepoint_code = 'baseline'
),

cohort_topical_regimens as (
    select * from {{ ref('cohort_topical_regimens') }}
),

-- On tacrolimus at each timepoint; null where that is not known.
uses as (
    select
        cohort_tacrolimus_starts.patient_id,
        bool_or(cohort_topical_regimens.is_on_tacrolimus)
            filter (cohort_topical_regimens.timepoint_code = 'baseline')
            as baseline,
        bool_or(cohort_topical_regimens.is_on_tacrolimus)
            filter (cohort_topical_regimens.timepoint_code = 'week_04')
            as week_04,
        bool_or(cohort_topical_regimens.is_on_tacrolimus)
            filter (cohort_topical_regimens.timepoint_code = 'week_16')
            as week_16,
        bool_or(cohort_topical_regimens.is_on_tacrolimus)
            filter (cohort_topical_regimens.timepoint_code = 'week_52')
            as week_52
    from cohort_tacrolimus_starts
    left join cohort_topical_regimens
        on cohort_tacrolimus_starts.patient_id = cohort_topical_regimens.patient_id
    group by cohort_tacrolimus_starts.patient_id
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

final as (
    select
        cohort_patients.pseudonym as patient_id,
        cohort_tacrolimus_starts.event_timepoint_code,
        cohort_tacrolimus_starts.first_regimen_code,
        cohort_tacrolimus_starts.censor_reason_code,
        cohort_patients.sex_code,
        cohort_patients.disease_course_code,
        cohort_patients.clinical_phenotype_code,
        cohort_tacrolimus_starts.duration_months,
        cohort_visits.dlqi_score as dlqi_baseline_score,
        cohort_tacrolimus_starts.is_event,
        cohort_tacrolimus_starts.source_file,
        cohort_tacrolimus_starts.record_number as source_record_number,
        cast(cohort_tacrolimus_starts.duration_days as integer) as duration_days,
        cast(cohort_patients.age_at_index_years as integer) as age_at_index_years,
        risk_states.is_on_tacrolimus_at_baseline,
        cohort_patients.sex_code = 'female' as is_female,
        cohort_patients.disease_course_code = 'relapsing' as is_relapsing,
        cohort_patients.clinical_phenotype_code = 'generalized' as is_generalized,
        risk_states.is_at_risk_week_04,
        risk_states.has_initiated_week_04,
        risk_states.is_at_risk_week_16,
        risk_states.has_initiated_week_16,
        risk_states.is_at_risk_week_52,
        risk_states.has_initiated_week_52
    from cohort_tacrolimus_starts
    inner join cohort_patients
        on cohort_tacrolimus_starts.patient_id = cohort_patients.patient_id
    left join cohort_visits
        on cohort_tacrolimus_starts.patient_id = cohort_visits.patient_id
    inner join risk_states
        on cohort_tacrolimus_starts.patient_id = risk_states.patient_id
)

select * from final
