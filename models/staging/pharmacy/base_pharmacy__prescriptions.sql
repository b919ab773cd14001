-- Every record of the prescription export, typed, with the verdict on it. Refused records stay
-- here. An end date that cannot be read costs the record: without it the course would look as if it
-- went on.

{% set open_end_limit = 'latest_date + ' ~ var('longest_planned_course_days') %}

with source as not materialized (
    select * from {{ source('pharmacy', 'prescriptions') }}
),

source_format as (
    select *
    from {{ source('intake', 'source_formats') }}
    where export_name = 'prescriptions'
),

delivery as (
    select coalesce(extraction_date, current_date) as latest_date
    from {{ source('intake', 'delivery') }}
),

word_maps as (
    select
        {{ word_map('route') }} as route_words
),

{{ mark_repeated_keys([clean_text('source.prescription_id')]) }},

cleaned as not materialized (
    select
        marked.source_file,
        marked.record_number,
        marked.line_number,
        marked.record_fault,
        marked.record_fault_detail,
        marked.may_be_repeated,
        {{ clean_text('marked.prescription_id') }} as prescription_id,
        {{ clean_text('marked.patient_id') }} as patient_id,
        {{ clean_text('marked.drug_name') }} as drug_name,
        {{ clean_text('marked.atc_code') }} as atc_code,
        {{ clean_text('marked.route') }} as route,
        {{ clean_text('marked.strength') }} as strength,
        {{ clean_text('marked.body_site') }} as body_site,
        {{ clean_text('marked.start_date') }} as start_date,
        {{ clean_text('marked.end_date') }} as end_date
    from marked
    cross join source_format
),

readable as not materialized (
    select
        cleaned.*,
        source_format.are_partial_dates_allowed,
        delivery.latest_date,
        {{ iso_text('start_date') }},
        {{ iso_text('end_date') }},
        {{ word_code('route', 'route') }}
    from cleaned
    cross join source_format
    cross join delivery
    cross join word_maps
),

valued as not materialized (
    select
        readable.*,
        {{ completed_day('start_date') }},
        {{ completed_day('end_date') }}
    from readable
),

ruled as not materialized (
    select
        valued.*,
        {{ identifier_fault('prescription_id') }},
        {{ identifier_fault('patient_id') }},
        case when valued.drug_name is null then 'missing_required' end as drug_name_fault,
        case
            when
                not regexp_full_match(
                    {{ plain_code('atc_code') }}, '[A-Z](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?'
                )
                then 'code_format'
        end as atc_code_fault,
        {{ word_fault('route') }},
        case
            when valued.start_date is null then 'missing_required'
            else {{ date_rule('start_date', 'are_partial_dates_allowed', 'latest_date') }}
        end as start_date_fault,
        coalesce(
            {{ date_rule('end_date', 'are_partial_dates_allowed', open_end_limit) }},
            case
                -- The last possible day of the end may not lie before the first possible day of the
                -- start.
                when
                    {{ last_possible_day('end_date_iso') }}
                    < {{ first_possible_day('start_date_iso') }}
                    and start_date_fault is null
                    then 'end_before_start'
            end
        ) as end_date_fault
    from valued
),

judged as not materialized (
    select
        ruled.*,
        {{ has_record_fault([
            'prescription_id', 'patient_id', 'drug_name', 'start_date', 'end_date'
        ]) }} as has_record_fault
    from ruled
),

{{ compare_repeats(
    key_columns=['prescription_id'],
    content_columns=[
        'prescription_id', 'patient_id', 'drug_name', 'atc_code',
        'route', 'strength', 'body_site', 'start_date',
        'end_date'
    ]
) }},

{{ place_records(date_column='start_date') }},

final as (
    select
        placed.source_file,
        placed.record_number,
        placed.line_number,
        placed.prescription_id,
        placed.patient_id,
        {{ plain_term('placed.drug_name') }} as drug_name,
        case when placed.atc_code_fault is null then {{ plain_code('placed.atc_code') }} end
            as atc_code,
        placed.route_code,
        placed.strength,
        placed.body_site,
        {{ is_partial_date('start_date') }} as is_start_date_partial,
        {{ is_partial_date('end_date') }} as is_end_date_partial,
        {{ parse_date('start_date', latest='placed.latest_date') }},
        {{ parse_date('end_date') }},
        {{ record_disposition() }} as record_disposition,
        {{ record_faults(
            key_columns=['prescription_id'],
            record_columns=['prescription_id', 'patient_id', 'drug_name', 'start_date', 'end_date'],
            value_columns=['atc_code', 'route'],
            date_column='start_date'
        ) }} as faults
    from placed
)

select * from final
