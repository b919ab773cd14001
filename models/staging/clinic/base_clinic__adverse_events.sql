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

word_maps as (
    select
        {{ word_map('yes_no') }} as yes_no_words,
        {{ word_map('adverse_event_outcome') }} as adverse_event_outcome_words
),

{{ mark_repeated_keys([clean_text('source.adverse_event_id')]) }},

cleaned as not materialized (
    select
        marked.source_file,
        marked.record_number,
        marked.line_number,
        marked.record_fault,
        marked.record_fault_detail,
        marked.may_be_repeated,
        {{ clean_text('marked.adverse_event_id') }} as adverse_event_id,
        {{ clean_text('marked.patient_id') }} as patient_id,
        {{ clean_text('marked.event_term') }} as event_term,
        {{ clean_text('marked.onset_date') }} as onset_date,
        {{ clean_text('marked.is_serious') }} as is_serious,
        {{ clean_text('marked.outcome') }} as outcome
    from marked
    cross join source_format
),

readable as not materialized (
    select
        cleaned.*,
        delivery.latest_date,
        {{ iso_text('onset_date') }},
        {{ word_code('is_serious', 'yes_no') }},
        {{ word_code('outcome', 'adverse_event_outcome') }}
    from cleaned
    cross join source_format
    cross join delivery
    cross join word_maps
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
        {{ identifier_fault('adverse_event_id') }},
        {{ identifier_fault('patient_id') }},
        case when valued.event_term is null then 'missing_required' end as event_term_fault,
        case
            when valued.onset_date is null then 'missing_required'
            else {{ date_rule('onset_date', 'true', 'latest_date') }}
        end as onset_date_fault,
        {{ word_fault('is_serious') }},
        {{ word_fault('outcome') }}
    from valued
),

judged as not materialized (
    select
        ruled.*,
        {{ has_record_fault([
            'adverse_event_id', 'patient_id', 'event_term', 'onset_date'
        ]) }} as has_record_fault
    from ruled
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
        {{ plain_term('placed.event_term') }} as event_term,
        placed.outcome_code,
        placed.is_serious_code = 'yes' as is_serious,
        {{ is_partial_date('onset_date') }} as is_onset_date_partial,
        {{ parse_date('onset_date', latest='placed.latest_date') }},
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
