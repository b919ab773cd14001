-- A code or label that says a number says the number of its row: easi_75 has threshold 75, week_04
-- is week 4. Columns are named after these codes (has_easi_75_response, is_easi_below_7), so a seed
-- that changes the number must change the code, and with it the column.
with expected_names as (
    select
        'score_responses.response_code' as column_name,
        response_code as name,
        score_code || case response_kind
            when 'percent' then '_{}'
            when 'points' then '_{}_points'
            when 'below' then '_below_{}'
            when 'at_most' then '_at_most_{}'
            when 'above' then '_above_{}'
        end as pattern,
        threshold_value as number
    from {{ ref('score_responses') }}
    union all
    select
        'score_responses.response_label' as column_name,
        regexp_extract(response_label, '[0-9.]+') as name,
        '{}' as pattern,
        threshold_value as number
    from {{ ref('score_responses') }}
    union all
    select
        'systemic_indications.indication_label' as column_name,
        regexp_extract(indication_label, '[0-9.]+') as name,
        '{}' as pattern,
        threshold_value as number
    from {{ ref('systemic_indications') }}
    where score_code is not null
    union all
    select
        'eligibility_criteria.description' as column_name,
        description as name,
        'The patient is at least {} completed years old on day 0.' as pattern,
        threshold_value as number
    from {{ ref('eligibility_criteria') }}
    where criterion_code = 'is_adult'
    union all
    select
        'systemic_indications.indication_code' as column_name,
        indication_code as name,
        score_code || case operator when '>' then '_above_{}' when '>=' then '_at_least_{}' end
            as pattern,
        threshold_value as number
    from {{ ref('systemic_indications') }}
    where score_code is not null
    union all
    select
        'visit_windows.timepoint_code' as column_name,
        timepoint_code as name,
        case when nominal_week < 10 then 'week_0{}' else 'week_{}' end as pattern,
        nominal_week as number
    from {{ ref('visit_windows') }}
    where timepoint_code != 'baseline'
    union all
    select
        'visit_windows.timepoint_label' as column_name,
        timepoint_label as name,
        'Week {}' as pattern,
        nominal_week as number
    from {{ ref('visit_windows') }}
    where timepoint_code != 'baseline'
    union all
    select
        'score_bands.band_code' as column_name,
        band_code as name,
        'below_{}' as pattern,
        upper_value as number
    from {{ ref('score_bands') }}
    where band_code like 'below%'
    union all
    select
        'score_bands.band_code' as column_name,
        band_code as name,
        'at_least_{}' as pattern,
        lower_value as number
    from {{ ref('score_bands') }}
    where band_code like 'at_least%'
    union all
    select
        'score_bands.band_label' as column_name,
        band_label as name,
        'Below {}' as pattern,
        upper_value as number
    from {{ ref('score_bands') }}
    where band_label like 'Below%'
    union all
    select
        'score_bands.band_label' as column_name,
        band_label as name,
        '{} or more' as pattern,
        lower_value as number
    from {{ ref('score_bands') }}
    where band_label like '%or more'
    union all
    select
        'score_bands.band_code' as column_name,
        band_code as name,
        score_code || '_{}_to_' || cast(upper_value as integer) as pattern,
        lower_value as number
    from {{ ref('score_bands') }}
    where band_code like '%_to_%'
)

select
    'number in the name' as rule,
    column_name,
    count(*) as n_rows
from expected_names
where
    -- 75.0 is written 75, 7.5 is written 7.5.
    name
    is distinct from
    replace(pattern, '{}', regexp_replace(cast(number as varchar), '\.0+$', ''))
group by column_name
