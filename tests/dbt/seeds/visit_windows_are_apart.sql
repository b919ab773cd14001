-- Each window contains its target day, no day is in two windows, and the windows come in the order
-- of the timepoints, numbered from 0.
with windows as (
    select
        *,
        lag(last_day) over (order by timepoint_number) as previous_last_day,
        lag(nominal_month) over (order by timepoint_number) as previous_nominal_month,
        row_number() over (order by timepoint_number) - 1 as expected_number
    from {{ ref('visit_windows') }}
),

faults as (
    select
        'target day outside the window' as broken_rule,
        'target_day' as column_name
    from windows
    where target_day < first_day or target_day > last_day
    union all
    select
        'window ends before it starts' as broken_rule,
        'last_day' as column_name
    from windows
    where last_day < first_day
    union all
    select
        'window overlaps the one before' as broken_rule,
        'first_day' as column_name
    from windows
    where first_day <= previous_last_day
    union all
    select
        'target day is not the nominal week' as broken_rule,
        'target_day' as column_name
    from windows
    where target_day != 7 * nominal_week
    union all
    select
        'months do not increase' as broken_rule,
        'nominal_month' as column_name
    from windows
    where nominal_month <= previous_nominal_month
    union all
    select
        'timepoints are not numbered from 0' as broken_rule,
        'timepoint_number' as column_name
    from windows
    where timepoint_number != expected_number
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
