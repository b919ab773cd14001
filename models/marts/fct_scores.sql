-- Every recorded score in one long table, for charts with a choice of scores. One row per enrolled
-- patient, attended timepoint and recorded score.

with cohort_scores as (
    select * from {{ ref('cohort_scores') }}
),

cohort_score_bands as (
    select * from {{ ref('cohort_score_bands') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

scores as (
    select unnest({{ score_codes() }}) as score_code
),

-- The scores of one visit are neighbours, which keeps the file small.
visits_by_score as not materialized (
    select
        cohort_scores.*,
        scores.score_code,
        cohort_patients.pseudonym,
        cast({{ column_of_score('scores.score_code', 'SCORE_score') }} as decimal(4, 1))
            as score_value
    from cohort_scores
    inner join cohort_patients
        on cohort_scores.patient_id = cohort_patients.patient_id
    cross join scores
),

-- A score that was not recorded has no row.
recorded_scores as (
    select
        pseudonym,
        timepoint_code,
        score_code,
        score_value,
        {{ column_of_score('score_code', 'SCORE_baseline_score') }} as baseline_score,
        {{ column_of_score('score_code', 'SCORE_change_from_baseline') }} as change_from_baseline,
        {{ column_of_score('score_code', 'SCORE_percent_change_from_baseline') }}
            as percent_change_from_baseline,
        {{ column_of_score('score_code', 'has_SCORE_response') }} as has_response
    from visits_by_score
    where score_value is not null
),

final as (
    select
        recorded_scores.pseudonym as patient_id,
        recorded_scores.timepoint_code,
        recorded_scores.score_code,
        cohort_score_bands.study_band_code,
        cohort_score_bands.instrument_band_code,
        recorded_scores.score_value,
        cast(recorded_scores.baseline_score as decimal(4, 1)) as baseline_value,
        cast(recorded_scores.change_from_baseline as decimal(5, 1)) as change_from_baseline,
        recorded_scores.percent_change_from_baseline,
        recorded_scores.has_response
    from recorded_scores
    left join cohort_score_bands
        on
            recorded_scores.score_code = cohort_score_bands.score_code
            and recorded_scores.score_value = cohort_score_bands.score_value
)

select * from final
