-- A season is all months from its first to its last, the new year in between or not.
with seasons as (
    select
        *,
        (month_number - first_month_number + 12) % 12 as months_after_first,
        (last_month_number - first_month_number + 12) % 12 as months_to_last
    from {{ ref('seasons') }}
)

select
    season_code,
    count(*) as n_months
from seasons
group by season_code
having
    max(months_after_first) > max(months_to_last)
    or count(*) != max(months_to_last) + 1
    or min(first_month_number) != max(first_month_number)
    or min(last_month_number) != max(last_month_number)
