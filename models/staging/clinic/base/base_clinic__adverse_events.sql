-- Every record of the adverse event export, typed and judged. Refused records stay here with their
-- faults. Seed export_columns says how each column is read and what a fault costs.
{% set identifiers = ['adverse_event_id', 'patient_id'] %}
{% set key = ['adverse_event_id'] %}
{% set columns = {
    'event_term': 'term',
    'onset_date': 'day',
    'is_serious': 'code',
    'outcome': 'code',
} %}

with source as not materialized (
    select * from {{ source('clinic', 'adverse_events') }}
),

column_rules as (
    select * from {{ ref('base_intake__column_rules') }}
    where export_name = 'adverse_events'
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
        cells='cells'
    ) }}
),

judged as (
    {{ judge_records(
        key,
        records='read_records',
        column_rules='column_rules',
        patients='base_clinic__patients',
        dated_by='onset_date'
    ) }}
),

final as (
    select
        source_file,
        record_number,
        line_number,
        adverse_event_id,
        patient_id,
        event_term,
        outcome as outcome_code,
        is_onset_date_partial,
        onset_date,
        onset_date_first_day as earliest_onset_date,
        onset_date_last_day as latest_onset_date,
        record_disposition,
        faults,
        is_serious = 'yes' as is_serious
    from judged
)

select * from final
