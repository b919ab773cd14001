-- The scores that the registry knows with range, step and primary response. One row per score.

with score_definitions as (
    select * from {{ ref('score_definitions') }}
),

primary_responses as (
    select * from {{ ref('score_responses') }}
    where is_primary
),

final as (
    select
        score_definitions.score_code,
        score_definitions.score_label,
        score_definitions.direction,
        primary_responses.response_kind,
        score_definitions.unit,
        score_definitions.min_value,
        score_definitions.max_value,
        score_definitions.step,
        primary_responses.threshold_value as response_threshold,
        score_definitions.is_wide
    from score_definitions
    left join primary_responses
        on score_definitions.score_code = primary_responses.score_code
)

select * from final
