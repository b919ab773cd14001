-- Treatments before the index treatment: courses that started on an earlier day, of the classes
-- that count as prior treatment. A course of which only the month or year of its start is known, or
-- nothing, may have started earlier, and so may a refused one; one that the source places before
-- day 0 did. One row per patient with a day 0 and prior treatment.
-- A drug on no list may be one of them, unless it is topical: unmapped.

with cohort_index_dates as (
    select * from {{ ref('cohort_index_dates') }}
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

-- A class counts as one treatment or by substance; by class too where only a group code is known.
prior_treatment_drugs as (
    select
        cohort_drugs.drug_number,
        case
            when treatment_classes.treatment_class_code is null then 'unmapped'
            when treatment_classes.prior_treatment_level = 'class'
                then cohort_drugs.treatment_class_code
            when treatment_classes.prior_treatment_level = 'substance'
                then coalesce(cohort_drugs.substance_code, cohort_drugs.treatment_class_code)
        end as prior_treatment_code
    from cohort_drugs
    left join treatment_classes
        on cohort_drugs.treatment_class_code = treatment_classes.treatment_class_code
    where
        treatment_classes.prior_treatment_level != 'none'
        or (
            cohort_drugs.treatment_class_code = 'unmapped'
            and cohort_drugs.route_code is distinct from 'topical'
        )
),

earlier_courses as (
    select
        cohort_prescriptions.patient_id,
        prior_treatment_drugs.prior_treatment_code,
        cohort_prescriptions.is_earlier_only is true
        or cohort_prescriptions.latest_start_date < cohort_index_dates.index_date
            as is_certainly_earlier
    from cohort_prescriptions
    inner join prior_treatment_drugs
        on cohort_prescriptions.drug_number = prior_treatment_drugs.drug_number
    inner join cohort_index_dates
        on cohort_prescriptions.patient_id = cohort_index_dates.patient_id
    where
        cohort_prescriptions.is_earlier_only
        or cohort_prescriptions.earliest_start_date < cohort_index_dates.index_date
    union all
    select
        cohort_refused_courses.patient_id,
        prior_treatment_drugs.prior_treatment_code,
        cohort_refused_courses.is_earlier_only as is_certainly_earlier
    from cohort_refused_courses
    inner join prior_treatment_drugs
        on cohort_refused_courses.drug_number = prior_treatment_drugs.drug_number
    inner join cohort_index_dates
        on cohort_refused_courses.patient_id = cohort_index_dates.patient_id
),

final as (
    select
        patient_id,
        prior_treatment_code,
        bool_or(is_certainly_earlier) as is_certainly_earlier
    from earlier_courses
    group by patient_id, prior_treatment_code
)

select * from final
