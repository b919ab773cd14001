-- Every record of the adverse event export, typed, with the verdict on it. Refused records stay
-- here.

with source as not materialized (
    select * from {{ source('clinic', 'adverse_events') }}
),

source_format as (
    select *
    from {{ source('intake', 'source_formats') }}
    where export_name = 'adverse_events'
),

delivery as (
    select coalesce(extraction_date, current_date) as latest_date
    from {{ source('intake', 'delivery') }}
),

-- Every cell of a column once, read and judged.
event_term_cells as (
    {{ text_cells('event_term', is_required=true) }}
),

onset_date_cells as (
    {{ date_cells('onset_date', is_required=true) }}
),

is_serious_cells as (
    {{ word_cells('is_serious', 'yes_no') }}
),

outcome_cells as (
    {{ word_cells('outcome', 'adverse_event_outcome') }}
),

{{ mark_repeated_keys([clean_text('source.adverse_event_id')]) }},

{{ read_records(
    identifiers=['adverse_event_id', 'patient_id'],
    columns=[
        'event_term', 'onset_date', 'is_serious', 'outcome'
    ]
) }},

judged as not materialized (
    select
        read_records.*,
        {{ has_record_fault([
            'adverse_event_id', 'patient_id', 'event_term', 'onset_date'
        ]) }} as has_record_fault
    from read_records
),

{{ compare_repeats(
    key_columns=['adverse_event_id'],
    content_columns=[
        'adverse_event_id', 'patient_id', 'event_term', 'onset_date',
        'is_serious', 'outcome'
    ]
) }},

{{ place_records(date_column='onset_date') }},

final as (
    select
        placed.source_file,
        placed.record_number,
        placed.line_number,
        placed.adverse_event_id,
        placed.patient_id,
        placed.event_term_plain as event_term,
        placed.outcome_code,
        placed.is_serious_code = 'yes' as is_serious,
        coalesce(placed.is_onset_date_partial, false) as is_onset_date_partial,
        placed.onset_date_day as onset_date,
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['adverse_event_id'],
            record_columns=['adverse_event_id', 'patient_id', 'event_term', 'onset_date'],
            value_columns=['is_serious', 'outcome'],
            date_column='onset_date'
        ) }} as faults
    from placed
)

select * from final
