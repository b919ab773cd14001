-- Bare script, part 4: timepoints, scores and topical regimens.

create table marts.fct_patient_timepoints as
with extraction as (
    select
        season_start(getvariable('extraction_date'), first_month_number) as season_start_date
    from seasons
    where month_number = month(getvariable('extraction_date'))
),

timepoints as (
    select
        enrolled.patient_id,
        enrolled.pseudonym,
        enrolled.is_evaluable,
        visit_windows.timepoint_code,
        cast(visit_windows.timepoint_number as integer) as timepoint_number,
        cast(visit_windows.nominal_month as integer) as nominal_month,
        enrolled.index_season_end_date + visit_windows.last_day < extraction.season_start_date
            as is_window_over
    from enrolled
    cross join visit_windows
    cross join extraction
),

-- The baseline is null where there is no score to compare.
paired as (
    select
        attended.*,
        case when attended.easi_score is not null then baseline.easi_score end
            as easi_baseline_score,
        case when attended.itch_nrs_score is not null then baseline.itch_nrs_score end
            as itch_nrs_baseline_score,
        case when attended.sleep_nrs_score is not null then baseline.sleep_nrs_score end
            as sleep_nrs_baseline_score,
        case when attended.dlqi_score is not null then baseline.dlqi_score end
            as dlqi_baseline_score,
        case when attended.iga_score is not null then baseline.iga_score end
            as iga_baseline_score,
        case when attended.poem_score is not null then baseline.poem_score end
            as poem_baseline_score
    from attended
    left join attended as baseline
        on attended.patient_id = baseline.patient_id and baseline.timepoint_code = 'baseline'
)

select
    timepoints.pseudonym as patient_id,
    timepoints.timepoint_code,
    case
        when paired.patient_id is not null then null
        when timepoints.is_window_over then 'no_visit_in_window'
        else 'window_after_extraction'
    end as not_attended_reason_code,
    regimens.topical_regimen_code,
    case
        when paired.patient_id is null then 'not_attended'
        when not timepoints.is_evaluable then 'patient_not_evaluable'
        when not regimens.is_reviewed then 'not_reviewed'
    end as regimen_not_evaluable_reason_code,
    easi_bands.study_band_code as easi_study_band_code,
    easi_bands.instrument_band_code as easi_leshem_band_code,
    dlqi_bands.instrument_band_code as dlqi_band_code,
    paired.nominal_timepoint as nominal_timepoint_code,
    timepoints.timepoint_number,
    timepoints.nominal_month,
    paired.easi_score,
    paired.easi_baseline_score,
    cast(paired.easi_score - paired.easi_baseline_score as decimal(4, 1)) as easi_change_from_baseline,
    100.0 * cast(paired.easi_score - paired.easi_baseline_score as double)
    / nullif(cast(paired.easi_baseline_score as double), 0)
        as easi_percent_change_from_baseline,
    paired.easi_first_visit_score,
    paired.easi_last_visit_score,
    paired.itch_nrs_score,
    paired.itch_nrs_baseline_score,
    paired.itch_nrs_score - paired.itch_nrs_baseline_score as itch_nrs_change_from_baseline,
    100.0 * cast(paired.itch_nrs_score - paired.itch_nrs_baseline_score as double)
    / nullif(cast(paired.itch_nrs_baseline_score as double), 0)
        as itch_nrs_percent_change_from_baseline,
    paired.sleep_nrs_score,
    paired.sleep_nrs_baseline_score,
    paired.sleep_nrs_score - paired.sleep_nrs_baseline_score as sleep_nrs_change_from_baseline,
    100.0 * cast(paired.sleep_nrs_score - paired.sleep_nrs_baseline_score as double)
    / nullif(cast(paired.sleep_nrs_baseline_score as double), 0)
        as sleep_nrs_percent_change_from_baseline,
    paired.dlqi_score,
    paired.dlqi_baseline_score,
    paired.dlqi_score - paired.dlqi_baseline_score as dlqi_change_from_baseline,
    100.0 * cast(paired.dlqi_score - paired.dlqi_baseline_score as double)
    / nullif(cast(paired.dlqi_baseline_score as double), 0)
        as dlqi_percent_change_from_baseline,
    paired.iga_score,
    paired.iga_baseline_score,
    paired.iga_score - paired.iga_baseline_score as iga_change_from_baseline,
    100.0 * cast(paired.iga_score - paired.iga_baseline_score as double)
    / nullif(cast(paired.iga_baseline_score as double), 0)
        as iga_percent_change_from_baseline,
    paired.poem_score,
    paired.poem_baseline_score,
    paired.poem_score - paired.poem_baseline_score as poem_change_from_baseline,
    100.0 * cast(paired.poem_score - paired.poem_baseline_score as double)
    / nullif(cast(paired.poem_baseline_score as double), 0)
        as poem_percent_change_from_baseline,
    timepoints.is_evaluable,
    paired.patient_id is not null as is_attended,
    coalesce(regimens.is_reviewed, false) as is_regimen_evaluable,
    regimens.is_on_tacrolimus,
    regimens.is_on_corticosteroids,
    case
        when timepoints.timepoint_number > 0
            then
                100 * (paired.easi_baseline_score - paired.easi_score)
                >= getvariable('threshold_of')['easi_50']
                * nullif(paired.easi_baseline_score, 0)
    end as has_easi_50_response,
    case
        when timepoints.timepoint_number > 0
            then
                100 * (paired.easi_baseline_score - paired.easi_score)
                >= getvariable('threshold_of')['easi_75']
                * nullif(paired.easi_baseline_score, 0)
    end as has_easi_75_response,
    case
        when timepoints.timepoint_number > 0
            then
                100 * (paired.easi_baseline_score - paired.easi_score)
                >= getvariable('threshold_of')['easi_90']
                * nullif(paired.easi_baseline_score, 0)
    end as has_easi_90_response,
    paired.easi_score < getvariable('threshold_of')['easi_below_7'] as is_easi_below_7,
    paired.easi_score <= getvariable('threshold_of')['easi_at_most_7'] as is_easi_at_most_7,
    paired.easi_score > getvariable('threshold_of')['easi_above_21'] as is_easi_above_21,
    case
        when timepoints.timepoint_number > 0
            then paired.itch_nrs_baseline_score - paired.itch_nrs_score >= getvariable('threshold_of')['itch_nrs_4_points']
    end as has_itch_response,
    case
        when timepoints.timepoint_number > 0
            then
                paired.sleep_nrs_baseline_score - paired.sleep_nrs_score
                >= getvariable('threshold_of')['sleep_nrs_4_points']
    end as has_sleep_response,
    paired.dlqi_score < getvariable('threshold_of')['dlqi_below_10'] as is_dlqi_below_10,
    case
        when paired.nominal_timepoint != 'unscheduled'
            then paired.nominal_timepoint = timepoints.timepoint_code
    end as is_nominal_timepoint_agreed,
    case when paired.patient_id is not null then false end as is_placed_by_label,
    cast(paired.n_visits_in_window as integer) as n_visits_in_window,
    cast(paired.visit_day as integer) as visit_day,
    cast(paired.days_from_target as integer) as days_from_target,
    left(sha256(getvariable('reference_key') || paired.record_number || ' visits.csv'), 16)
        as record_reference
