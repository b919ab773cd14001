-- The algorithm has one rule for each IGA in and out of summer, each with a recommendation or the
-- reason for none, and every month has a season.
with score_definitions as (
    select * from {{ ref('score_definitions') }}
    where score_code = 'iga'
),

treatment_algorithm as (
    select * from {{ ref('treatment_algorithm') }}
),

seasons as (
    select * from {{ ref('seasons') }}
),

iga_scores as (
    select unnest(range(cast(min_value as integer), cast(max_value as integer) + 1)) as iga_score
    from score_definitions
),

summers as (
    select unnest([true, false]) as is_summer
),

cases as (
    select
        iga_scores.iga_score,
        summers.is_summer
    from iga_scores
    cross join summers
),

faults as (
    select
        'not one rule' as broken_rule,
        'IGA ' || cases.iga_score as column_name
    from cases
    left join treatment_algorithm
        on
            cases.iga_score
            between treatment_algorithm.lower_iga_score and treatment_algorithm.upper_iga_score
            and cases.is_summer = treatment_algorithm.is_index_in_summer
    group by cases.iga_score, cases.is_summer
    having count(treatment_algorithm.rule_number) != 1
    union all
    select
        'recommendation and reason for none, or neither' as broken_rule,
        'rule ' || rule_number as column_name
    from treatment_algorithm
    where (recommendation_code is null) = (no_recommendation_reason_code is null)
    union all
    select
        'recommendation without a regimen' as broken_rule,
        'rule ' || rule_number as column_name
    from treatment_algorithm
    where (recommendation_code is null) != (topical_regimen_code is null)
    union all
    select
        'month without a season' as broken_rule,
        'month ' || months.month_number as column_name
    from range(1, 13) as months (month_number)
    anti join seasons
        on months.month_number = seasons.month_number
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
