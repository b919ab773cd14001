-- Every recorded score in one long table, for charts that choose the score. One row per enrolled
-- patient, attended timepoint and recorded score.

with cohort_scores as (
    select * from {{ ref('cohort_scores') }}
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
        {{ of_score('SCORE_score') }} as recorded_score
    from cohort_scores
    inner join cohort_patients
        on cohort_scores.patient_id = cohort_patients.patient_id
    cross join scores
),

-- What was not recorded at an attended visit is no row here.
final as (
    select
        pseudonym as patient_id,
        timepoint_code,
        score_code,
        {{ of_score('SCORE_study_band_code') }} as study_band_code,
        {{ of_score('SCORE_instrument_band_code') }} as instrument_band_code,
        cast(recorded_score as decimal(4, 1)) as score_value,
        cast({{ of_score('SCORE_baseline_score') }} as decimal(4, 1)) as baseline_value,
        cast({{ of_score('SCORE_change_from_baseline') }} as decimal(5, 1))
            as change_from_baseline,
        {{ of_score('SCORE_percent_change_from_baseline') }} as percent_change_from_baseline,
        {{ of_score('has_SCORE_response') }} as has_response
    from visits_by_score
    where recorded_score is not null
)

select * from final
