-- The recognised courses of enrolled patients on study days, topical ones included: what was given
-- from when to when, and why it was stopped. One row per prescription line.

with cohort_prescriptions as (
    select * from {{ ref('cohort_prescriptions') }}
    where treatment_class_code not in ('unmapped', 'none')
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

final as (
    select
        cohort_patients.pseudonym as patient_id,
        cohort_prescriptions.treatment_class_code,
        cohort_drugs.substance_code,
        cohort_prescriptions.stop_reason_code,
        {{ record_reference(
            'cohort_delivery.reference_key',
            'cohort_prescriptions.record_number',
            'cohort_prescriptions.source_file'
        ) }} as record_reference,
        cohort_prescriptions.is_undated,
        (
            not cohort_prescriptions.is_undated
            and cohort_prescriptions.earliest_start_date != cohort_prescriptions.latest_start_date
        )
        or coalesce(
            -- An ongoing course has no end that could be partial.
            cohort_prescriptions.earliest_end_date != cohort_prescriptions.latest_end_date, false
        ) as is_partial,
        cohort_prescriptions.is_earlier_only,
        -- Of a course without a start, and of one that was over before day 0, no end says nothing;
        -- an end that could not be read has a first possible day and no last one.
        case
            when cohort_prescriptions.is_earlier_only then false
            when cohort_prescriptions.latest_end_date is not null then false
            when
                not cohort_prescriptions.is_undated
                and cohort_prescriptions.earliest_end_date is null
                then true
        end as is_ongoing,
        cast(
            case
                when
                    cohort_prescriptions.earliest_start_date
                    = cohort_prescriptions.latest_start_date
                    then
                        cohort_prescriptions.earliest_start_date - cohort_patients.index_date
            end as integer
        ) as start_day,
        cast(
            case
                when cohort_prescriptions.earliest_end_date = cohort_prescriptions.latest_end_date
                    then cohort_prescriptions.latest_end_date - cohort_patients.index_date
            end as integer
        ) as end_day
    from cohort_prescriptions
    inner join cohort_patients
        on cohort_prescriptions.patient_id = cohort_patients.patient_id
    -- With an inner join DuckDB would first multiply the patients by the drugs.
    left join cohort_drugs
        on cohort_prescriptions.drug_number = cohort_drugs.drug_number
    cross join cohort_delivery
)

select * from final
