-- The bands of the scores by scheme: the study's own cuts and each instrument's published bands.
-- One row per scheme, score and band.

with score_bands as (
    select * from {{ ref('score_bands') }}
),

final as (
    select
        scheme_code,
        score_code,
        band_code,
        band_label,
        band_number,
        lower_value,
        upper_value,
        is_lower_inclusive,
        is_upper_inclusive
    from score_bands
)

select * from final
