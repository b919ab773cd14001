-- Treatments before the index treatment: systemic drugs and phototherapy prescribed on an earlier
-- day. One row per enrolled patient and earlier treatment.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

systemic_drugs as (
    select
        drug_number,
        -- Corticosteroids and phototherapy count as one treatment each, other drugs by substance,
        -- or by class where only a group code is known.
        case
            when treatment_class_code in ('systemic_corticosteroid', 'phototherapy')
                then treatment_class_code
            else coalesce(substance_code, treatment_class_code)
        end as prior_treatment_code
    from cohort_drugs
    where
        treatment_class_code in (
            'systemic_corticosteroid', 'systemic_immunosuppressant', 'systemic_retinoid',
            'jak_inhibitor', 'other_biologic', 'phototherapy'
        )
),

earlier_courses as (
    select
        cohort_prescriptions.patient_id,
        systemic_drugs.prior_treatment_code,
        cohort_prescriptions.start_date
    from cohort_prescriptions
    inner join systemic_drugs
        on cohort_prescriptions.drug_number = systemic_drugs.drug_number
    inner join cohort_patients
        on cohort_prescriptions.patient_id = cohort_patients.patient_id
    where cohort_prescriptions.start_date < cohort_patients.index_date
),

final as (
    select
        patient_id,
        prior_treatment_code,
        count(*) as n_courses,
        min(start_date) as first_start_date
    from earlier_courses
    group by patient_id, prior_treatment_code
)

select * from final
