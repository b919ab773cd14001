-- The prescribed courses with the drug that each is of. One row per prescription line.

with stg_pharmacy__prescriptions as (
    select * from {{ ref('stg_pharmacy__prescriptions') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

courses as (
    select
        stg_pharmacy__prescriptions.patient_id,
        cohort_drugs.drug_number,
        cohort_drugs.treatment_class_code,
        stg_pharmacy__prescriptions.is_start_date_partial,
        stg_pharmacy__prescriptions.is_end_date_partial,
        stg_pharmacy__prescriptions.start_date,
        stg_pharmacy__prescriptions.source_file,
        stg_pharmacy__prescriptions.record_number,
        -- The middle of a partial end may fall before an exact start; a course never ends before it
        -- starts.
        case
            when stg_pharmacy__prescriptions.end_date is not null
                then
                    greatest(
                        stg_pharmacy__prescriptions.start_date,
                        stg_pharmacy__prescriptions.end_date
                    )
        end as end_date
    from stg_pharmacy__prescriptions
    left join cohort_drugs
        on
            stg_pharmacy__prescriptions.drug_name = cohort_drugs.drug_name
            and stg_pharmacy__prescriptions.atc_code is not distinct from cohort_drugs.atc_code
            and stg_pharmacy__prescriptions.route_code is not distinct from cohort_drugs.route_code
),

final as (
    select
        patient_id,
        drug_number,
        treatment_class_code,
        is_start_date_partial,
        is_end_date_partial,
        start_date,
        end_date,
        source_file,
        record_number
    from courses
)

select * from final