from timepoints
left join paired
    on
        timepoints.patient_id = paired.patient_id
        and timepoints.timepoint_code = paired.timepoint_code
left join regimens
    on
        timepoints.patient_id = regimens.patient_id
        and timepoints.timepoint_code = regimens.timepoint_code
left join banded_values as easi_bands
    on easi_bands.score_code = 'easi' and paired.easi_score = easi_bands.score_value
left join banded_values as dlqi_bands
    on dlqi_bands.score_code = 'dlqi' and paired.dlqi_score = dlqi_bands.score_value;

create table marts.fct_scores as
with score_codes as (
    select unnest(['easi', 'itch_nrs', 'sleep_nrs', 'dlqi', 'iga', 'poem']) as score_code
),

long_scores as (
    select
        timepoints.patient_id,
        timepoints.timepoint_code,
        score_codes.score_code,
        cast(
            case score_codes.score_code
                when 'easi' then timepoints.easi_score
                when 'itch_nrs' then timepoints.itch_nrs_score
                when 'sleep_nrs' then timepoints.sleep_nrs_score
                when 'dlqi' then timepoints.dlqi_score
                when 'iga' then timepoints.iga_score
                when 'poem' then timepoints.poem_score
            end as decimal(4, 1)
        ) as score_value,
        cast(
            case score_codes.score_code
                when 'easi' then timepoints.easi_baseline_score
                when 'itch_nrs' then timepoints.itch_nrs_baseline_score
                when 'sleep_nrs' then timepoints.sleep_nrs_baseline_score
                when 'dlqi' then timepoints.dlqi_baseline_score
                when 'iga' then timepoints.iga_baseline_score
                when 'poem' then timepoints.poem_baseline_score
            end as decimal(4, 1)
        ) as baseline_value,
        case score_codes.score_code
            when 'easi' then timepoints.easi_percent_change_from_baseline
            when 'itch_nrs' then timepoints.itch_nrs_percent_change_from_baseline
            when 'sleep_nrs' then timepoints.sleep_nrs_percent_change_from_baseline
            when 'dlqi' then timepoints.dlqi_percent_change_from_baseline
            when 'iga' then timepoints.iga_percent_change_from_baseline
            when 'poem' then timepoints.poem_percent_change_from_baseline
        end as percent_change_from_baseline
    from marts.fct_patient_timepoints as timepoints
    cross join score_codes
    where timepoints.is_attended
),

changes as (
    select
        *,
        score_value - baseline_value as change_from_baseline
    from long_scores
    where score_value is not null
)

select
    changes.patient_id,
    changes.timepoint_code,
    changes.score_code,
    banded_values.study_band_code,
    banded_values.instrument_band_code,
    changes.score_value,
    changes.baseline_value,
    changes.change_from_baseline,
    changes.percent_change_from_baseline,
    case
        when changes.timepoint_code = 'baseline' then null
        when score_responses.response_kind = 'points'
            then -changes.change_from_baseline >= score_responses.threshold_value
        when score_responses.response_kind = 'percent'
            then
                -100 * changes.change_from_baseline
                >= score_responses.threshold_value * nullif(changes.baseline_value, 0)
    end as has_response
from changes
inner join score_responses
    on changes.score_code = score_responses.score_code and score_responses.is_primary
left join banded_values
    on
        changes.score_code = banded_values.score_code
        and changes.score_value = banded_values.score_value;

create table marts.fct_topical_regimens as
select
    pseudonym as patient_id,
    timepoint_code,
    topical_regimen_code,
    max(topical_regimen_code) filter (timepoint_code = 'baseline') over (
        partition by patient_id
    ) as baseline_topical_regimen_code,
    last_value(topical_regimen_code ignore nulls) over (
        partition by patient_id
        order by timepoint_number
        rows between unbounded preceding and 1 preceding
    ) as previous_topical_regimen_code,
    case when not is_reviewed then 'not_reviewed' end as regimen_not_evaluable_reason_code,
    steroid_potency_code,
    cast(timepoint_number as integer) as timepoint_number,
    cast(n_active_courses as integer) as n_active_courses,
    is_reviewed as is_regimen_evaluable,
    is_on_tacrolimus,
    is_on_corticosteroids
from regimens;
