-- The staged visits that contradict another visit of the same patient and day in a score. None of
-- the different values counts: stg_clinic__visits leaves them out, rejected_records lists them. One
-- row per visit that loses a score.

with base_clinic__visits as not materialized (
    select
        *,
        -- Visits without a day are of one day where they are of one timepoint.
        case when visit_date is null then nominal_timepoint_code end as undated_timepoint_code
    from {{ ref('base_clinic__visits') }}
    where record_disposition = 'staged'
),

hashed_visits as not materialized (
    select
        *,
        hash(patient_id, visit_date, undated_timepoint_code) as day_hash
    from base_clinic__visits
),

-- Equal hashes are neighbours when sorted; different days may share one.
repeated_days as (
    select day_hash from hashed_visits
    qualify day_hash = lag(day_hash) over (order by day_hash)
),

visits_of_repeated_days as (
    select hashed_visits.* from hashed_visits
    semi join repeated_days
        on hashed_visits.day_hash = repeated_days.day_hash
),

-- An empty cell contradicts nothing.
compared as (
    select
        *,
        easi_score is not null
        and min(easi_score) over same_day != max(easi_score) over same_day
            as is_easi_contradicted,
        itch_nrs_score is not null
        and min(itch_nrs_score) over same_day != max(itch_nrs_score) over same_day
            as is_itch_nrs_contradicted,
        sleep_nrs_score is not null
        and min(sleep_nrs_score) over same_day != max(sleep_nrs_score) over same_day
            as is_sleep_nrs_contradicted,
        dlqi_score is not null
        and min(dlqi_score) over same_day != max(dlqi_score) over same_day
            as is_dlqi_contradicted,
        iga_score is not null
        and min(iga_score) over same_day != max(iga_score) over same_day
            as is_iga_contradicted,
        poem_score is not null
        and min(poem_score) over same_day != max(poem_score) over same_day
            as is_poem_contradicted
    from visits_of_repeated_days
    window same_day as (partition by patient_id, visit_date, undated_timepoint_code)
),

final as (
    select
        source_file,
        record_number,
        line_number,
        is_easi_contradicted,
        is_itch_nrs_contradicted,
        is_sleep_nrs_contradicted,
        is_dlqi_contradicted,
        is_iga_contradicted,
        is_poem_contradicted,
        list_filter([
            {%- for score in score_codes() %}
            {{ fault(
                "'" ~ score ~ "_score'",
                "if(is_" ~ score ~ "_contradicted, 'contradicting_visit', null)",
                "'value'",
                "cast(" ~ score ~ "_score as varchar)"
            ) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ], each -> each.rule_code is not null) as faults
    from compared
    where
        is_easi_contradicted
        or is_itch_nrs_contradicted
        or is_sleep_nrs_contradicted
        or is_dlqi_contradicted
        or is_iga_contradicted
        or is_poem_contradicted
)

select * from final
