-- Every record of the comorbidity export, typed and judged. The export has no identifier of its
-- own: a patient has a comorbidity once, and a repeated term is surplus. Seed export_columns says
-- how each column is read and what a fault costs.
{% set identifiers = ['patient_id'] %}
{% set key = ['patient_id', 'comorbidity_term'] %}
{% set columns = {
    'comorbidity_term': 'term',
    'onset_date': 'day',
} %}

with source as not materialized (
    select * from {{ source('clinic', 'comorbidities') }}
),

column_rules as (
    select * from {{ ref('base_intake__column_rules') }}
    where export_name = 'comorbidities'
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
        keep_first=true
    ) }}
),

final as (
    select
        source_file,
        record_number,
        line_number,
        patient_id,
        comorbidity_term,
        is_onset_date_partial,
        onset_date,
        record_disposition,
        faults
    from judged
)

select * from final
