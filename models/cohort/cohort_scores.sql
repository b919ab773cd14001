{{ config(materialized='view') }}

-- The visit of a timepoint with every score beside its baseline, its change and the responses of
-- seed score_responses. A view: most of it are a few sums over cohort_visits. One row per enrolled
-- patient and attended timepoint.
-- Each score has <score>_score, <score>_baseline_score, <score>_change_from_baseline,
-- <score>_percent_change_from_baseline and has_<score>_response, its primary response.
{%- set scores = score_codes() %}

-- No common table is read twice: DuckDB would keep it whole, and would then compute every column of
-- this view for each reader, whatever the reader asks for.
with cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

baselines as (
    select * from {{ ref('cohort_visits') }}
    where timepoint_code = 'baseline'
),

score_responses as (
    select * from {{ ref('score_responses') }}
),

primary_responses as (
    select * from {{ ref('score_responses') }}
    where is_primary
),

-- One row: <score>_response_kind and <score>_threshold_value of each primary response.
primary_rules as (
    {{ one_row_of_scores('primary_responses', ['response_kind', 'threshold_value']) }}
),

-- One row: the threshold of each response that has a column of its own.
thresholds as (
    select
        max(threshold_value) filter (response_code = 'easi_50') as easi_50,
        max(threshold_value) filter (response_code = 'easi_75') as easi_75,
        max(threshold_value) filter (response_code = 'easi_90') as easi_90,
        max(threshold_value) filter (response_code = 'easi_below_7') as easi_below_7,
        max(threshold_value) filter (response_code = 'easi_at_most_7') as easi_at_most_7,
        max(threshold_value) filter (response_code = 'easi_above_21') as easi_above_21,
        max(threshold_value) filter (response_code = 'dlqi_below_10') as dlqi_below_10
    from score_responses
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
        cohort_visits.is_placed_by_label,
        cohort_visits.timepoint_code = 'baseline' as is_baseline,
        {%- for score in scores %}
        cohort_visits.{{ score }}_score,
        case when cohort_visits.{{ score }}_score is not null then baselines.{{ score }}_score end
            as {{ score }}_baseline_score,
        cohort_visits.{{ score }}_score - baselines.{{ score }}_score
            as {{ score }}_change_from_baseline,
        {%- endfor %}
        cohort_visits.easi_first_visit_score,
        cohort_visits.easi_last_visit_score,
        cohort_visits.n_visits_in_window,
        cohort_visits.timepoint_code
    from cohort_visits
    left join baselines
        on cohort_visits.patient_id = baselines.patient_id
),

final as (
    select
        changes.patient_id,
        changes.timepoint_code,
        changes.nominal_timepoint_code,
        {%- for score in scores %}
        changes.{{ score }}_score,
        changes.{{ score }}_baseline_score,
        changes.{{ score }}_change_from_baseline,
        -- No percent change from a baseline of 0.
        100.0
        * cast(changes.{{ score }}_change_from_baseline as double)
        / nullif(cast(changes.{{ score }}_baseline_score as double), 0)
            as {{ score }}_percent_change_from_baseline,
        -- A response is a fall from baseline; the baseline has none.
        case
            when changes.is_baseline then null
            when primary_rules.{{ score }}_response_kind = 'points'
                then
                    -changes.{{ score }}_change_from_baseline
                    >= primary_rules.{{ score }}_threshold_value
            when primary_rules.{{ score }}_response_kind = 'percent'
                then
                    -100 * changes.{{ score }}_change_from_baseline
                    >= primary_rules.{{ score }}_threshold_value
                    * nullif(changes.{{ score }}_baseline_score, 0)
        end as has_{{ score }}_response,
        {%- endfor %}
        -- Exact in decimals: a fall of 75 % is an EASI-75 response, one hundredth less is not.
        case
            when not changes.is_baseline
                then
                    -100 * changes.easi_change_from_baseline
                    >= thresholds.easi_50 * nullif(changes.easi_baseline_score, 0)
        end as has_easi_50_response,
        case
            when not changes.is_baseline
                then
                    -100 * changes.easi_change_from_baseline
                    >= thresholds.easi_75 * nullif(changes.easi_baseline_score, 0)
        end as has_easi_75_response,
        case
            when not changes.is_baseline
                then
                    -100 * changes.easi_change_from_baseline
                    >= thresholds.easi_90 * nullif(changes.easi_baseline_score, 0)
        end as has_easi_90_response,
        changes.easi_score < thresholds.easi_below_7 as is_easi_below_7,
        changes.easi_score <= thresholds.easi_at_most_7 as is_easi_at_most_7,
        changes.easi_score > thresholds.easi_above_21 as is_easi_above_21,
        changes.dlqi_score < thresholds.dlqi_below_10 as is_dlqi_below_10,
        changes.is_nominal_timepoint_agreed,
        changes.is_placed_by_label,
        changes.easi_first_visit_score,
        changes.easi_last_visit_score,
        changes.n_visits_in_window,
        changes.visit_day,
        changes.days_from_target,
        changes.source_file,
        changes.record_number
    from changes
    cross join primary_rules
    cross join thresholds
)

select * from final
