-- Every recorded score in one long table, for charts that choose the score. One row per enrolled
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

-- Patients stay together: one visit's scores stand side by side, and the file stays small.
visits_by_score as not materialized (
    select
        cohort_scores.*,
        scores.score_code,
        cohort_patients.pseudonym,
        cast({{ of_score('SCORE_score') }} as decimal(4, 1)) as score_value
    from cohort_scores
    inner join cohort_patients
        on cohort_scores.patient_id = cohort_patients.patient_id
    cross join scores
),

-- What was not recorded at an attended visit is no row here.
recorded_scores as (
    select
        pseudonym,
        timepoint_code,
        score_code,
        score_value,
        {{ of_score('SCORE_baseline_score') }} as baseline_score,
        {{ of_score('SCORE_change_from_baseline') }} as change_from_baseline,
        {{ of_score('SCORE_percent_change_from_baseline') }} as percent_change_from_baseline,
        {{ of_score('has_SCORE_response') }} as has_response
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
