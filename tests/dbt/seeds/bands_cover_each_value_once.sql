-- Every value that a score can take is in exactly one band of each scheme that has the score, and
-- the bands are numbered from 1 in the order of the values. A scheme of an instrument has closed
-- bands, as cohort_score_bands reads them.
with score_bands as (
    select * from {{ ref('score_bands') }}
),

possible_values as (
    select
        score_code,
        cast(
            step * unnest(
                range(cast(min_value / step as integer), cast(max_value / step as integer) + 1)
            ) as decimal(4, 1)
        ) as score_value
    from {{ ref('score_definitions') }}
),

schemes as (
    select distinct
        scheme_code,
        score_code
    from score_bands
),

banded_values as (
    select
        schemes.scheme_code,
        schemes.score_code,
        possible_values.score_value,
        count(score_bands.band_code) as n_bands,
        min(score_bands.band_number) as band_number
    from schemes
    inner join possible_values
        on schemes.score_code = possible_values.score_code
    left join score_bands
        on
            schemes.scheme_code = score_bands.scheme_code
            and schemes.score_code = score_bands.score_code
            and (
                possible_values.score_value > score_bands.lower_value
                or possible_values.score_value = score_bands.lower_value
                and score_bands.is_lower_inclusive
            )
            and (
                possible_values.score_value < score_bands.upper_value
                or possible_values.score_value = score_bands.upper_value
                and score_bands.is_upper_inclusive
            )
    group by schemes.scheme_code, schemes.score_code, possible_values.score_value
),

ordered_values as (
    select
        *,
        coalesce(
            lag(band_number) over (
                partition by scheme_code, score_code
                order by score_value
            ),
            0
        ) as previous_band_number
    from banded_values
),

faults as (
    select
        'value without a band or in two' as broken_rule,
        scheme_code || ' ' || score_code as column_name
    from ordered_values
    where n_bands != 1
    union all
    select
        'bands not numbered from 1 in the order of the values' as broken_rule,
        scheme_code || ' ' || score_code as column_name
    from ordered_values
    where band_number - previous_band_number not in (0, 1)
    union all
    select
        'open end in a scheme of an instrument' as broken_rule,
        scheme_code || ' ' || score_code as column_name
    from score_bands
    where scheme_code != 'study' and not (is_lower_inclusive and is_upper_inclusive)
    union all
    select
        'two schemes of instruments for one score' as broken_rule,
        score_code as column_name
    from schemes
    where scheme_code != 'study'
    group by score_code
    having count(*) > 1
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
