-- The worklist: names and terms that no code list knows, most frequent first. A term leaves it when
-- it is added to a seed or to the words of a mapping. One row per kind of term and term.

with cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

stg_clinic__adverse_events as (
    select * from {{ ref('stg_clinic__adverse_events') }}
),

comorbidity_terms as (
    select * from {{ ref('comorbidity_terms') }}
),

adverse_event_terms as (
    select * from {{ ref('adverse_event_terms') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

unmapped as (
    select
        'drug' as term_kind,
        cohort_drugs.drug_name as term,
        cohort_prescriptions.patient_id
    from cohort_prescriptions
    inner join cohort_drugs
        on cohort_prescriptions.drug_number = cohort_drugs.drug_number
    where cohort_drugs.treatment_class_code = 'unmapped'
    union all
    select
        'comorbidity' as term_kind,
        stg_clinic__comorbidities.comorbidity_term as term,
        stg_clinic__comorbidities.patient_id
    from stg_clinic__comorbidities
    anti join comorbidity_terms
        on stg_clinic__comorbidities.comorbidity_term = comorbidity_terms.term
    union all
    select
        'adverse_event' as term_kind,
        stg_clinic__adverse_events.event_term as term,
        stg_clinic__adverse_events.patient_id
    from stg_clinic__adverse_events
    anti join adverse_event_terms
        on stg_clinic__adverse_events.event_term = adverse_event_terms.term
),

final as (
    select
        unmapped.term_kind,
        unmapped.term,
        count(*) as n_records,
        count(distinct unmapped.patient_id) as n_patients
    from unmapped
    anti join stg_intake__source_words
        on
            unmapped.term_kind = stg_intake__source_words.word_kind
            and unmapped.term = stg_intake__source_words.source_word
    group by unmapped.term_kind, unmapped.term
)

select * from final
order by term_kind asc, n_records desc, term asc
