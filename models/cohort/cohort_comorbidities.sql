-- The comorbidities of patients under our codes; the terms of a patient that no list knows count as
-- one, unmapped. A refused record may have named any: unmapped too, and not certain. One row per
-- patient in the register and comorbidity.

with stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

stg_clinic__refused_comorbidities as (
    select * from {{ ref('stg_clinic__refused_comorbidities') }}
),

stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
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

possible_comorbidities as (
    select
        stg_clinic__comorbidities.patient_id,
        -- Unmapped is no code of the list.
        coalesce(counted_codes.counted_code, cohort_terms.code) as comorbidity_code,
        not cohort_terms.is_doubtful as is_certain
    from stg_clinic__comorbidities
    inner join cohort_terms
        on stg_clinic__comorbidities.comorbidity_term = cohort_terms.term
    left join counted_codes
        on cohort_terms.code = counted_codes.comorbidity_code
    union all
    select
        stg_clinic__refused_comorbidities.patient_id,
        'unmapped' as comorbidity_code,
        false as is_certain
    from stg_clinic__refused_comorbidities
    inner join stg_clinic__patients
        on stg_clinic__refused_comorbidities.patient_id = stg_clinic__patients.patient_id
),

final as (
    select
        patient_id,
        comorbidity_code,
        bool_or(is_certain) as is_certain
    from possible_comorbidities
    group by patient_id, comorbidity_code
)

select * from final
