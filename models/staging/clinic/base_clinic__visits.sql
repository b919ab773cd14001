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

-- Every cell of a column once, read and judged.
visit_date_cells as (
    {{ date_cells('visit_date', is_required=true, partial='false') }}
),

nominal_timepoint_cells as (
    {{ word_cells('nominal_timepoint', 'timepoint') }}
),

easi_score_cells as (
    {{ score_cells('easi_score', 'easi', 'decimal(4, 1)') }}
),

itch_nrs_score_cells as (
    {{ score_cells('itch_nrs_score', 'itch_nrs', 'integer') }}
),

sleep_nrs_score_cells as (
    {{ score_cells('sleep_nrs_score', 'sleep_nrs', 'integer') }}
),

dlqi_score_cells as (
    {{ score_cells('dlqi_score', 'dlqi', 'integer') }}
),

iga_score_cells as (
    {{ score_cells('iga_score', 'iga', 'integer') }}
),

poem_score_cells as (
    {{ score_cells('poem_score', 'poem', 'integer') }}
),

topical_adherence_cells as (
    {{ word_cells('topical_adherence', 'topical_adherence') }}
),

{{ mark_repeated_keys([clean_text('source.visit_id')]) }},

{{ read_records(
    identifiers=['visit_id', 'patient_id'],
    columns=[
        'visit_date', 'nominal_timepoint', 'easi_score', 'itch_nrs_score',
        'sleep_nrs_score', 'dlqi_score', 'iga_score', 'poem_score',
        'topical_adherence'
    ]
) }},

judged as not materialized (
    select
        read_records.*,
        {{ has_record_fault(['visit_id', 'patient_id', 'visit_date']) }} as has_record_fault
    from read_records
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
        placed.easi_score_value as easi_score,
        placed.itch_nrs_score_value as itch_nrs_score,
        placed.sleep_nrs_score_value as sleep_nrs_score,
        placed.dlqi_score_value as dlqi_score,
        placed.iga_score_value as iga_score,
        placed.poem_score_value as poem_score,
        placed.visit_date_day as visit_date,
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
