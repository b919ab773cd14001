-- Bare script, part 5: first use of tacrolimus, adverse events, courses, follow-up, flow chart and
-- algorithm.

create table marts.fct_tacrolimus_initiation as
with followed as (
    select
        *,
        row_number() over (partition by patient_id order by timepoint_number)
        = timepoint_number + 1 as is_followed
    from regimens
    where is_reviewed
),

states as (
    select
        patient_id,
        min({
            'number': timepoint_number, 'code': timepoint_code, 'month': nominal_month,
            'day': visit_day, 'regimen': topical_regimen_code,
            'record': tacrolimus_record_number
        }) filter (is_on_tacrolimus and is_followed) as event,
        max({'number': timepoint_number, 'month': nominal_month, 'day': visit_day})
            filter (is_followed) as last_followed,
        max(timepoint_number) as last_number,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'baseline') as baseline,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_04') as week_04,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_16') as week_16,
        bool_or(is_on_tacrolimus) filter (timepoint_code = 'week_52') as week_52
    from followed
    group by patient_id
),

last_timepoint as (
    select max(timepoint_number) as timepoint_number from visit_windows
)

select
    enrolled.pseudonym as patient_id,
    states.event['code'] as event_timepoint_code,
    states.event['regimen'] as first_regimen_code,
    case
        when states.event is not null then null
        when states.patient_id is null then 'topical_therapy_never_reviewed'
        when states.last_followed['number'] = last_timepoint.timepoint_number
            then 'end_of_follow_up'
        when states.last_followed['number'] = states.last_number
            then 'no_later_evaluable_visit'
        else 'state_unknown'
    end as censor_reason_code,
    enrolled.sex as sex_code,
    enrolled.disease_course as disease_course_code,
    enrolled.clinical_phenotype as clinical_phenotype_code,
    cast(
        coalesce(states.event['month'], states.last_followed['month'], 0) as integer
    ) as duration_months,
    cast(coalesce(states.event['day'], states.last_followed['day'], 0) as integer)
        as duration_days,
    cast(completed_years(enrolled.birth_date, enrolled.index_date) as integer)
        as age_at_index_years,
    attended.dlqi_score as dlqi_baseline_score,
    states.event is not null as is_event,
    states.baseline as is_on_tacrolimus_at_baseline,
    enrolled.sex = 'female' as is_female,
    enrolled.disease_course = 'relapsing' as is_relapsing,
    enrolled.clinical_phenotype = 'generalized' as is_generalized,
    states.week_04 is not null and not (states.baseline) as is_at_risk_week_04,
    states.week_04 and not (states.baseline) as has_initiated_week_04,
    states.week_16 is not null and not (states.baseline or states.week_04) as is_at_risk_week_16,
    states.week_16 and not (states.baseline or states.week_04) as has_initiated_week_16,
    states.week_52 is not null and not (states.baseline or states.week_04 or states.week_16) as is_at_risk_week_52,
    states.week_52 and not (states.baseline or states.week_04 or states.week_16) as has_initiated_week_52,
    left(sha256(getvariable('reference_key') || states.event['record'] || ' prescriptions.csv'), 16)
        as record_reference
from enrolled
cross join last_timepoint
left join states
    on enrolled.patient_id = states.patient_id
left join attended
    on enrolled.patient_id = attended.patient_id and attended.timepoint_code = 'baseline'
where enrolled.is_evaluable;

create table marts.fct_adverse_events as
select
    enrolled.pseudonym as patient_id,
    cast(
        row_number() over (
            partition by adverse_events.patient_id
            order by
                adverse_events.onset_date,
                coalesce(adverse_event_terms.adverse_event_code, 'unmapped'),
                adverse_events.is_serious = 'yes',
                adverse_events.outcome,
                adverse_events.rowid
        ) as integer
    ) as adverse_event_number,
    coalesce(adverse_event_terms.adverse_event_code, 'unmapped') as adverse_event_code,
    coalesce(adverse_event_terms.adverse_event_label, 'Not on the term list')
        as adverse_event_label,
    adverse_events.outcome as outcome_code,
    adverse_events.is_serious = 'yes' as is_serious,
    adverse_events.onset_date >= enrolled.index_date as is_treatment_emergent,
    false as is_onset_date_partial,
    cast(adverse_events.onset_date - enrolled.index_date as integer) as onset_day,
    left(sha256(getvariable('reference_key') || (adverse_events.rowid + 1) || ' adverse_events.csv'), 16)
        as record_reference
from adverse_events
inner join enrolled
    on adverse_events.patient_id = enrolled.patient_id
left join adverse_event_terms
    on adverse_events.event_term = adverse_event_terms.term;

create table marts.fct_treatment_courses as
select
    enrolled.pseudonym as patient_id,
    courses.treatment_class_code,
    courses.substance_code,
    cast(null as varchar) as stop_reason_code,
    left(sha256(getvariable('reference_key') || courses.record_number || ' prescriptions.csv'), 16)
        as record_reference,
    false as is_undated,
    false as is_partial,
    false as is_earlier_only,
    courses.end_date = date 'infinity' as is_ongoing,
    cast(courses.start_date - enrolled.index_date as integer) as start_day,
    case
        when courses.end_date < date 'infinity'
            then cast(courses.end_date - enrolled.index_date as integer)
    end as end_day
from courses
inner join enrolled
    on courses.patient_id = enrolled.patient_id
where courses.treatment_class_code != 'unmapped';

create table marts.fct_follow_up as
with onsets as (
    select
        patient_id,
        min(onset_date) as first_onset_date,
        max(onset_date) as last_onset_date
    from adverse_events
    group by patient_id
),

