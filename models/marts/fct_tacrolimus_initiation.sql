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
    where is_regimen_evaluable
),

dim_timepoints as (
    select * from {{ ref('dim_timepoints') }}
),

starts as (
    select
        cohort_tacrolimus_starts.*,
        dim_timepoints.timepoint_number as event_number
    from cohort_tacrolimus_starts
    left join dim_timepoints
        on cohort_tacrolimus_starts.event_timepoint_code = dim_timepoints.timepoint_code
),

-- At risk at a visit: evaluable there and not on tacrolimus at any earlier evaluable visit.
evaluable_visits as (
    select
        starts.patient_id,
        cohort_topical_regimens.timepoint_code,
        cohort_topical_regimens.is_on_tacrolimus,
        starts.event_number is null or starts.event_number >= dim_timepoints.timepoint_number
            as is_at_risk
    from starts
    inner join cohort_topical_regimens
        on starts.patient_id = cohort_topical_regimens.patient_id
    inner join dim_timepoints
        on cohort_topical_regimens.timepoint_code = dim_timepoints.timepoint_code
),

visit_states as (
    select
        patient_id,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'baseline')
            as is_on_tacrolimus_at_baseline,
        bool_or(is_at_risk) filter (timepoint_code = 'week_04') as is_at_risk_week_04,
        bool_or(is_at_risk) filter (timepoint_code = 'week_16') as is_at_risk_week_16,
        bool_or(is_at_risk) filter (timepoint_code = 'week_52') as is_at_risk_week_52
    from evaluable_visits
    group by patient_id
),

final as (
    select
        cohort_patients.pseudonym as patient_id,
        starts.event_timepoint_code,
        starts.first_regimen_code,
        starts.censor_reason_code,
        cohort_patients.sex_code,
        cohort_patients.disease_course_code,
        cohort_patients.clinical_phenotype_code,
        starts.duration_months,
        cohort_visits.dlqi_score as dlqi_baseline_score,
        starts.is_event,
        starts.source_file,
        starts.record_number as source_record_number,
        cast(starts.duration_days as integer) as duration_days,
        cast(cohort_patients.age_at_index_years as integer) as age_at_index_years,
        -- No evaluable visit at a timepoint: not known to be on tacrolimus, and not at risk there.
        coalesce(visit_states.is_on_tacrolimus_at_baseline, false) as is_on_tacrolimus_at_baseline,
        cohort_patients.sex_code = 'female' as is_female,
        cohort_patients.disease_course_code = 'relapsing' as is_relapsing,
        cohort_patients.clinical_phenotype_code = 'generalized' as is_generalized,
        coalesce(visit_states.is_at_risk_week_04, false) as is_at_risk_week_04,
        coalesce(starts.event_timepoint_code = 'week_04', false) as has_initiated_week_04,
        coalesce(visit_states.is_at_risk_week_16, false) as is_at_risk_week_16,
        coalesce(starts.event_timepoint_code = 'week_16', false) as has_initiated_week_16,
        coalesce(visit_states.is_at_risk_week_52, false) as is_at_risk_week_52,
        coalesce(starts.event_timepoint_code = 'week_52', false) as has_initiated_week_52
    from starts
    inner join cohort_patients
        on starts.patient_id = cohort_patients.patient_id
    left join cohort_visits
        on starts.patient_id = cohort_visits.patient_id
    left join visit_states
        on starts.patient_id = visit_states.patient_id
)

select * from final
