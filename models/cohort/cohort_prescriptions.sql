-- The prescribed courses with the drug that each is of, and the possible days of its start and end:
-- of an exact date one day, of a month or a year all its days, without a start any day up to the
-- end, of an end that could not be read any day from the start on. One row per prescription line.

with stg_pharmacy__prescriptions as (
    select * from {{ ref('stg_pharmacy__prescriptions') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

final as (
    select
        stg_pharmacy__prescriptions.patient_id,
        cohort_drugs.drug_number,
        cohort_drugs.treatment_class_code,
        stg_pharmacy__prescriptions.stop_reason_code,
        stg_pharmacy__prescriptions.latest_end_date,
        stg_pharmacy__prescriptions.source_file,
        stg_pharmacy__prescriptions.record_number,
        stg_pharmacy__prescriptions.is_start_date_refused,
        stg_pharmacy__prescriptions.earliest_start_date is null as is_undated,
        -- No period is recorded for most courses: then the dates alone place the course.
        coalesce(stg_pharmacy__prescriptions.period_code = 'before_index', false)
            as is_earlier_only,
        -- A start that is not known has no earliest day.
        coalesce(stg_pharmacy__prescriptions.earliest_start_date, date '-infinity')
            as earliest_start_date,
        -- A course does not end before it starts, which may narrow the days of a partial date. An
        -- ongoing course has no end.
        least(
            coalesce(stg_pharmacy__prescriptions.latest_start_date, date 'infinity'),
            coalesce(stg_pharmacy__prescriptions.latest_end_date, date 'infinity')
        ) as latest_start_date,
        case
            when
                stg_pharmacy__prescriptions.earliest_end_date
                < stg_pharmacy__prescriptions.earliest_start_date
                then stg_pharmacy__prescriptions.earliest_start_date
            else stg_pharmacy__prescriptions.earliest_end_date
        end as earliest_end_date
    from stg_pharmacy__prescriptions
    left join cohort_drugs
        on
            stg_pharmacy__prescriptions.drug_name = cohort_drugs.drug_name
            and stg_pharmacy__prescriptions.atc_code is not distinct from cohort_drugs.atc_code
            and stg_pharmacy__prescriptions.route_code is not distinct from cohort_drugs.route_code
)

select * from final
