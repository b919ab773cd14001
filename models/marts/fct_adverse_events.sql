-- The adverse events of enrolled patients on study days. One row per event, numbered within the
-- patient.

with cohort_adverse_events as (
    select * from {{ ref('cohort_adverse_events') }}
),

adverse_event_codes as (
    select * from {{ ref('adverse_event_codes') }}
),

final as (
    select
        cohort_adverse_events.pseudonym as patient_id,
        cast(
            row_number() over (
                partition by cohort_adverse_events.patient_id
                order by
                    cohort_adverse_events.onset_day nulls last,
                    cohort_adverse_events.source_file,
                    cohort_adverse_events.record_number
            ) as integer
        ) as adverse_event_number,
        cohort_adverse_events.adverse_event_code,
        cohort_adverse_events.outcome_code,
        cohort_adverse_events.is_serious,
        cohort_adverse_events.is_treatment_emergent,
        cohort_adverse_events.is_onset_date_partial,
        cast(cohort_adverse_events.onset_day as integer) as onset_day,
        cohort_adverse_events.source_file,
        cohort_adverse_events.record_number as source_record_number,
        coalesce(adverse_event_codes.adverse_event_label, 'Not on the term list')
            as adverse_event_label
    from cohort_adverse_events
    left join adverse_event_codes
        on cohort_adverse_events.adverse_event_code = adverse_event_codes.adverse_event_code
)

select * from final
