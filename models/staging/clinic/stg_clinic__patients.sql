{{ config(materialized='view') }}

-- The patients of the register: sound records only, one row per patient.

with base_clinic__patients as (
    select * from {{ ref('base_clinic__patients') }}
),

final as (
    select
        patient_id,
        pseudonym,
        sex_code,
        disease_course_code,
        clinical_phenotype_code,
        involves_face,
        involves_hands,
        involves_genitalia,
        is_birth_date_partial,
        is_ad_diagnosis_date_partial,
        birth_date,
        earliest_birth_date,
        latest_birth_date,
        ad_diagnosis_date,
        source_file,
        record_number
    from base_clinic__patients
    where record_disposition = 'staged'
)

select * from final
