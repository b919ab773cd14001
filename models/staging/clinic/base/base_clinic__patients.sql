-- Every record of the patient export, typed and judged. Refused records stay here with their
-- faults. Seed export_columns says how each column is read and what a fault costs; `columns` names
-- what is taken of each cell: the code of a word, the day of a date, the points of a score.
{% set identifiers = ['patient_id'] %}
{% set key = ['patient_id'] %}
{% set columns = {
    'sex': 'code',
    'birth_date': 'day',
    'ad_diagnosis_date': 'day',
    'disease_course': 'code',
    'clinical_phenotype': 'code',
    'involves_face': 'code',
    'involves_hands': 'code',
    'involves_genitalia': 'code',
    'age_at_index_years': 'points',
    'last_contact_date': 'day',
    'end_of_observation_reason': 'code',
    'treatment_arm': 'cell_text',
} %}

with source as not materialized (
    select * from {{ source('clinic', 'patients') }}
),

column_rules as (
    select * from {{ ref('base_intake__column_rules') }}
    where export_name = 'patients'
),

known_words as (
    select * from {{ ref('base_intake__known_words') }}
),

cells as materialized (
    {{ judge_cells(
        columns, records='source', column_rules='column_rules', known_words='known_words'
    ) }}
),

cleaned as not materialized (
    {{ clean_records(identifiers, key, records='source', column_rules='column_rules') }}
),

-- Hashes of keys that more than one record has; different keys may share one.
repeated_keys as (
    select key_hash
    from cleaned
    where record_fault is null
    group by key_hash
    having count(*) > 1
),

read_records as not materialized (
    {{ read_records(
        identifiers,
        columns,
        key,
        records='cleaned',
        repeated_keys='repeated_keys',
        cells='cells',
        not_before={'ad_diagnosis_date': ['birth_date', 'before_birth']},
        kept=['pseudonym']
    ) }}
),

judged as (
    {{ judge_records(
        key,
        records='read_records',
        column_rules='column_rules'
    ) }}
),

final as (
    select
        source_file,
        record_number,
        line_number,
        patient_id,
        pseudonym,
        disease_course as disease_course_code,
        clinical_phenotype as clinical_phenotype_code,
        end_of_observation_reason as end_of_observation_reason_code,
        treatment_arm,
        cast(floor(age_at_index_years) as integer) as recorded_age_at_index_years,
        is_birth_date_partial,
        is_ad_diagnosis_date_partial,
        is_last_contact_date_partial,
        birth_date,
        birth_date_first_day as earliest_birth_date,
        birth_date_last_day as latest_birth_date,
        ad_diagnosis_date,
        last_contact_date,
        record_disposition,
        faults,
        involves_face = 'yes' as involves_face,
        involves_hands = 'yes' as involves_hands,
        involves_genitalia = 'yes' as involves_genitalia,
        -- A sex that is recorded as unknown, or as neither of the two, is not known.
        nullif(sex, 'unknown') as sex_code
    from judged
)

select * from final
