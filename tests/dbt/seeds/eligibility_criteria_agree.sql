-- The criteria are numbered from 1, their days and dates are in order, and a criterion that
-- cohort_eligibility compares with a constant has it.
with criteria as (
    select
        *,
        row_number() over (order by criterion_number) as expected_number
    from {{ ref('eligibility_criteria') }}
),

needed_constants as (
    select
        'is_index_date_in_study_period' as criterion_code,
        'dates' as constant
    union all
    select
        'is_adult' as criterion_code,
        'threshold_value' as constant
    union all
    select
        'has_baseline_visit' as criterion_code,
        'timepoint_code' as constant
    union all
    select
        'has_severe_disease' as criterion_code,
        unnest(['threshold_value', 'days']) as constant
    union all
    select
        'has_no_concomitant_systemic' as criterion_code,
        'days' as constant
),

faults as (
    select
        'criteria are not numbered from 1' as broken_rule,
        criterion_code as column_name
    from criteria
    where criterion_number != expected_number
    union all
    select
        'last day or date before the first' as broken_rule,
        criterion_code as column_name
    from criteria
    where last_day < first_day or last_date < first_date
    union all
    select
        'days of its own beside those of a timepoint' as broken_rule,
        criterion_code as column_name
    from criteria
    where timepoint_code is not null and (first_day is not null or last_day is not null)
    union all
    select
        'constant missing' as broken_rule,
        needed_constants.criterion_code as column_name
    from needed_constants
    left join criteria
        on needed_constants.criterion_code = criteria.criterion_code
    where
        case needed_constants.constant
            when 'dates' then criteria.first_date is null or criteria.last_date is null
            when 'threshold_value' then criteria.threshold_value is null
            when 'timepoint_code' then criteria.timepoint_code is null
            when 'days' then criteria.first_day is null or criteria.last_day is null
        end
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
