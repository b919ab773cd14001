-- What the study's proposed algorithm would have recommended at each visit, from IGA and the season
-- in which the index treatment started, whether systemic therapy is indicated by the criteria of
-- the study's introduction, and whether the prescription agreed. One row per enrolled patient and
-- attended timepoint.
{%- set scores = score_codes() %}

with cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_topical_regimens as (
    select * from {{ ref('cohort_topical_regimens') }}
),

treatment_algorithm as (
    select * from {{ ref('treatment_algorithm') }}
),

systemic_indications as (
    select * from {{ ref('systemic_indications') }}
),

-- One row: <score>_operator and <score>_threshold_value of each score that alone can indicate
-- systemic therapy; null for the others.
indications as (
    {{ one_row_of_scores('systemic_indications', ['operator', 'threshold_value']) }}
),

assessed as (
    select
        cohort_visits.patient_id,
        cohort_patients.pseudonym,
        cohort_visits.timepoint_code,
        cohort_visits.iga_score,
        cohort_patients.index_season_code,
        cohort_topical_regimens.topical_regimen_code,
        -- One met indication is enough; with none met and one not known the result is not known.
        (
            coalesce(
                cohort_patients.involves_face
                or cohort_patients.involves_hands
                or cohort_patients.involves_genitalia,
                false
            )
            or case when cohort_patients.critical_area_code is not null then false end
            {%- for score in scores %}
            or case
                when indications.{{ score }}_operator is null then false
                when indications.{{ score }}_operator = '>='
                    then cohort_visits.{{ score }}_score >= indications.{{ score }}_threshold_value
                when indications.{{ score }}_operator = '>'
                    then cohort_visits.{{ score }}_score > indications.{{ score }}_threshold_value
            end
            {%- endfor %}
        ) as is_systemic_indicated
    from cohort_visits
    inner join cohort_patients
        on cohort_visits.patient_id = cohort_patients.patient_id
    left join cohort_topical_regimens
        on
            cohort_visits.patient_id = cohort_topical_regimens.patient_id
            and cohort_visits.timepoint_code = cohort_topical_regimens.timepoint_code
    cross join indications
),

final as (
    select
        assessed.pseudonym as patient_id,
        assessed.timepoint_code,
        treatment_algorithm.recommendation_code,
        treatment_algorithm.topical_regimen_code as recommended_topical_regimen_code,
        assessed.topical_regimen_code,
        assessed.index_season_code,
        assessed.iga_score,
        assessed.is_systemic_indicated,
        case
            when assessed.iga_score is null then 'iga_not_recorded'
            when assessed.index_season_code is null then 'index_season_not_known'
            else treatment_algorithm.no_recommendation_reason_code
        end as no_recommendation_reason_code,
        assessed.topical_regimen_code = treatment_algorithm.topical_regimen_code as is_agreed
    from assessed
    left join treatment_algorithm
        on
            assessed.iga_score
            between treatment_algorithm.lower_iga_score and treatment_algorithm.upper_iga_score
            and (assessed.index_season_code = 'summer') = treatment_algorithm.is_index_in_summer
)

select * from final
