-- The eligibility criteria of the study with their thresholds. One row per criterion.

with cohort_criteria as (
    select * from {{ ref('cohort_criteria') }}
),

final as (
    select
        criterion_number,
        criterion_code,
        criterion_label,
        description,
        threshold_value,
        first_day,
        last_day,
        strftime(first_date, '%Y-%m') as first_month,
        strftime(last_date, '%Y-%m') as last_month
    from cohort_criteria
)

select * from final
