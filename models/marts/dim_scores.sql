-- The scores of the study with range, step and what counts as a response. One row per score.

with score_definitions as (
    select * from {{ ref('score_definitions') }}
),

final as (
    select
        score_code,
        score_label,
        direction,
        response_kind,
        unit,
        min_value,
        max_value,
        step,
        response_threshold
    from score_definitions
)

select * from final
