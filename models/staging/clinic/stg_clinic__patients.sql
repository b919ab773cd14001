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
        end_of_observation_reason_code,
        treatment_arm,
        recorded_age_at_index_years,
        involves_face,
        involves_hands,
        involves_genitalia,
        is_birth_date_partial,
        is_ad_diagnosis_date_partial,
        is_last_contact_date_partial,
        birth_date,
        earliest_birth_date,
        latest_birth_date,
        ad_diagnosis_date,
        last_contact_date,
        source_file,
        record_number
    from base_clinic__patients
    where record_disposition = 'staged'
)

select * from final
