-- Every recorded score at an attended timepoint with its baseline, its change, its bands and
-- whether it is a response by the score's own definition. One row per enrolled patient, attended
-- timepoint and score.

with cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

score_definitions as (
    select * from {{ ref('score_definitions') }}
),

score_bands as (
    select * from {{ ref('score_bands') }}
),

long_scores as (
    select
        patient_id,
        timepoint_code,
        unnest(
            [
                { 'code': 'easi', 'value': cast(easi_score as decimal(4, 1)) },
                { 'code': 'itch_nrs', 'value': cast(itch_nrs_score as decimal(4, 1)) },
                { 'code': 'sleep_nrs', 'value': cast(sleep_nrs_score as decimal(4, 1)) },
                { 'code': 'dlqi', 'value': cast(dlqi_score as decimal(4, 1)) },
                { 'code': 'iga', 'value': cast(iga_score as decimal(4, 1)) },
                { 'code': 'poem', 'value': cast(poem_score as decimal(4, 1)) }
            ]
        ) as score
    from cohort_visits
),

-- What was not recorded at an attended visit is no row here.
recorded_scores as (
    select
        patient_id,
        timepoint_code,
        score['code'] as score_code,
        score['value'] as score_value
    from long_scores
    where score['value'] is not null
),

baseline_scores as (
    select * from recorded_scores
    where timepoint_code = 'baseline'
),

changes as (
    select
        recorded_scores.patient_id,
        recorded_scores.timepoint_code,
        recorded_scores.score_code,
        recorded_scores.score_value,
        baseline_scores.score_value as baseline_value,
        recorded_scores.score_value - baseline_scores.score_value as change_from_baseline,
        -- No percent change from a baseline of 0.
        100.0
        * cast(recorded_scores.score_value - baseline_scores.score_value as double)
        / nullif(cast(baseline_scores.score_value as double), 0)
            as percent_change_from_baseline
    from recorded_scores
    left join baseline_scores
        on
            recorded_scores.patient_id = baseline_scores.patient_id
            and recorded_scores.score_code = baseline_scores.score_code
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
        changes.patient_id,
        changes.timepoint_code,
        changes.score_code,
        study_bands.band_code as study_band_code,
        instrument_bands.band_code as instrument_band_code,
        changes.score_value,
        changes.baseline_value,
        changes.change_from_baseline,
        changes.percent_change_from_baseline,
        -- A response is a fall by the score's own threshold; the baseline cannot respond to itself.
        case
            when changes.timepoint_code = 'baseline' then null
            when score_definitions.response_kind = 'points'
                then -changes.change_from_baseline >= score_definitions.response_threshold
            when score_definitions.response_kind = 'percent'
                then
                    -100 * changes.change_from_baseline
                    >= score_definitions.response_threshold * nullif(changes.baseline_value, 0)
        end as has_response
    from changes
    inner join score_definitions
        on changes.score_code = score_definitions.score_code
    left join study_bands
        on
            changes.score_code = study_bands.score_code
            and (
                changes.score_value > study_bands.lower_value
                or changes.score_value = study_bands.lower_value and study_bands.is_lower_inclusive
            )
            and (
                changes.score_value < study_bands.upper_value
                or changes.score_value = study_bands.upper_value and study_bands.is_upper_inclusive
            )
    left join instrument_bands
        on
            changes.score_code = instrument_bands.score_code
            and changes.score_value
            between instrument_bands.lower_value and instrument_bands.upper_value
)

select * from final
