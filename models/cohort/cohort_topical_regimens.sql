-- What an evaluable patient was on at an attended timepoint: two flags from the courses active on
-- the day of the visit (end day included, no end date = ongoing), and the four-level regimen
-- derived from them. Where topical therapy was not reviewed at the visit, no prescription is not
-- proof of no treatment; a course with a partial date, without a start, with an end that could not
-- be read, or a refused one, may have been active or not, and one of a drug on no list may be of
-- either kind: not evaluable. One row per evaluable patient and attended timepoint.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_visits as (
    select * from {{ ref('cohort_visits') }}
),

cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_refused_courses as (
    select * from {{ ref('cohort_refused_courses') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

treatment_classes as (
    select * from {{ ref('treatment_classes') }}
),

steroid_potencies as (
    select * from {{ ref('code_labels') }}
    where code_kind = 'steroid_potency'
),

-- The classes that make a regimen; the potency as its rank, mild first. A drug on no list may be
-- one of them, unless it was not for the skin: is_tacrolimus is null.
topical_drugs as (
    select
        cohort_drugs.drug_number,
        steroid_potencies.code_number as potency_rank,
        treatment_classes.topical_regimen_code = 'tacrolimus' as is_tacrolimus
    from cohort_drugs
    left join treatment_classes
        on cohort_drugs.treatment_class_code = treatment_classes.treatment_class_code
    left join steroid_potencies
        on cohort_drugs.steroid_potency_code = steroid_potencies.code
    where
        treatment_classes.topical_regimen_code is not null
        or (
            cohort_drugs.treatment_class_code = 'unmapped'
            and (cohort_drugs.route_code = 'topical' or cohort_drugs.route_code is null)
        )
),

-- A refused course may have been active on any day.
possible_times as (
    select
        patient_id,
        drug_number,
        is_earlier_only,
        is_undated,
        earliest_start_date,
        latest_start_date,
        earliest_end_date,
        latest_end_date,
        source_file,
        record_number
    from cohort_prescriptions
    union all
    select
        patient_id,
        drug_number,
        is_earlier_only,
        true as is_undated,
        date '-infinity' as earliest_start_date,
        date 'infinity' as latest_start_date,
        null as earliest_end_date,
        null as latest_end_date,
        source_file,
        record_number
    from cohort_refused_courses
),

topical_courses as (
    select
        possible_times.*,
        topical_drugs.is_tacrolimus,
        topical_drugs.potency_rank
    from possible_times
    inner join topical_drugs
        on possible_times.drug_number = topical_drugs.drug_number
    where possible_times.is_earlier_only is not true
),

evaluable_visits as (
    select
        cohort_visits.patient_id,
        cohort_visits.timepoint_code,
        cohort_visits.visit_day,
        -- The courses of a visit without a day are those of its target day.
        coalesce(
            cohort_visits.visit_date,
            cohort_patients.index_date + cast(cohort_visits.visit_day as integer)
        ) as visit_date,
        -- Not recorded is not reviewed.
        coalesce(cohort_visits.topical_adherence_code = 'adherent', false) as is_reviewed
    from cohort_visits
    inner join cohort_patients
        on cohort_visits.patient_id = cohort_patients.patient_id and cohort_patients.is_evaluable
),

-- The courses that may have been active on the day of the visit; certain where they were on every
-- possible day of their start and end.
possible_courses as (
    select
        evaluable_visits.patient_id,
        evaluable_visits.timepoint_code,
        topical_courses.is_tacrolimus,
        topical_courses.potency_rank,
        topical_courses.earliest_start_date,
        topical_courses.source_file,
        topical_courses.record_number,
        topical_courses.is_undated,
        evaluable_visits.visit_date >= topical_courses.latest_start_date
        and evaluable_visits.visit_date
        <= coalesce(topical_courses.earliest_end_date, date 'infinity') as is_certain
    from evaluable_visits
    inner join topical_courses
        on
            evaluable_visits.patient_id = topical_courses.patient_id
            and evaluable_visits.visit_date >= topical_courses.earliest_start_date
            and evaluable_visits.visit_date
            <= coalesce(topical_courses.latest_end_date, date 'infinity')
),

-- Null where no course of the kind may have been active.
active_courses as (
    select
        patient_id,
        timepoint_code,
        count(*) filter (is_certain and is_tacrolimus is not null) as n_active_courses,
        bool_or(is_tacrolimus is null) as has_unmapped,
        bool_or(is_undated) as has_undated,
        bool_or(is_certain) filter (is_tacrolimus) as is_tacrolimus_certain,
        bool_or(is_certain) filter (not is_tacrolimus) as is_corticosteroid_certain,
        bool_or(not is_tacrolimus and potency_rank is null) as has_unknown_potency,
        max(potency_rank) as highest_possible_rank,
        max(potency_rank) filter (is_certain) as highest_certain_rank,
        -- The tacrolimus course that a reviewer is shown: the one that started first.
        min(
            {
                'start_date': earliest_start_date,
                'source_file': source_file,
                'record_number': record_number
            }
        ) filter (is_tacrolimus and is_certain) as tacrolimus_course
    from possible_courses
    group by patient_id, timepoint_code
),

flagged as (
    select
        evaluable_visits.patient_id,
        evaluable_visits.timepoint_code,
        evaluable_visits.visit_day,
        evaluable_visits.is_reviewed,
        active_courses.tacrolimus_course,
        active_courses.has_unmapped,
        active_courses.has_undated,
        -- At a reviewed visit no course that may be active means none.
        case
            when not evaluable_visits.is_reviewed then null
            when active_courses.is_tacrolimus_certain then true
            when
                active_courses.is_tacrolimus_certain is null
                and active_courses.has_unmapped is not true
                then false
        end as is_on_tacrolimus,
        case
            when not evaluable_visits.is_reviewed then null
            when active_courses.is_corticosteroid_certain then true
            when
                active_courses.is_corticosteroid_certain is null
                and active_courses.has_unmapped is not true
                then false
        end as is_on_corticosteroids,
        -- The strongest is not known where a stronger one may have been active, or one of a
        -- potency that is not known.
        case
            when
                active_courses.highest_possible_rank = active_courses.highest_certain_rank
                and not active_courses.has_unmapped
                and active_courses.has_unknown_potency is not true
                then active_courses.highest_certain_rank
        end as highest_potency_rank,
        -- No row: no active course.
        coalesce(active_courses.n_active_courses, 0) as n_active_courses
    from evaluable_visits
    left join active_courses
        on
            evaluable_visits.patient_id = active_courses.patient_id
            and evaluable_visits.timepoint_code = active_courses.timepoint_code
),

final as (
    select
        flagged.patient_id,
        flagged.timepoint_code,
        flagged.n_active_courses,
        flagged.is_on_tacrolimus,
        flagged.is_on_corticosteroids,
        flagged.visit_day,
        case
            when flagged.is_on_tacrolimus and flagged.is_on_corticosteroids
                then 'corticosteroids_and_tacrolimus'
            when flagged.is_on_tacrolimus and not flagged.is_on_corticosteroids then 'tacrolimus'
            when not flagged.is_on_tacrolimus and flagged.is_on_corticosteroids
                then 'corticosteroids'
            when not flagged.is_on_tacrolimus and not flagged.is_on_corticosteroids then 'none'
        end as topical_regimen_code,
        case
            when not flagged.is_reviewed then 'not_reviewed'
            when flagged.is_on_tacrolimus is not null and flagged.is_on_corticosteroids is not null
                then null
            when flagged.has_unmapped then 'drug_not_recognised'
            when flagged.has_undated then 'course_undated'
            else 'course_dates_partial'
        end as regimen_not_evaluable_reason_code,
        case when flagged.is_reviewed then steroid_potencies.code end as steroid_potency_code,
        case when flagged.is_on_tacrolimus then flagged.tacrolimus_course['source_file'] end
            as tacrolimus_source_file,
        case when flagged.is_on_tacrolimus then flagged.tacrolimus_course['record_number'] end
            as tacrolimus_record_number,
        flagged.is_on_tacrolimus is not null and flagged.is_on_corticosteroids is not null
            as is_regimen_evaluable
    from flagged
    left join steroid_potencies
        on flagged.highest_potency_rank = steroid_potencies.code_number
)

select * from final
