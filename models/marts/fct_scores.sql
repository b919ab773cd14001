-- Every recorded score in one long table, for charts that choose the score. One row per enrolled
-- patient, attended timepoint and recorded score.

with cohort_scores as (
    select * from {{ ref('cohort_scores') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

scores_of_visits as not materialized (
    select
        cohort_scores.*,
        cohort_patients.pseudonym
    from cohort_scores
    inner join cohort_patients
        on cohort_scores.patient_id = cohort_patients.patient_id
),

-- What was not recorded at an attended visit is no row here.
final as (
    {%- for score in score_codes() %}
    select
        pseudonym as patient_id,
        timepoint_code,
        '{{ score }}' as score_code,
        {{ score }}_study_band_code as study_band_code,
        {{ score }}_instrument_band_code as instrument_band_code,
        cast({{ score }}_score as decimal(4, 1)) as score_value,
        cast({{ score }}_baseline_score as decimal(4, 1)) as baseline_value,
        cast({{ score }}_change_from_baseline as decimal(5, 1)) as change_from_baseline,
        {{ score }}_percent_change_from_baseline as percent_change_from_baseline,
        has_{{ score }}_response as has_response
    from scores_of_visits
    where {{ score }}_score is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select * from final
