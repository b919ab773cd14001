-- Every wide score has columns and exactly one primary response, a long one at most one; a
-- threshold is a value that the score, or a change of it, can take.
with score_definitions as (
    select * from {{ ref('score_definitions') }}
),

score_responses as (
    select * from {{ ref('score_responses') }}
),

scores_with_columns as (
    select unnest({{ score_codes() }}) as score_code
),

thresholds as (
    select
        score_code,
        response_code as code,
        threshold_value,
        response_kind = 'percent' as is_percent
    from score_responses
    union all
    select
        score_code,
        indication_code as code,
        threshold_value,
        false as is_percent
    from {{ ref('systemic_indications') }}
    where score_code is not null
),

faults as (
    select
        'score without columns, or columns without a score' as broken_rule,
        coalesce(score_definitions.score_code, scores_with_columns.score_code) as column_name
    from score_definitions
    full outer join scores_with_columns
        on score_definitions.score_code = scores_with_columns.score_code
    where (scores_with_columns.score_code is not null) is distinct from score_definitions.is_wide
    union all
    select
        'not one primary response, a fall in percent or points' as broken_rule,
        score_definitions.score_code as column_name
    from score_definitions
    left join score_responses
        on
            score_definitions.score_code = score_responses.score_code
            and score_responses.is_primary
            and score_responses.response_kind in ('percent', 'points')
    group by score_definitions.score_code, score_definitions.is_wide
    having
        count(score_responses.response_code) > 1
        or score_definitions.is_wide and count(score_responses.response_code) = 0
    union all
    select
        'primary response that is a level' as broken_rule,
        response_code as column_name
    from score_responses
    where is_primary and response_kind not in ('percent', 'points')
    union all
    select
        'threshold that the score cannot reach' as broken_rule,
        thresholds.code as column_name
    from thresholds
    inner join score_definitions
        on thresholds.score_code = score_definitions.score_code
    where
        thresholds.threshold_value is null
        or thresholds.threshold_value <= 0
        or thresholds.threshold_value > case
            when thresholds.is_percent then 100
            else score_definitions.max_value
        end
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
