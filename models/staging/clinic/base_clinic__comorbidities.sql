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

{{ mark_repeated_keys([
    clean_text('source.patient_id'),
    plain_term(clean_text('source.comorbidity_term'))
]) }},

cleaned as not materialized (
    select
        marked.source_file,
        marked.record_number,
        marked.line_number,
        marked.record_fault,
        marked.record_fault_detail,
        marked.may_be_repeated,
        {{ clean_text('marked.patient_id') }} as patient_id,
        {{ plain_term(clean_text('marked.comorbidity_term')) }} as comorbidity_term,
        {{ clean_text('marked.onset_date') }} as onset_date
    from marked
    cross join source_format
),

readable as not materialized (
    select
        cleaned.*,
        delivery.latest_date,
        {{ iso_text('onset_date') }}
    from cleaned
    cross join source_format
    cross join delivery
),

valued as not materialized (
    select
        readable.*,
        {{ completed_day('onset_date') }}
    from readable
),

ruled as not materialized (
    select
        valued.*,
        {{ identifier_fault('patient_id') }},
        case when valued.comorbidity_term is null then 'missing_required' end
            as comorbidity_term_fault,
        {{ date_rule('onset_date', 'true', 'latest_date') }} as onset_date_fault
    from valued
),

judged as not materialized (
    select
        ruled.*,
        {{ has_record_fault(['patient_id', 'comorbidity_term']) }} as has_record_fault
    from ruled
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
        {{ is_partial_date('onset_date') }} as is_onset_date_partial,
        {{ parse_date('onset_date', latest='placed.latest_date') }},
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['patient_id', 'comorbidity_term'],
            record_columns=['patient_id', 'comorbidity_term'],
            value_columns=['onset_date']
        ) }} as faults
    from placed
)

select * from final
