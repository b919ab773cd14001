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

-- At risk at a visit: evaluable there and not on tacrolimus at any earlier evaluable visit.
visit_states as (
    select
        patient_id,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'baseline')
            as is_on_tacrolimus_baseline,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_04')
            as is_on_tacrolimus_week_04,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_16')
            as is_on_tacrolimus_week_16,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_52')
            as is_on_tacrolimus_week_52
    from cohort_topical_regimens
    group by patient_id
),

event_numbers as (
    select
        cohort_tacrolimus_starts.*,
        dim_timepoints.timepoint_number as event_number
    from cohort_tacrolimus_starts
    left join dim_timepoints
        on cohort_tacrolimus_starts.event_timepoint_code = dim_timepoints.timepoint_code
),

final as (
    select
        cohort_patients.pseudonym as patient_id,
        event_numbers.event_timepoint_code,
        event_numbers.first_regimen_code,
        event_numbers.censor_reason_code,
        cohort_patients.sex_code,
        cohort_patients.disease_course_code,
        cohort_patients.clinical_phenotype_code,
        event_numbers.duration_months,
        cast(event_numbers.duration_days as integer) as duration_days,
        cast(cohort_patients.age_at_index_years as integer) as age_at_index_years,
        cohort_visits.dlqi_score as dlqi_baseline_score,
        event_numbers.is_event,
        coalesce(visit_states.is_on_tacrolimus_baseline, false) as is_on_tacrolimus_at_baseline,
        cohort_patients.sex_code = 'female' as is_female,
        cohort_patients.disease_course_code = 'relapsing' as is_relapsing,
        cohort_patients.clinical_phenotype_code = 'generalized' as is_generalized,
        {%- for number, code in [(1, 'week_04'), (2, 'week_16'), (3, 'week_52')] %}
        visit_states.is_on_tacrolimus_{{ code }} is not null
        and (event_numbers.event_number is null or event_numbers.event_number >= {{ number }})
            as is_at_risk_{{ code }},
        coalesce(event_numbers.event_number = {{ number }}, false) as has_initiated_{{ code }},
        {%- endfor %}
        event_numbers.source_file,
        event_numbers.record_number as source_record_number
    from event_numbers
    inner join cohort_patients
        on event_numbers.patient_id = cohort_patients.patient_id
    left join cohort_visits
        on event_numbers.patient_id = cohort_visits.patient_id
    left join visit_states
        on event_numbers.patient_id = visit_states.patient_id
)

select * from final
