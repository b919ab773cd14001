-- Every record of the visit export, typed and judged. Refused records stay here with their
-- faults. Seed export_columns says how each column is read and what a fault costs; `columns` names
-- what is taken of each cell: the code of a word, the day of a date, the points of a score.
{% set identifiers = ['visit_id', 'patient_id'] %}
{% set key = ['visit_id'] %}
{% set columns = {
    'visit_date': 'day',
    'nominal_timepoint': 'code',
    'easi_score': 'points',
    'itch_nrs_score': 'points',
    'sleep_nrs_score': 'points',
    'dlqi_score': 'points',
    'iga_score': 'points',
    'poem_score': 'points',
    'topical_adherence': 'code',
} %}

with source as not materialized (
    select * from {{ source('clinic', 'visits') }}
),

column_rules as (
    select * from {{ ref('base_intake__column_rules') }}
    where export_name = 'visits'
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
        alternatives={'visit_date': ['nominal_timepoint', 'unscheduled']}
    ) }}
),

judged as (
    {{ judge_records(
        key,
        records='read_records',
        column_rules='column_rules',
        patients='base_clinic__patients',
        dated_by='visit_date'
    ) }}
),

final as (
    select
        source_file,
        record_number,
        line_number,
        visit_id,
        patient_id,
        nominal_timepoint as nominal_timepoint_code,
        topical_adherence as topical_adherence_code,
        cast(easi_score as decimal(4, 1)) as easi_score,
        cast(itch_nrs_score as integer) as itch_nrs_score,
        cast(sleep_nrs_score as integer) as sleep_nrs_score,
        cast(dlqi_score as integer) as dlqi_score,
        cast(iga_score as integer) as iga_score,
        cast(poem_score as integer) as poem_score,
        visit_date,
        record_disposition,
        faults
    from judged
)

select * from final
