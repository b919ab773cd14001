-- Every record of the visit export, typed, with the verdict on it. Refused records stay in this
-- table.

with source as not materialized (
    select * from {{ source('clinic', 'visits') }}
),

source_format as (
    select *
    from {{ source('intake', 'source_formats') }}
    where export_name = 'visits'
),

delivery as (
    select coalesce(extraction_date, current_date) as latest_date
    from {{ source('intake', 'delivery') }}
),

score_ranges as (
    {{ score_ranges(['easi', 'itch_nrs', 'sleep_nrs', 'dlqi', 'iga', 'poem']) }}
),

word_maps as (
    select
        {{ word_map('timepoint') }} as timepoint_words,
        {{ word_map('topical_adherence') }} as topical_adherence_words
),

{{ mark_repeated_keys([clean_text('source.visit_id')]) }},

cleaned as not materialized (
    select
        marked.source_file,
        marked.record_number,
        marked.line_number,
        marked.record_fault,
        marked.record_fault_detail,
        marked.may_be_repeated,
        {{ clean_text('marked.visit_id') }} as visit_id,
        {{ clean_text('marked.patient_id') }} as patient_id,
        {{ clean_text('marked.visit_date') }} as visit_date,
        {{ clean_text('marked.nominal_timepoint') }} as nominal_timepoint,
        {{ clean_text('marked.easi_score') }} as easi_score,
        {{ clean_text('marked.itch_nrs_score') }} as itch_nrs_score,
        {{ clean_text('marked.sleep_nrs_score') }} as sleep_nrs_score,
        {{ clean_text('marked.dlqi_score') }} as dlqi_score,
        {{ clean_text('marked.iga_score') }} as iga_score,
        {{ clean_text('marked.poem_score') }} as poem_score,
        {{ clean_text('marked.topical_adherence') }} as topical_adherence
    from marked
    cross join source_format
),

readable as not materialized (
    select
        cleaned.*,
        score_ranges.*,
        delivery.latest_date,
        {{ iso_text('visit_date') }},
        {{ number_text('easi_score') }},
        {{ number_text('itch_nrs_score') }},
        {{ number_text('sleep_nrs_score') }},
        {{ number_text('dlqi_score') }},
        {{ number_text('iga_score') }},
        {{ number_text('poem_score') }},
        {{ word_code('nominal_timepoint', 'timepoint') }},
        {{ word_code('topical_adherence', 'topical_adherence') }}
    from cleaned
    cross join source_format
    cross join delivery
    cross join score_ranges
    cross join word_maps
),

valued as not materialized (
    select
        readable.*,
        {{ completed_day('visit_date') }},
        {{ score_points('easi_score') }},
        {{ score_points('itch_nrs_score') }},
        {{ score_points('sleep_nrs_score') }},
        {{ score_points('dlqi_score') }},
        {{ score_points('iga_score') }},
        {{ score_points('poem_score') }}
    from readable
),

ruled as not materialized (
    select
        valued.*,
        {{ identifier_fault('visit_id') }},
        {{ identifier_fault('patient_id') }},
        case
            when valued.visit_date is null then 'missing_required'
            else {{ date_rule('visit_date', 'false', 'latest_date') }}
        end as visit_date_fault,
        {{ word_fault('nominal_timepoint') }},
        {{ score_fault('easi_score', 'easi') }},
        {{ score_fault('itch_nrs_score', 'itch_nrs') }},
        {{ score_fault('sleep_nrs_score', 'sleep_nrs') }},
        {{ score_fault('dlqi_score', 'dlqi') }},
        {{ score_fault('iga_score', 'iga') }},
        {{ score_fault('poem_score', 'poem') }},
        {{ word_fault('topical_adherence') }}
    from valued
),

judged as not materialized (
    select
        ruled.*,
        {{ has_record_fault(['visit_id', 'patient_id', 'visit_date']) }} as has_record_fault
    from ruled
),

{{ compare_repeats(
    key_columns=['visit_id'],
    content_columns=[
        'visit_id', 'patient_id', 'visit_date', 'nominal_timepoint',
        'easi_score', 'itch_nrs_score', 'sleep_nrs_score', 'dlqi_score',
        'iga_score', 'poem_score', 'topical_adherence'
    ]
) }},

{{ place_records(date_column='visit_date') }},

final as (
    select
        placed.source_file,
        placed.record_number,
        placed.line_number,
        placed.visit_id,
        placed.patient_id,
        placed.nominal_timepoint_code,
        placed.topical_adherence_code,
        {{ parse_score('easi_score', 'decimal(4, 1)') }},
        {{ parse_score('itch_nrs_score', 'integer') }},
        {{ parse_score('sleep_nrs_score', 'integer') }},
        {{ parse_score('dlqi_score', 'integer') }},
        {{ parse_score('iga_score', 'integer') }},
        {{ parse_score('poem_score', 'integer') }},
        {{ parse_date('visit_date', latest='placed.latest_date') }},
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['visit_id'],
            record_columns=['visit_id', 'patient_id', 'visit_date'],
            value_columns=['nominal_timepoint', 'easi_score', 'itch_nrs_score', 'sleep_nrs_score', 'dlqi_score', 'iga_score', 'poem_score', 'topical_adherence'],
            date_column='visit_date'
        ) }} as faults
    from placed
)

select * from final
