-- Who is in: one boolean per criterion of seed eligibility_criteria, their conjunction over the
-- criteria that apply, and the first one that excluded the patient. A boolean has the name of its
-- criterion; nothing else names them. One row per patient in the register.

with stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

cohort_visit_days as (
    select * from {{ ref('cohort_visit_days') }}
),

cohort_index_dates as (
    select * from {{ ref('cohort_index_dates') }}
),

cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_refused_courses as (
    select * from {{ ref('cohort_refused_courses') }}
),

treatment_classes as (
    select * from {{ ref('treatment_classes') }}
),

cohort_criteria as (
    select * from {{ ref('cohort_criteria') }}
),

study_period as (
    select * from cohort_criteria
    where criterion_code = 'is_index_date_in_study_period'
),

adult_age as (
    select * from cohort_criteria
    where criterion_code = 'is_adult'
),

baseline_visit as (
    select * from cohort_criteria
    where criterion_code = 'has_baseline_visit'
),

severe_disease as (
    select * from cohort_criteria
    where criterion_code = 'has_severe_disease'
),

concomitant_systemic as (
    select * from cohort_criteria
    where criterion_code = 'has_no_concomitant_systemic'
),

-- Seen in the baseline window; severe when the highest EASI of the screening days reaches the
-- threshold.
early_visits as (
    select
        cohort_visit_days.patient_id,
        bool_or(
            cohort_visit_days.visit_day between baseline_visit.first_day and baseline_visit.last_day
        ) as has_baseline_visit,
        max(cohort_visit_days.easi_score) filter (
            cohort_visit_days.visit_day between severe_disease.first_day and severe_disease.last_day
        ) >= any_value(severe_disease.threshold_value) as has_severe_disease
    from cohort_visit_days
    cross join baseline_visit
    cross join severe_disease
    group by cohort_visit_days.patient_id
),

-- The days that a course may have covered. A start that is written and cannot be read may be any
-- day; only a course that was written without one is without a start.
possible_courses as (
    select
        patient_id,
        treatment_class_code,
        earliest_start_date as first_possible_day,
        coalesce(latest_end_date, date 'infinity') as last_possible_day,
        is_undated and is_start_date_refused is not true as is_without_start
    from cohort_prescriptions
    where is_earlier_only is not true
    union all
    select
        patient_id,
        treatment_class_code,
        first_possible_day,
        last_possible_day,
        false as is_without_start
    from cohort_refused_courses
    where is_earlier_only is not true
),

-- On a systemic anti-inflammatory drug on any of these days, first and last day included; perhaps
-- on it, where only the month or year of its start or end is known, a date could not be read, or
-- the record was refused. A drug that is not recognised does not exclude: it is counted on the
-- worklist. Neither does a course that was over before day 0, or one without a start, unless it
-- ended on one of these days: fct_treatment_courses has them.
concomitant_patients as (
    select distinct cohort_index_dates.patient_id
    from cohort_index_dates
    inner join possible_courses
        on cohort_index_dates.patient_id = possible_courses.patient_id
    inner join treatment_classes
        on possible_courses.treatment_class_code = treatment_classes.treatment_class_code
    cross join concomitant_systemic
    where
        treatment_classes.is_systemic_anti_inflammatory
        and (
            possible_courses.is_without_start is not true
            or possible_courses.last_possible_day
            <= cohort_index_dates.index_date + concomitant_systemic.last_day
        )
        and possible_courses.first_possible_day
        <= cohort_index_dates.index_date + concomitant_systemic.last_day
        and possible_courses.last_possible_day
        >= cohort_index_dates.index_date + concomitant_systemic.first_day
),

-- A criterion that cannot be judged, for want of a date, a score or a sound record, is not met.
assessed as (
    select
        stg_clinic__patients.patient_id,
        cohort_index_dates.index_date is not null as has_index_treatment,
        coalesce(
            cohort_index_dates.index_date
            between study_period.first_date and study_period.last_date,
            false
        ) as is_index_date_in_study_period,
        -- Of a birth month or year every possible day counts: surely adult. Without a birth date
        -- the recorded age decides.
        coalesce(
            {{ completed_years(
                'stg_clinic__patients.latest_birth_date', 'cohort_index_dates.index_date'
            ) }}
            >= adult_age.threshold_value,
            stg_clinic__patients.recorded_age_at_index_years >= adult_age.threshold_value,
            false
        ) as is_adult,
        coalesce(early_visits.has_baseline_visit, false) as has_baseline_visit,
        coalesce(early_visits.has_severe_disease, false) as has_severe_disease,
        cohort_index_dates.index_date is not null
        and concomitant_patients.patient_id is null as has_no_concomitant_systemic
    from stg_clinic__patients
    left join cohort_index_dates
        on stg_clinic__patients.patient_id = cohort_index_dates.patient_id
    left join early_visits
        on stg_clinic__patients.patient_id = early_visits.patient_id
    left join concomitant_patients
        on stg_clinic__patients.patient_id = concomitant_patients.patient_id
    cross join study_period
    cross join adult_age
),

verdicts as (
    {{ criterion_verdicts('assessed') }}
),

failed_criteria as (
    select
        verdicts.patient_id,
        min(cohort_criteria.criterion_number) as first_failed_number
    from verdicts
    inner join cohort_criteria
        on verdicts.criterion_code = cohort_criteria.criterion_code and cohort_criteria.is_applied
    where not verdicts.is_met
    group by verdicts.patient_id
),

final as (
    select
        assessed.patient_id,
        cohort_criteria.criterion_code as first_failed_criterion_code,
        assessed.has_index_treatment,
        assessed.is_index_date_in_study_period,
        assessed.is_adult,
        assessed.has_baseline_visit,
        assessed.has_severe_disease,
        assessed.has_no_concomitant_systemic,
        failed_criteria.patient_id is null as is_enrolled
    from assessed
    left join failed_criteria
        on assessed.patient_id = failed_criteria.patient_id
    left join cohort_criteria
        on failed_criteria.first_failed_number = cohort_criteria.criterion_number
)

select * from final
