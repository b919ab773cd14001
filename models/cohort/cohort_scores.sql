-- Every score of an attended timepoint with its baseline, its change, its bands and whether it is a
-- response by the score's own definition. One row per enrolled patient and attended timepoint, the
-- scores side by side.
{%- set scores = score_codes() %}

with cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

score_definitions as (
    select * from {{ ref('score_definitions') }}
),

score_bands as (
    select * from {{ ref('score_bands') }}
),

-- A score can take a few hundred values at most; the bands of each are decided once.
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

banded_values as (
    select
        possible_values.score_code,
        possible_values.score_value,
        study_bands.band_code as study_band_code,
        instrument_bands.band_code as instrument_band_code
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
),
{% for score in scores %}
{{ score }}_bands as (
    select * from banded_values
    where score_code = '{{ score }}'
),
{% endfor %}
response_rules as (
    {{ response_rules() }}
),

changes as (
    select
        cohort_visits.patient_id,
        {%- for score in scores %}
        cohort_visits.{{ score }}_score,
        case when cohort_visits.{{ score }}_score is not null then baselines.{{ score }}_score end
            as {{ score }}_baseline_score,
        cohort_visits.{{ score }}_score - baselines.{{ score }}_score
            as {{ score }}_change_from_baseline,
        {%- endfor %}
        cohort_visits.timepoint_code
    from cohort_visits
    left join cohort_visits as baselines
        on
            cohort_visits.patient_id = baselines.patient_id
            and baselines.timepoint_code = 'baseline'
),

final as (
    select
        changes.patient_id,
        {%- for score in scores %}
        changes.{{ score }}_score,
        changes.{{ score }}_baseline_score,
        changes.{{ score }}_change_from_baseline,
        -- No percent change from a baseline of 0.
        100.0
        * cast(changes.{{ score }}_change_from_baseline as double)
        / nullif(cast(changes.{{ score }}_baseline_score as double), 0)
            as {{ score }}_percent_change_from_baseline,
        {{ score }}_bands.study_band_code as {{ score }}_study_band_code,
        {{ score }}_bands.instrument_band_code as {{ score }}_instrument_band_code,
        -- A response is a fall by the score's own threshold; the baseline cannot respond to itself.
        case
            when changes.timepoint_code = 'baseline' then null
            when response_rules.{{ score }}_response_kind = 'points'
                then
                    -changes.{{ score }}_change_from_baseline
                    >= response_rules.{{ score }}_response_threshold
            when response_rules.{{ score }}_response_kind = 'percent'
                then
                    -100 * changes.{{ score }}_change_from_baseline
                    >= response_rules.{{ score }}_response_threshold
                    * nullif(changes.{{ score }}_baseline_score, 0)
        end as has_{{ score }}_response,
        {%- endfor %}
        changes.timepoint_code
    from changes
    cross join response_rules
    {%- for score in scores %}
    left join {{ score }}_bands
        on changes.{{ score }}_score = {{ score }}_bands.score_value
    {%- endfor %}
)

select * from final
