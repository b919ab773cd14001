-- The scores beside those of the study (seed score_definitions, not is_wide), of the day of the
-- visit that answers for a timepoint, with baseline, change and primary response. One row per
-- enrolled patient, attended timepoint and recorded score.

with stg_clinic__scores as (
    select * from {{ ref('stg_clinic__scores') }}
),

cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

score_definitions as (
    select * from {{ ref('score_definitions') }}
),

primary_responses as (
    select * from {{ ref('score_responses') }}
    where is_primary
),

-- A measurement without a day belongs to the visit that its label has placed.
values_of_visits as (
    select
        cohort_visits.patient_id,
        cohort_visits.timepoint_code,
        stg_clinic__scores.score_code,
        stg_clinic__scores.score_value
    from stg_clinic__scores
    inner join cohort_visits
        on
            stg_clinic__scores.patient_id = cohort_visits.patient_id
            and (
                stg_clinic__scores.visit_date = cohort_visits.visit_date
                or stg_clinic__scores.visit_date is null
                and cohort_visits.is_placed_by_label
                and stg_clinic__scores.nominal_timepoint_code = cohort_visits.timepoint_code
            )
),

changes as (
    select
        values_of_visits.*,
        baselines.score_value as baseline_value,
        values_of_visits.score_value - baselines.score_value as change_from_baseline
    from values_of_visits
    left join values_of_visits as baselines
        on
            values_of_visits.patient_id = baselines.patient_id
            and values_of_visits.score_code = baselines.score_code
            and baselines.timepoint_code = 'baseline'
),

-- A response is an improvement from baseline; the baseline has none.
improvements as (
    select
        changes.*,
        primary_responses.response_kind,
        primary_responses.threshold_value,
        case
            when changes.timepoint_code = 'baseline' then null
            when score_definitions.direction = 'higher_is_better' then changes.change_from_baseline
            else -changes.change_from_baseline
        end as improvement
    from changes
    inner join score_definitions
        on changes.score_code = score_definitions.score_code
    left join primary_responses
        on changes.score_code = primary_responses.score_code
),

final as (
    select
        patient_id,
        timepoint_code,
        score_code,
        cast(score_value as decimal(4, 1)) as score_value,
        cast(baseline_value as decimal(4, 1)) as baseline_value,
        cast(change_from_baseline as decimal(5, 1)) as change_from_baseline,
        -- No percent change from a baseline of 0.
        100.0 * cast(change_from_baseline as double) / nullif(cast(baseline_value as double), 0)
            as percent_change_from_baseline,
        case response_kind
            when 'points' then improvement >= threshold_value
            when 'percent'
                then 100 * improvement >= threshold_value * nullif(abs(baseline_value), 0)
        end as has_response
    from improvements
)

select * from final