attended_days as (
    select
        patient_id,
        max(visit_day) as last_attended_day
    from attended
    group by patient_id
),

-- A window is over if it ends before the first day of the season of the extraction.
extraction as (
    select season_start(getvariable('extraction_date'), first_month_number) as season_start_date
    from seasons
    where month_number = month(getvariable('extraction_date'))
),

last_days as (
    select
        max(last_day) filter (timepoint_code = 'baseline') as baseline,
        max(last_day) filter (timepoint_code = 'week_04') as week_04,
        max(last_day) filter (timepoint_code = 'week_16') as week_16,
        max(last_day) filter (timepoint_code = 'week_52') as week_52
    from visit_windows
)

select
    enrolled.pseudonym as patient_id,
    cast(null as varchar) as end_of_observation_reason_code,
    enrolled.index_season_end_date + last_days.baseline < extraction.season_start_date
        as is_window_over_baseline,
    enrolled.index_season_end_date + last_days.week_04 < extraction.season_start_date
        as is_window_over_week_04,
    enrolled.index_season_end_date + last_days.week_16 < extraction.season_start_date
        as is_window_over_week_16,
    enrolled.index_season_end_date + last_days.week_52 < extraction.season_start_date
        as is_window_over_week_52,
    cast(
        least(enrolled.first_recorded_date, onsets.first_onset_date) - enrolled.index_date
        as integer
    ) as first_recorded_day,
    cast(
        greatest(enrolled.last_recorded_date, onsets.last_onset_date) - enrolled.index_date
        as integer
    ) as last_recorded_day,
    cast(null as integer) as last_contact_day,
    cast(greatest(attended_days.last_attended_day, 0) as integer) as end_of_observation_day,
    0 as n_refused_adverse_events
from enrolled
cross join extraction
cross join last_days
left join onsets
    on enrolled.patient_id = onsets.patient_id
left join attended_days
    on enrolled.patient_id = attended_days.patient_id;

create table marts.fct_cohort_attrition as
with counts as (
    select
        0 as step_number,
        'in_register' as criterion_code,
        'In the register' as criterion_label,
        0 as n_excluded,
        0 as n_failing
    union all
    select
        criteria.criterion_number as step_number,
        criteria.criterion_code,
        criteria.criterion_label,
        failed.n_excluded,
        failed.n_failing
    from criteria
    inner join (
        select
            numbers.number,
            count(*) filter (eligibility.first_failed = numbers.number) as n_excluded,
            count(*) filter (not eligibility.verdicts[numbers.number]) as n_failing
        from eligibility
        cross join range(1, 7) as numbers (number)
        group by numbers.number
    ) as failed
        on criteria.criterion_number = failed.number
    union all
    select
        7 as step_number,
        'is_evaluable' as criterion_code,
        'Adherent to topical therapy (evaluable)' as criterion_label,
        count(*) filter (not is_evaluable) as n_excluded,
        count(*) filter (not is_evaluable) as n_failing
    from enrolled
),

register as (
    select count(*) as n_register from eligibility
)

select
    cast(counts.step_number as integer) as step_number,
    counts.criterion_code,
    counts.criterion_label,
    cast(
        register.n_register - sum(counts.n_excluded) over (order by counts.step_number)
        as integer
    ) as n_patients,
    cast(counts.n_excluded as integer) as n_excluded,
    cast(counts.n_failing as integer) as n_failing,
    100.0 * cast(
        register.n_register - sum(counts.n_excluded) over (order by counts.step_number)
        as double
    ) / register.n_register as register_pct
from counts
cross join register
order by counts.step_number;

-- A score that alone indicates nothing counts as not reached; one that is not recorded as not known.
create temp macro is_reached(score_code, score) as
    case getvariable('indication_of')[score_code].operator
        when '>' then score > getvariable('indication_of')[score_code].threshold_value
        when '>=' then score >= getvariable('indication_of')[score_code].threshold_value
        else false
    end;

create table marts.fct_treatment_algorithm as
with assessed as (
    select
        attended.pseudonym,
        attended.timepoint_code,
        attended.iga_score,
        enrolled.index_season_code,
        regimens.topical_regimen_code,
        enrolled.involves_face
        or enrolled.involves_hands
        or enrolled.involves_genitalia
        or is_reached('easi', attended.easi_score)
        or is_reached('itch_nrs', attended.itch_nrs_score)
        or is_reached('sleep_nrs', attended.sleep_nrs_score)
        or is_reached('dlqi', attended.dlqi_score)
        or is_reached('iga', attended.iga_score)
        or is_reached('poem', attended.poem_score) as is_systemic_indicated
    from attended
    inner join enrolled
        on attended.patient_id = enrolled.patient_id
    left join regimens
        on
            attended.patient_id = regimens.patient_id
            and attended.timepoint_code = regimens.timepoint_code
)

select
    assessed.pseudonym as patient_id,
    assessed.timepoint_code,
    algorithm.recommendation_code,
    case
        when assessed.iga_score is null then 'iga_not_recorded'
        else algorithm.no_recommendation_reason_code
    end as no_recommendation_reason_code,
    algorithm.topical_regimen_code as recommended_topical_regimen_code,
    assessed.topical_regimen_code,
    assessed.index_season_code,
    assessed.iga_score,
    assessed.topical_regimen_code = algorithm.topical_regimen_code as is_agreed,
    assessed.is_systemic_indicated
from assessed
left join algorithm
    on
        assessed.iga_score between algorithm.lower_iga_score and algorithm.upper_iga_score
        and (assessed.index_season_code = 'summer') = algorithm.is_index_in_summer;
