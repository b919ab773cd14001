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
        cells='cells'
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

-- Days on which a patient has more than one visit.
repeated_days as (
    select
        patient_id,
        visit_date
    from judged
    where record_disposition = 'staged'
    group by patient_id, visit_date
    having count(*) > 1
),

-- Where visits of one patient on one day give a score different values, none of them is kept.
contradictions as (
    select
        judged.patient_id,
        judged.visit_date,
        -- A score that no visit of the day has is not contradicted.
        coalesce(min(judged.easi_score) != max(judged.easi_score), false)
            as has_other_easi,
        coalesce(min(judged.itch_nrs_score) != max(judged.itch_nrs_score), false)
            as has_other_itch_nrs,
        coalesce(min(judged.sleep_nrs_score) != max(judged.sleep_nrs_score), false)
            as has_other_sleep_nrs,
        coalesce(min(judged.dlqi_score) != max(judged.dlqi_score), false)
            as has_other_dlqi,
        coalesce(min(judged.iga_score) != max(judged.iga_score), false)
            as has_other_iga,
        coalesce(min(judged.poem_score) != max(judged.poem_score), false)
            as has_other_poem
    from judged
    inner join repeated_days
        on
            judged.patient_id = repeated_days.patient_id
            and judged.visit_date = repeated_days.visit_date
    where judged.record_disposition = 'staged'
    group by judged.patient_id, judged.visit_date
),

compared as (
    select
        judged.* exclude (faults),
        {%- for score in score_codes() %}
        contradictions.has_other_{{ score }} and judged.{{ score }}_score is not null
            as is_{{ score }}_contradicted,
        {%- endfor %}
        case
            when contradictions.patient_id is null then judged.faults
            else nullif(
                list_concat(judged.faults, list_filter([
                    {%- for score in score_codes() %}
                    {{ fault(
                        "'" ~ score ~ "_score'",
                        "if(is_" ~ score ~ "_contradicted, 'contradicting_visit', null)",
                        "'value'",
                        "cast(judged." ~ score ~ "_score as varchar)"
                    ) }}{{ ',' if not loop.last }}
                    {%- endfor %}
                ], each -> each.rule_code is not null)),
                []
            )
        end as faults
    from judged
    left join contradictions
        on
            judged.record_disposition = 'staged'
            and judged.patient_id = contradictions.patient_id
            and judged.visit_date = contradictions.visit_date
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
        cast(case when is_easi_contradicted is not true then easi_score end as decimal(4, 1))
            as easi_score,
        cast(case when is_itch_nrs_contradicted is not true then itch_nrs_score end as integer)
            as itch_nrs_score,
        cast(case when is_sleep_nrs_contradicted is not true then sleep_nrs_score end as integer)
            as sleep_nrs_score,
        cast(case when is_dlqi_contradicted is not true then dlqi_score end as integer)
            as dlqi_score,
        cast(case when is_iga_contradicted is not true then iga_score end as integer)
            as iga_score,
        cast(case when is_poem_contradicted is not true then poem_score end as integer)
            as poem_score,
        visit_date,
        record_disposition,
        faults
    from compared
)

select * from final
