-- The adverse events of enrolled patients on study days. One row per event, numbered within the
-- patient.

with cohort_adverse_events as (
    select * from {{ ref('cohort_adverse_events') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

adverse_event_codes as (
    select * from {{ ref('adverse_event_codes') }}
),

referenced as (
    select
        cohort_adverse_events.*,
        {{ record_reference(
            'cohort_delivery.reference_key',
            'cohort_adverse_events.record_number',
            'cohort_adverse_events.source_file'
        ) }} as record_reference
    from cohort_adverse_events
    cross join cohort_delivery
),

final as (
    select
        referenced.pseudonym as patient_id,
        -- By facts, then by the reference: never by the order of the export or its identifiers.
        cast(
            row_number() over (
                partition by referenced.patient_id
                order by
                    referenced.onset_day nulls last,
                    referenced.adverse_event_code,
                    referenced.is_serious nulls last,
                    referenced.outcome_code nulls last,
                    referenced.is_treatment_emergent nulls last,
                    referenced.record_reference
            ) as integer
        ) as adverse_event_number,
        referenced.adverse_event_code,
        referenced.outcome_code,
        referenced.record_reference,
        referenced.is_serious,
        referenced.is_treatment_emergent,
        referenced.is_onset_date_partial,
        cast(referenced.onset_day as integer) as onset_day,
        coalesce(adverse_event_codes.adverse_event_label, 'Not on the term list')
            as adverse_event_label
    from referenced
    left join adverse_event_codes
        on referenced.adverse_event_code = adverse_event_codes.adverse_event_code
)

select * from final
