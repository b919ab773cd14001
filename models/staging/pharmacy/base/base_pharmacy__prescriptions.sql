-- Every record of the prescription export, typed and judged. Refused records stay here with their
-- faults. Seed export_columns says how each column is read and what a fault costs. A course whose
-- end cannot be read may have ended on any day from its start on: it has a first possible end and
-- no last one; an ongoing course has neither. One whose start cannot be read is a course without a
-- start. A course that ends before it starts is refused: either day may be the wrong one.
{% set identifiers = ['prescription_id', 'patient_id'] %}
{% set key = ['prescription_id'] %}
{% set columns = {
    'drug_name': 'term',
    'start_date': 'day',
    'end_date': 'day',
    'atc_code': 'code',
    'route': 'code',
    'strength': 'cell_text',
    'body_site': 'cell_text',
    'period': 'code',
    'stop_reason': 'code',
    'dose_text': 'cell_text',
} %}

with source as not materialized (
    select * from {{ source('pharmacy', 'prescriptions') }}
),

column_rules as (
    select * from {{ ref('base_intake__column_rules') }}
    where export_name = 'prescriptions'
),

known_words as (
    select * from {{ ref('base_intake__known_words') }}
),

base_clinic__patients as (
    select * from {{ ref('base_clinic__patients') }}
),

cells as materialized (
    {{ judge_cells(
        columns, records='source', column_rules='column_rules', known_words='known_words'
    ) }}
),

cleaned as not materialized (
    {{ clean_records(identifiers, key, records='source', column_rules='column_rules') }}
),

-- Hashes of keys that more than one record has; different keys may share one.
repeated_keys as (
    select key_hash
    from cleaned
    where record_fault is null
    group by key_hash
    having count(*) > 1
),

read_records as not materialized (
    {{ read_records(
        identifiers,
        columns,
        key,
        records='cleaned',
        repeated_keys='repeated_keys',
        cells='cells',
        not_before={'end_date': ['start_date', 'end_before_start', 'record']}
    ) }}
),

judged as (
    {{ judge_records(
        key,
        records='read_records',
        column_rules='column_rules',
        patients='base_clinic__patients',
        dated_by='start_date'
    ) }}
),

final as (
    select
        source_file,
        record_number,
        line_number,
        prescription_id,
        patient_id,
        drug_name,
        atc_code,
        route as route_code,
        period as period_code,
        stop_reason as stop_reason_code,
        strength,
        dose_text,
        body_site,
        is_start_date_partial,
        is_end_date_partial,
        start_date,
        end_date,
        start_date_first_day as earliest_start_date,
        start_date_last_day as latest_start_date,
        end_date_last_day as latest_end_date,
        record_disposition,
        faults,
        if(
            list_contains(list_transform(faults, each -> each.column_name), 'end_date'),
            coalesce(end_date_first_day, start_date_first_day),
            end_date_first_day
        ) as earliest_end_date,
        list_contains(list_transform(faults, each -> each.column_name), 'start_date') is true
            as is_start_date_refused
    from judged
)

select * from final
