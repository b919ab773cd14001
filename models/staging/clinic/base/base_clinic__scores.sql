-- Every record of the score export, typed and judged: one measurement of a score that is no column
-- of the visits. Refused records stay here with their faults. Seed export_columns says how each
-- column is read and what a fault costs, seed score_definitions the range and step of each score.
{%- set identifiers = ['patient_id'] %}
{%- set key = ['patient_id', 'visit_date', 'nominal_timepoint', 'score', 'value'] %}
{%- set columns = {
    'visit_date': 'day',
    'nominal_timepoint': 'code',
    'score': 'code',
    'value': 'points',
} %}

with source as not materialized (
    select * from {{ source('clinic', 'scores') }}
),

column_rules as (
    select * from {{ ref('base_intake__column_rules') }}
    where export_name = 'scores'
),

known_words as (
    select * from {{ ref('base_intake__known_words') }}
),

score_definitions as (
    select * from {{ ref('score_definitions') }}
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
        alternatives={'visit_date': ['nominal_timepoint', 'unscheduled']},
        kept=['score_text', 'value_text']
    ) }}
),

-- A column of the visits is no score of this export.
measurements as (
    select
        read_records.* exclude (faults, is_refused),
        case when read_records.visit_date is null then read_records.nominal_timepoint end
            as undated_timepoint,
        case when score_definitions.is_wide then 'unknown_code' end as score_rule,
        {{ score_rule('read_records.value') }} as value_rule,
        list_concat(read_records.faults, list_filter([
            {{ fault("'score'", 'score_rule', "'record'", 'read_records.score_text') }},
            {{ fault("'value'", 'value_rule', "'record'", 'read_records.value_text') }}
        ], each -> each.rule_code is not null)) as all_faults,
        if(len(all_faults) = 0, null, all_faults) as faults,
        read_records.is_refused or coalesce(score_rule, value_rule) is not null as is_refused
    from read_records
    left join score_definitions
        on read_records.score = score_definitions.score_code
),

judged as (
    {{ judge_records(
        key,
        records='measurements',
        column_rules='column_rules',
        patients='base_clinic__patients',
        dated_by='visit_date',
        keep_first=true
    ) }}
),

-- The sound values of one patient, score and day, or timepoint where no day is known.
compared as (
    select
        *,
        case
            when record_disposition != 'staged' then null
            when min(value) over same_measurement != max(value) over same_measurement
                then 'contradicting_visit'
            when row_number() over (same_measurement order by source_file, record_number) > 1
                then 'repeated_record'
        end as day_rule
    from judged
    window same_measurement as (
        partition by record_disposition, patient_id, score, visit_date, undated_timepoint
    )
),

final as (
    select
        source_file,
        record_number,
        line_number,
        patient_id,
        nominal_timepoint as nominal_timepoint_code,
        score as score_code,
        cast(case when value_rule is null then value end as decimal(4, 1)) as score_value,
        visit_date,
        case day_rule
            when 'contradicting_visit' then 'quarantined'
            when 'repeated_record' then 'deduplicated'
            else record_disposition
        end as record_disposition,
        if(day_rule is null, faults, list_concat(faults, [
            {{ fault(
                "'value'",
                'day_rule',
                "if(day_rule = 'repeated_record', 'duplicate', 'record')",
                'value_text'
            ) }}
        ])) as faults
    from compared
)

select * from final
