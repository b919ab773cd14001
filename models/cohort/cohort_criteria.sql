-- The eligibility criteria of the study with their days, and which of them apply to this source. A
-- mapping may name fewer criteria than the study has (a register without EASI cannot ask for it);
-- it cannot add one. One row per criterion.

with eligibility_criteria as (
    select * from {{ ref('eligibility_criteria') }}
),

visit_windows as (
    select * from {{ ref('visit_windows') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
    where word_kind = 'criterion'
),

named_criteria as (
    select count(*) as n_named from stg_intake__source_words
),

final as (
    select
        eligibility_criteria.criterion_number,
        eligibility_criteria.criterion_code,
        eligibility_criteria.criterion_label,
        eligibility_criteria.description,
        eligibility_criteria.threshold_value,
        eligibility_criteria.first_date,
        eligibility_criteria.last_date,
        -- A criterion that names a timepoint looks at the days of its window.
        coalesce(eligibility_criteria.first_day, visit_windows.first_day) as first_day,
        coalesce(eligibility_criteria.last_day, visit_windows.last_day) as last_day,
        named_criteria.n_named = 0 or stg_intake__source_words.code is not null as is_applied
    from eligibility_criteria
    cross join named_criteria
    left join visit_windows
        on eligibility_criteria.timepoint_code = visit_windows.timepoint_code
    left join stg_intake__source_words
        on eligibility_criteria.criterion_code = stg_intake__source_words.code
)

select * from final
