-- The study's bands, the levels that the study counts and the indications for systemic therapy
-- share some cuts: the study's mild EASI is the EASI below 7, its severe EASI the EASI above 21.
with study_bands as (
    select * from {{ ref('score_bands') }}
    where scheme_code = 'study'
),

levels as (
    select * from {{ ref('score_responses') }}
    where response_kind in ('below', 'above')
),

faults as (
    select
        'level is no cut of the study bands' as broken_rule,
        levels.response_code as column_name
    from levels
    left join study_bands
        on
            levels.score_code = study_bands.score_code
            and (
                levels.response_kind = 'below'
                and levels.threshold_value = study_bands.upper_value
                and not study_bands.is_upper_inclusive
                or levels.response_kind = 'above'
                and levels.threshold_value = study_bands.lower_value
                and not study_bands.is_lower_inclusive
            )
    where study_bands.band_code is null
    union all
    select
        'at most is no upper end of a band' as broken_rule,
        responses.response_code as column_name
    from {{ ref('score_responses') }} as responses
    left join {{ ref('score_bands') }} as bands
        on
            responses.score_code = bands.score_code
            and responses.threshold_value = bands.upper_value
            and bands.is_upper_inclusive
    where responses.response_kind = 'at_most' and bands.band_code is null
    union all
    select
        'study band at_least is no indication' as broken_rule,
        study_bands.score_code as column_name
    from study_bands
    left join {{ ref('systemic_indications') }} as indications
        on
            study_bands.score_code = indications.score_code
            and study_bands.lower_value = indications.threshold_value
            and indications.operator = '>='
    where study_bands.band_code like 'at_least%' and indications.indication_code is null
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
