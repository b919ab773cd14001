-- The bands of every value that a score can take, after the study's own cuts and after published
-- ones: a score can take a few hundred values at most, so each is decided once. One row per score
-- and value.

with score_definitions as (
    select * from {{ ref('score_definitions') }}
),

score_bands as (
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
    from score_definitions
),

study_bands as (
    select * from score_bands
    where scheme_code = 'study'
),

instrument_bands as (
    select * from score_bands
    where scheme_code != 'study'
),

final as (
    select
        possible_values.score_code,
        study_bands.band_code as study_band_code,
        instrument_bands.band_code as instrument_band_code,
        possible_values.score_value
    from possible_values
    left join study_bands
        on
            possible_values.score_code = study_bands.score_code
            and (
                possible_values.score_value > study_bands.lower_value
                or possible_values.score_value = study_bands.lower_value
                and study_bands.is_lower_inclusive
            )
            and (
                possible_values.score_value < study_bands.upper_value
                or possible_values.score_value = study_bands.upper_value
                and study_bands.is_upper_inclusive
            )
    left join instrument_bands
        on
            possible_values.score_code = instrument_bands.score_code
            and possible_values.score_value
            between instrument_bands.lower_value and instrument_bands.upper_value
)

select * from final
