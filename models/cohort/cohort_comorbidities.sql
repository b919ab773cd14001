-- The comorbidities of patients under our codes; the terms of a patient that no list knows count as
-- one comorbidity, unmapped. One row per patient in the register and comorbidity.

with stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

cohort_terms as (
    select * from {{ ref('cohort_terms') }}
    where term_kind = 'comorbidity' and code != 'none'
),

comorbidities as (
    select * from {{ ref('comorbidities') }}
),

-- Rhinoconjunctivitis is one term for two comorbidities: rhinitis written beside it counts once.
counted_codes as (
    select
        comorbidity_code,
        unnest(string_split(coalesce(part_codes, comorbidity_code), ' ')) as counted_code
    from comorbidities
),

final as (
    select distinct
        stg_clinic__comorbidities.patient_id,
        -- Unmapped is no code of the list.
        coalesce(counted_codes.counted_code, cohort_terms.code) as comorbidity_code
    from stg_clinic__comorbidities
    inner join cohort_terms
        on stg_clinic__comorbidities.comorbidity_term = cohort_terms.term
    left join counted_codes
        on cohort_terms.code = counted_codes.comorbidity_code
)

select * from final
