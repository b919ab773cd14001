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

-- Every cell of a column once, read and judged.
drug_name_cells as (
    {{ text_cells('drug_name', is_required=true) }}
),

route_cells as (
    {{ word_cells('route', 'route') }}
),

strength_cells as (
    {{ text_cells('strength') }}
),

body_site_cells as (
    {{ text_cells('body_site') }}
),

start_date_cells as (
    {{ date_cells('start_date', is_required=true, partial='are_partial_dates_allowed') }}
),

end_date_cells as (
    {{ date_cells(
        'end_date', partial='are_partial_dates_allowed', latest=open_end_limit, capped_by=none
    ) }}
),

atc_code_cells as (
    select
        cleaned.cell,
        cleaned.atc_code,
        {{ plain_code('cleaned.atc_code') }} as atc_code_plain,
        case
            when
                not regexp_full_match(
                    {{ plain_code('cleaned.atc_code') }},
                    '[A-Z](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?'
                )
                then 'code_format'
        end as atc_code_fault
    from ({{ cleaned_cells('atc_code') }}) as cleaned
),

{{ mark_repeated_keys([clean_text('source.prescription_id')]) }},

{{ read_records(
    identifiers=['prescription_id', 'patient_id'],
    columns=[
        'drug_name', 'atc_code', 'route', 'strength',
        'body_site', 'start_date', 'end_date'
    ]
) }},

ruled as not materialized (
    select
        read_records.* exclude (end_date_fault),
        coalesce(
            read_records.end_date_fault,
            case
                -- The last possible day of the end may not lie before the first possible day of the
                -- start.
                when
                    read_records.end_date_last_day < read_records.start_date_first_day
                    and read_records.start_date_fault is null
                    then 'end_before_start'
            end
        ) as end_date_fault
    from read_records
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
        placed.drug_name_plain as drug_name,
        case when placed.atc_code_fault is null then placed.atc_code_plain end as atc_code,
        placed.route_code,
        placed.strength,
        placed.body_site,
        coalesce(placed.is_start_date_partial, false) as is_start_date_partial,
        coalesce(placed.is_end_date_partial and placed.end_date_fault is null, false)
            as is_end_date_partial,
        placed.start_date_day as start_date,
        case when placed.end_date_fault is null then placed.end_date_day end as end_date,
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
