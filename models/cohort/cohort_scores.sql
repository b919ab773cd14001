{{ config(materialized='view') }}

-- The visit that answers for a timepoint with every score, its baseline, its change and whether it
-- is a response by the score's own definition. A view: most of it are a few sums over
-- cohort_visits. One row per enrolled patient and attended timepoint, the scores side by side.
{%- set scores = score_codes() %}

with cohort_visits as not materialized (
    select * from {{ ref('cohort_visits') }}
),

score_definitions as (
    select * from {{ ref('score_definitions') }}
),

response_rules as (
    {{ response_rules() }}
),

changes as (
    select
        cohort_visits.patient_id,
        cohort_visits.nominal_timepoint_code,
        cohort_visits.visit_day,
        cohort_visits.days_from_target,
        cohort_visits.source_file,
        cohort_visits.record_number,
        cohort_visits.is_nominal_timepoint_agreed,
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
        changes.nominal_timepoint_code,
        changes.visit_day,
        changes.days_from_target,
        changes.source_file,
        changes.record_number,
        changes.is_nominal_timepoint_agreed,
        {%- for score in scores %}
        changes.{{ score }}_score,
        changes.{{ score }}_baseline_score,
        changes.{{ score }}_change_from_baseline,
        -- No percent change from a baseline of 0.
        100.0
        * cast(changes.{{ score }}_change_from_baseline as double)
        / nullif(cast(changes.{{ score }}_baseline_score as double), 0)
            as {{ score }}_percent_change_from_baseline,
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
)

select * from final
