-- Every recorded score in one long table, for charts with a choice of scores. One row per enrolled
-- patient, attended timepoint and recorded score.
{%- set columns = {
    'score_value': 'SCORE_score',
    'baseline_value': 'SCORE_baseline_score',
    'change_from_baseline': 'SCORE_change_from_baseline',
    'percent_change_from_baseline': 'SCORE_percent_change_from_baseline',
    'has_response': 'has_SCORE_response'
} %}

with cohort_scores as (
    select * from {{ ref('cohort_scores') }}
),

cohort_long_scores as (
    select * from {{ ref('cohort_long_scores') }}
),

cohort_score_bands as (
    select * from {{ ref('cohort_score_bands') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

wide_scores as (
    select unnest({{ score_codes() }}) as score_code
),

-- The scores of one visit are neighbours, which keeps the file small.
visits_by_score as not materialized (
    select
        cohort_scores.timepoint_code,
        wide_scores.score_code,
        {%- for name, pattern in columns.items() %}
        case wide_scores.score_code
            {%- for score in score_codes() %}
            when '{{ score }}' then cohort_scores.{{ pattern | replace('SCORE', score) }}
            {%- endfor %}
        end as {{ name }},
        {%- endfor %}
        cohort_patients.pseudonym
    from cohort_scores
    inner join cohort_patients
        on cohort_scores.patient_id = cohort_patients.patient_id
    cross join wide_scores
),

-- A score that was not recorded has no row.
recorded_scores as not materialized (
    select
        pseudonym,
        timepoint_code,
        score_code,
        cast(score_value as decimal(4, 1)) as score_value,
        cast(baseline_value as decimal(4, 1)) as baseline_value,
        cast(change_from_baseline as decimal(5, 1)) as change_from_baseline,
        percent_change_from_baseline,
        has_response
    from visits_by_score
    where score_value is not null
    union all
    select
        cohort_patients.pseudonym,
        cohort_long_scores.timepoint_code,
        cohort_long_scores.score_code,
        cohort_long_scores.score_value,
        cohort_long_scores.baseline_value,
        cohort_long_scores.change_from_baseline,
        cohort_long_scores.percent_change_from_baseline,
        cohort_long_scores.has_response
    from cohort_long_scores
    inner join cohort_patients
        on cohort_long_scores.patient_id = cohort_patients.patient_id
),

final as (
    select
        recorded_scores.pseudonym as patient_id,
        recorded_scores.timepoint_code,
        recorded_scores.score_code,
        cohort_score_bands.study_band_code,
        cohort_score_bands.instrument_band_code,
        recorded_scores.score_value,
        recorded_scores.baseline_value,
        recorded_scores.change_from_baseline,
        recorded_scores.percent_change_from_baseline,
        recorded_scores.has_response
    from recorded_scores
    left join cohort_score_bands
        on
            recorded_scores.score_code = cohort_score_bands.score_code
            and recorded_scores.score_value = cohort_score_bands.score_value
)

select * from final
