-- Every recorded score in one long table, for charts that choose the score. One row per enrolled
-- patient, attended timepoint and recorded score.

with cohort_scores as (
    select * from {{ ref('cohort_scores') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

final as (
    select
        cohort_patients.pseudonym as patient_id,
        cohort_scores.timepoint_code,
        cohort_scores.score_code,
        cohort_scores.study_band_code,
        cohort_scores.instrument_band_code,
        cohort_scores.score_value,
        cohort_scores.baseline_value,
        cohort_scores.change_from_baseline,
        cohort_scores.percent_change_from_baseline,
        cohort_scores.has_response
    from cohort_scores
    inner join cohort_patients
        on cohort_scores.patient_id = cohort_patients.patient_id
)

select * from final
