-- The comorbidities of enrolled patients under our codes; a term that the list does not know counts
-- as a comorbidity and waits on the worklist. One row per enrolled patient and comorbidity.

with stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

comorbidity_terms as (
    select * from {{ ref('comorbidity_terms') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
    where word_kind = 'comorbidity'
),

final as (
    select distinct
        stg_clinic__comorbidities.patient_id,
        coalesce(stg_intake__source_words.code, comorbidity_terms.comorbidity_code, 'unmapped')
            as comorbidity_code
    from stg_clinic__comorbidities
    inner join cohort_patients
        on stg_clinic__comorbidities.patient_id = cohort_patients.patient_id
    left join stg_intake__source_words
        on stg_clinic__comorbidities.comorbidity_term = stg_intake__source_words.source_word
    left join comorbidity_terms
        on stg_clinic__comorbidities.comorbidity_term = comorbidity_terms.term
)

select * from final
