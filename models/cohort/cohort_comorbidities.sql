-- The comorbidities of patients under our codes; the terms of a patient that no list knows count as
-- one comorbidity, unmapped. One row per patient in the register and comorbidity.

with stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

cohort_terms as (
    select * from {{ ref('cohort_terms') }}
    where term_kind = 'comorbidity' and code != 'none'
),

final as (
    select distinct
        stg_clinic__comorbidities.patient_id,
        cohort_terms.code as comorbidity_code
    from stg_clinic__comorbidities
    inner join cohort_terms
        on stg_clinic__comorbidities.comorbidity_term = cohort_terms.term
)

select * from final
