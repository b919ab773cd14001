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

word_maps as (
    select
        {{ word_map('sex') }} as sex_words,
        {{ word_map('disease_course') }} as disease_course_words,
        {{ word_map('clinical_phenotype') }} as clinical_phenotype_words,
        {{ word_map('yes_no') }} as yes_no_words
),

{{ mark_repeated_keys([clean_text('source.patient_id')]) }},

cleaned as not materialized (
    select
        marked.source_file,
        marked.record_number,
        marked.line_number,
        marked.record_fault,
        marked.record_fault_detail,
        marked.may_be_repeated,
        marked.pseudonym,
        {{ clean_text('marked.patient_id') }} as patient_id,
        {{ clean_text('marked.sex') }} as sex,
        {{ clean_text('marked.birth_date') }} as birth_date,
        {{ clean_text('marked.ad_diagnosis_date') }} as ad_diagnosis_date,
        {{ clean_text('marked.disease_course') }} as disease_course,
        {{ clean_text('marked.clinical_phenotype') }} as clinical_phenotype,
        {{ clean_text('marked.involves_face') }} as involves_face,
        {{ clean_text('marked.involves_hands') }} as involves_hands,
        {{ clean_text('marked.involves_genitalia') }} as involves_genitalia
    from marked
    cross join source_format
),

readable as not materialized (
    select
        cleaned.*,
        delivery.latest_date,
        {{ iso_text('birth_date') }},
        {{ iso_text('ad_diagnosis_date') }},
        {{ word_code('sex', 'sex') }},
        {{ word_code('disease_course', 'disease_course') }},
        {{ word_code('clinical_phenotype', 'clinical_phenotype') }},
        {{ word_code('involves_face', 'yes_no') }},
        {{ word_code('involves_hands', 'yes_no') }},
        {{ word_code('involves_genitalia', 'yes_no') }}
    from cleaned
    cross join source_format
    cross join delivery
    cross join word_maps
),

valued as not materialized (
    select
        readable.*,
        {{ completed_day('birth_date') }},
        {{ completed_day('ad_diagnosis_date') }}
    from readable
),

ruled as not materialized (
    select
        valued.*,
        {{ identifier_fault('patient_id') }},
        {{ word_fault('sex', required=true) }},
        coalesce(
            case when valued.birth_date is null then 'missing_required' end,
            {{ date_rule('birth_date', 'true', 'latest_date') }},
            case
                when
                    date_sub('year', valued.birth_date_day, valued.latest_date)
                    > {{ var('oldest_age_years') }}
                    then 'age_range'
            end
        ) as birth_date_fault,
        coalesce(
            {{ date_rule('ad_diagnosis_date', 'true', 'latest_date') }},
            case
                -- The first possible day of birth may not lie after the last possible day of
                -- diagnosis.
                when
                    {{ last_possible_day('ad_diagnosis_date_iso') }}
                    < {{ first_possible_day('birth_date_iso') }}
                    and birth_date_fault is null
                    then 'before_birth'
            end
        ) as ad_diagnosis_date_fault,
        {{ word_fault('disease_course') }},
        {{ word_fault('clinical_phenotype') }},
        {{ word_fault('involves_face') }},
        {{ word_fault('involves_hands') }},
        {{ word_fault('involves_genitalia') }}
    from valued
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
        {{ is_partial_date('birth_date') }} as is_birth_date_partial,
        {{ is_partial_date('ad_diagnosis_date') }} as is_ad_diagnosis_date_partial,
        {{ parse_date('birth_date', latest='placed.latest_date') }},
        case
            when placed.birth_date_fault is null
                then try_cast({{ first_possible_day('birth_date_iso') }} as date)
        end as earliest_birth_date,
        {{ parse_date('ad_diagnosis_date', latest='placed.latest_date') }},
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
