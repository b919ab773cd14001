-- The worklist: names and terms that no code list knows, most frequent first. A term leaves it when
-- it is added to a seed or to the words of a mapping. One row per kind of term and term.

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

written_terms as (
    select
        'drug' as term_kind,
        cohort_drugs.drug_name as term,
        cohort_drugs.treatment_class_code as code,
        cohort_prescriptions.patient_id
    from cohort_prescriptions
    inner join cohort_drugs
        on cohort_prescriptions.drug_number = cohort_drugs.drug_number
    union all
    select
        cohort_terms.term_kind,
        cohort_terms.term,
        cohort_terms.code,
        stg_clinic__comorbidities.patient_id
    from stg_clinic__comorbidities
    inner join cohort_terms
        on
            stg_clinic__comorbidities.comorbidity_term = cohort_terms.term
            and cohort_terms.term_kind = 'comorbidity'
    union all
    select
        cohort_terms.term_kind,
        cohort_terms.term,
        cohort_terms.code,
        stg_clinic__adverse_events.patient_id
    from stg_clinic__adverse_events
    inner join cohort_terms
        on
            stg_clinic__adverse_events.event_term = cohort_terms.term
            and cohort_terms.term_kind = 'adverse_event'
),

final as (
    select
        term_kind,
        term,
        count(*) as n_records,
        count(distinct patient_id) as n_patients
    from written_terms
    where code = 'unmapped'
    group by term_kind, term
)

select * from final
order by term_kind asc, n_records desc, term asc
