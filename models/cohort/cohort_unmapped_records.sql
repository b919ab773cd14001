{{ config(materialized='view') }}

-- The records whose drug, comorbidity or adverse event no code list knows. What they say of their
-- patient is unknown, not absent. One row per kind of term and record.

with cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

cohort_terms as (
    select * from {{ ref('cohort_terms') }}
),

stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

stg_clinic__adverse_events as (
    select * from {{ ref('stg_clinic__adverse_events') }}
),

final as (
    select
        'drug' as term_kind,
        cohort_drugs.drug_name as term,
        cohort_prescriptions.patient_id,
        cohort_prescriptions.source_file,
        cohort_prescriptions.record_number
    from cohort_prescriptions
    inner join cohort_drugs
        on cohort_prescriptions.drug_number = cohort_drugs.drug_number
    where cohort_drugs.treatment_class_code = 'unmapped'
    union all
    select
        cohort_terms.term_kind,
        cohort_terms.term,
        stg_clinic__comorbidities.patient_id,
        stg_clinic__comorbidities.source_file,
        stg_clinic__comorbidities.record_number
    from stg_clinic__comorbidities
    inner join cohort_terms
        on
            stg_clinic__comorbidities.comorbidity_term = cohort_terms.term
            and cohort_terms.term_kind = 'comorbidity'
    where cohort_terms.code = 'unmapped'
    union all
    select
        cohort_terms.term_kind,
        cohort_terms.term,
        stg_clinic__adverse_events.patient_id,
        stg_clinic__adverse_events.source_file,
        stg_clinic__adverse_events.record_number
    from stg_clinic__adverse_events
    inner join cohort_terms
        on
            stg_clinic__adverse_events.event_term = cohort_terms.term
            and cohort_terms.term_kind = 'adverse_event'
    where cohort_terms.code = 'unmapped'
)

select * from final
