-- The flow chart, counted from the booleans of cohort_eligibility: n_excluded counts those whom no
-- earlier step removed. The first step is the register, the last the evaluable patients; a
-- criterion that the source does not apply is no step. One row per step.

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

verdicts as (
    {{ criterion_verdicts('cohort_eligibility') }}
),

failures as (
    select
        criterion_code,
        count(*) as n_failing
    from verdicts
    where not is_met
    group by criterion_code
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
        -- A criterion without a failing patient is in neither table: zero patients.
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

counted as (
    select
        steps.step_number,
        steps.criterion_code,
        steps.criterion_label,
        steps.n_excluded,
        steps.n_failing,
        register_size.n_register,
        register_size.n_register - sum(steps.n_excluded) over (
            order by steps.step_number rows between unbounded preceding and current row
        ) as n_patients
    from steps
    cross join register_size
),

final as (
    select
        cast(step_number as integer) as step_number,
        criterion_code,
        criterion_label,
        cast(n_patients as integer) as n_patients,
        cast(n_excluded as integer) as n_excluded,
        cast(n_failing as integer) as n_failing,
        100.0 * cast(n_patients as double) / nullif(n_register, 0) as register_pct
    from counted
)

select * from final
order by step_number
