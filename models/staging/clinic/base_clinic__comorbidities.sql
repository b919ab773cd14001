-- Every record of the comorbidity export, typed, with the verdict on it. The export has no
-- identifier of its own: a patient has a comorbidity once, and a term that is told again is
-- surplus.

with source as not materialized (
    select * from {{ source('clinic', 'comorbidities') }}
),

source_format as (
    select *
    from {{ source('intake', 'source_formats') }}
    where export_name = 'comorbidities'
),

delivery as (
    select coalesce(extraction_date, current_date) as latest_date
    from {{ source('intake', 'delivery') }}
),

-- Every cell of a column once, read and judged.
comorbidity_term_cells as (
    {{ text_cells('comorbidity_term', is_required=true, is_term=true) }}
),

onset_date_cells as (
    {{ date_cells('onset_date') }}
),

{{ mark_repeated_keys([
    clean_text('source.patient_id'),
    plain_term(clean_text('source.comorbidity_term'))
]) }},

{{ read_records(
    identifiers=['patient_id'],
    columns=[
        'comorbidity_term', 'onset_date'
    ]
) }},

judged as not materialized (
    select
        read_records.*,
        {{ has_record_fault(['patient_id', 'comorbidity_term']) }} as has_record_fault
    from read_records
),

{{ compare_repeats(
    key_columns=['patient_id', 'comorbidity_term'],
    content_columns=[
        'patient_id', 'comorbidity_term', 'onset_date'
    ],
    keep_first=true
) }},

{{ place_records() }},

final as (
    select
        placed.source_file,
        placed.record_number,
        placed.line_number,
        placed.patient_id,
        placed.comorbidity_term,
        coalesce(placed.is_onset_date_partial, false) as is_onset_date_partial,
        placed.onset_date_day as onset_date,
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['patient_id', 'comorbidity_term'],
            record_columns=['patient_id', 'comorbidity_term'],
            value_columns=['onset_date']
        ) }} as faults
    from placed
)

select * from final
