-- Every record of the patient export, typed, with the verdict on it. Refused records stay in this table.

with source as (
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

word_maps as (
    select
        {{ word_map('sex') }} as sex_words,
        {{ word_map('disease_course') }} as disease_course_words,
        {{ word_map('clinical_phenotype') }} as clinical_phenotype_words,
        {{ word_map('yes_no') }} as yes_no_words
),

cleaned as (
    select
        source.source_file,
        source.record_number,
        source.line_number,
        source.record_fault,
        source.record_fault_detail,
        source.pseudonym,
        {{ clean_text('source.patient_id') }} as patient_id,
        {{ clean_text('source.sex') }} as sex,
        {{ clean_text('source.birth_date') }} as birth_date,
        {{ clean_text('source.ad_diagnosis_date') }} as ad_diagnosis_date,
        {{ clean_text('source.disease_course') }} as disease_course,
        {{ clean_text('source.clinical_phenotype') }} as clinical_phenotype,
        {{ clean_text('source.involves_face') }} as involves_face,
        {{ clean_text('source.involves_hands') }} as involves_hands,
        {{ clean_text('source.involves_genitalia') }} as involves_genitalia
    from source
    cross join source_format
),

judged as (
    select
        cleaned.*,
        {{ iso_text('birth_date') }},
        {{ iso_text('ad_diagnosis_date') }},
        {{ identifier_fault('patient_id') }},
        {{ parse_word('sex', 'sex', required=true) }},
        case
            when cleaned.birth_date is null then 'missing_required'
            when {{ date_rule('birth_date', 'true', 'latest_date') }} is not null
                then {{ date_rule('birth_date', 'true', 'latest_date') }}
            when
                date_sub('year', {{ completed_date('birth_date_iso') }}, delivery.latest_date)
                > {{ var('oldest_age_years') }}
                then 'age_range'
        end as birth_date_fault,
        case
            when {{ date_rule('ad_diagnosis_date', 'true', 'latest_date') }} is not null
                then {{ date_rule('ad_diagnosis_date', 'true', 'latest_date') }}
            -- The first possible day of birth may not lie after the last possible day of diagnosis.
            when
                birth_date_fault is null
                and {{ last_possible_day('ad_diagnosis_date_iso') }}
                < {{ first_possible_day('birth_date_iso') }}
                then 'before_birth'
        end as ad_diagnosis_date_fault,
        {{ parse_word('disease_course', 'disease_course') }},
        {{ parse_word('clinical_phenotype', 'clinical_phenotype') }},
        {{ parse_word('involves_face', 'yes_no') }},
        {{ parse_word('involves_hands', 'yes_no') }},
        {{ parse_word('involves_genitalia', 'yes_no') }},
        {{ has_record_fault(['patient_id', 'sex', 'birth_date']) }} as has_record_fault
    from cleaned
    cross join source_format
    cross join delivery
    cross join word_maps
),

{{ repeats(
    key_columns=['patient_id'],
    content_columns=[
        'patient_id', 'sex', 'birth_date', 'ad_diagnosis_date',
        'disease_course', 'clinical_phenotype', 'involves_face', 'involves_hands',
        'involves_genitalia'
    ]
) }},

final as (
    select
        judged.source_file,
        judged.record_number,
        judged.line_number,
        judged.patient_id,
        judged.pseudonym,
        judged.sex_code,
        judged.disease_course_code,
        judged.clinical_phenotype_code,
        judged.involves_face_code = 'yes' as involves_face,
        judged.involves_hands_code = 'yes' as involves_hands,
        judged.involves_genitalia_code = 'yes' as involves_genitalia,
        {{ is_partial_date('birth_date') }} as is_birth_date_partial,
        {{ is_partial_date('ad_diagnosis_date') }} as is_ad_diagnosis_date_partial,
        {{ parse_date('birth_date') }},
        {{ parse_date('ad_diagnosis_date') }},
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['patient_id'],
            record_columns=['patient_id', 'sex', 'birth_date'],
            value_columns=['ad_diagnosis_date', 'disease_course', 'clinical_phenotype', 'involves_face', 'involves_hands', 'involves_genitalia']
        ) }} as faults
    from judged
    left join repeats
        on
            judged.source_file = repeats.source_file
            and judged.record_number = repeats.record_number
)

select * from final
