-- Every record of the patient export, typed, with the verdict on it. Refused records stay in this
-- table.

with source as not materialized (
    select * from {{ source('clinic', 'patients') }}
),

source_format as (
    select *
    from {{ source('intake', 'source_formats') }}
    where export_name = 'patients'
),

delivery as (
    select coalesce(extraction_date, current_date) as latest_date
    from {{ source('intake', 'delivery') }}
),

-- Every cell of a column once, read and judged.
sex_cells as (
    {{ word_cells('sex', 'sex', is_required=true) }}
),

birth_date_cells as (
    {{ date_cells('birth_date', is_required=true, oldest_years=var('oldest_age_years')) }}
),

ad_diagnosis_date_cells as (
    {{ date_cells('ad_diagnosis_date') }}
),

disease_course_cells as (
    {{ word_cells('disease_course', 'disease_course') }}
),

clinical_phenotype_cells as (
    {{ word_cells('clinical_phenotype', 'clinical_phenotype') }}
),

involves_face_cells as (
    {{ word_cells('involves_face', 'yes_no') }}
),

involves_hands_cells as (
    {{ word_cells('involves_hands', 'yes_no') }}
),

involves_genitalia_cells as (
    {{ word_cells('involves_genitalia', 'yes_no') }}
),

{{ mark_repeated_keys([clean_text('source.patient_id')]) }},

{{ read_records(
    identifiers=['patient_id'],
    columns=[
        'sex', 'birth_date', 'ad_diagnosis_date', 'disease_course',
        'clinical_phenotype', 'involves_face', 'involves_hands', 'involves_genitalia'
    ],
    kept=['pseudonym']
) }},

ruled as not materialized (
    select
        read_records.* exclude (ad_diagnosis_date_fault),
        coalesce(
            read_records.ad_diagnosis_date_fault,
            case
                -- The first possible day of birth may not lie after the last possible day of
                -- diagnosis.
                when
                    read_records.ad_diagnosis_date_last_day < read_records.birth_date_first_day
                    and read_records.birth_date_fault is null
                    then 'before_birth'
            end
        ) as ad_diagnosis_date_fault
    from read_records
),

judged as not materialized (
    select
        ruled.*,
        {{ has_record_fault(['patient_id', 'sex', 'birth_date']) }} as has_record_fault
    from ruled
),

{{ compare_repeats(
    key_columns=['patient_id'],
    content_columns=[
        'patient_id', 'sex', 'birth_date', 'ad_diagnosis_date',
        'disease_course', 'clinical_phenotype', 'involves_face', 'involves_hands',
        'involves_genitalia'
    ]
) }},

{{ place_records(has_patient=false) }},

final as (
    select
        placed.source_file,
        placed.record_number,
        placed.line_number,
        placed.patient_id,
        placed.pseudonym,
        placed.sex_code,
        placed.disease_course_code,
        placed.clinical_phenotype_code,
        placed.involves_face_code = 'yes' as involves_face,
        placed.involves_hands_code = 'yes' as involves_hands,
        placed.involves_genitalia_code = 'yes' as involves_genitalia,
        coalesce(placed.is_birth_date_partial, false) as is_birth_date_partial,
        coalesce(
            placed.is_ad_diagnosis_date_partial and placed.ad_diagnosis_date_fault is null, false
        ) as is_ad_diagnosis_date_partial,
        placed.birth_date_day as birth_date,
        case
            when placed.birth_date_fault is null
                then try_cast(placed.birth_date_first_day as date)
        end as earliest_birth_date,
        case when placed.ad_diagnosis_date_fault is null then placed.ad_diagnosis_date_day end
            as ad_diagnosis_date,
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['patient_id'],
            record_columns=['patient_id', 'sex', 'birth_date'],
            value_columns=['ad_diagnosis_date', 'disease_course', 'clinical_phenotype', 'involves_face', 'involves_hands', 'involves_genitalia'],
            has_patient=false
        ) }} as faults
    from placed
)

select * from final
