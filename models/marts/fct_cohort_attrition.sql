-- The flow chart, counted from the same booleans that decide who is in: each step removes those
-- whom no earlier step removed. The first step is the register, the last the evaluable patients; a
-- criterion that the source does not apply is no step.

with cohort_eligibility as (
    select * from {{ ref('cohort_eligibility') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_criteria as (
    select * from {{ ref('cohort_criteria') }}
    where is_applied
),

register_size as (
    select count(*) as n_register from cohort_eligibility
),

criterion_verdicts as (
    select
        unnest(
            [
                { 'criterion_code': 'has_index_treatment', 'is_met': has_index_treatment },
                {
                    'criterion_code': 'is_index_date_in_study_period',
                    'is_met': is_index_date_in_study_period
                },
                { 'criterion_code': 'is_adult', 'is_met': is_adult },
                { 'criterion_code': 'has_baseline_visit', 'is_met': has_baseline_visit },
                { 'criterion_code': 'has_severe_disease', 'is_met': has_severe_disease },
                {
                    'criterion_code': 'has_no_concomitant_systemic',
                    'is_met': has_no_concomitant_systemic
                }
            ]
        ) as verdict
    from cohort_eligibility
),

failures as (
    select
        verdict['criterion_code'] as criterion_code,
        count(*) as n_failing
    from criterion_verdicts
    where not verdict['is_met']
    group by verdict['criterion_code']
),

exclusions as (
    select
        first_failed_criterion_code as criterion_code,
        count(*) as n_excluded
    from cohort_eligibility
    where first_failed_criterion_code is not null
    group by first_failed_criterion_code
),

not_evaluable as (
    select count(*) as n_not_evaluable from cohort_patients
    where not is_evaluable
),

last_criterion as (
    select max(criterion_number) as criterion_number from cohort_criteria
),

steps as (
    select
        0 as step_number,
        'in_register' as criterion_code,
        'In the register' as criterion_label,
        0 as n_excluded,
        0 as n_failing
    union all
    select
        cohort_criteria.criterion_number as step_number,
        cohort_criteria.criterion_code,
        cohort_criteria.criterion_label,
        coalesce(exclusions.n_excluded, 0) as n_excluded,
        coalesce(failures.n_failing, 0) as n_failing
    from cohort_criteria
    left join exclusions
        on cohort_criteria.criterion_code = exclusions.criterion_code
    left join failures
        on cohort_criteria.criterion_code = failures.criterion_code
    union all
    select
        last_criterion.criterion_number + 1 as step_number,
        'is_evaluable' as criterion_code,
        'Adherent to topical therapy (evaluable)' as criterion_label,
        not_evaluable.n_not_evaluable as n_excluded,
        not_evaluable.n_not_evaluable as n_failing
    from last_criterion
    cross join not_evaluable
),

final as (
    select
        cast(steps.step_number as integer) as step_number,
        steps.criterion_code,
        steps.criterion_label,
        cast(
            register_size.n_register
            - sum(steps.n_excluded) over (
                order by steps.step_number rows between unbounded preceding and current row
            ) as integer
        ) as n_patients,
        cast(steps.n_excluded as integer) as n_excluded,
        cast(steps.n_failing as integer) as n_failing,
        100.0 * cast(
            register_size.n_register
            - sum(steps.n_excluded) over (
                order by steps.step_number rows between unbounded preceding and current row
            ) as double
        ) / nullif(register_size.n_register, 0) as register_pct
    from steps
    cross join register_size
)

select * from final
order by step_number
