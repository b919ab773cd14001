-- Time to the first use of topical tacrolimus, who was at risk at each visit, and the covariates of
-- the models at baseline. One row per evaluable patient.

with cohort_tacrolimus_starts as (
    select * from {{ ref('cohort_tacrolimus_starts') }}
),

dim_patients as (
    select * from {{ ref('dim_patients') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

baseline_visits as (
    select * from {{ ref('cohort_visits') }}
    where timepoint_code = 'baseline'
),

final as (
    select
        dim_patients.patient_id,
        cohort_tacrolimus_starts.event_timepoint_code,
        cohort_tacrolimus_starts.first_regimen_code,
        cohort_tacrolimus_starts.censor_reason_code,
        dim_patients.sex_code,
        dim_patients.disease_course_code,
        dim_patients.clinical_phenotype_code,
        {{ record_reference(
            'cohort_delivery.reference_key',
            'cohort_tacrolimus_starts.record_number',
            'cohort_tacrolimus_starts.source_file'
        ) }} as record_reference,
        cohort_tacrolimus_starts.duration_months,
        dim_patients.age_at_index_years,
        baseline_visits.dlqi_score as dlqi_baseline_score,
        cohort_tacrolimus_starts.is_event,
        cohort_tacrolimus_starts.is_on_tacrolimus_at_baseline,
        cohort_tacrolimus_starts.is_at_risk_week_04,
        cohort_tacrolimus_starts.has_initiated_week_04,
        cohort_tacrolimus_starts.is_at_risk_week_16,
        cohort_tacrolimus_starts.has_initiated_week_16,
        cohort_tacrolimus_starts.is_at_risk_week_52,
        cohort_tacrolimus_starts.has_initiated_week_52,
        cast(cohort_tacrolimus_starts.duration_days as integer) as duration_days,
        dim_patients.sex_code = 'female' as is_female,
        dim_patients.disease_course_code = 'relapsing' as is_relapsing,
        dim_patients.clinical_phenotype_code = 'generalized' as is_generalized
    from cohort_tacrolimus_starts
    cross join cohort_delivery
    inner join dim_patients
        on cohort_tacrolimus_starts.pseudonym = dim_patients.patient_id
    left join baseline_visits
        on cohort_tacrolimus_starts.patient_id = baseline_visits.patient_id
)

select * from final
