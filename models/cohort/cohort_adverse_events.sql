-- The adverse events of enrolled patients on study days, under our codes; a term that the list does
-- not know is kept as unmapped and waits on the worklist. One row per adverse event.

with stg_clinic__adverse_events as (
    select * from {{ ref('stg_clinic__adverse_events') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

adverse_event_terms as (
    select * from {{ ref('adverse_event_terms') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
    where word_kind = 'adverse_event'
),

final as (
    select
        stg_clinic__adverse_events.adverse_event_id,
        stg_clinic__adverse_events.patient_id,
        stg_clinic__adverse_events.outcome_code,
        stg_clinic__adverse_events.is_serious,
        stg_clinic__adverse_events.source_file,
        stg_clinic__adverse_events.record_number,
        coalesce(
            stg_intake__source_words.code, adverse_event_terms.adverse_event_code, 'unmapped'
        ) as adverse_event_code,
        -- Treatment-emergent: on or after the first day of the index treatment.
        stg_clinic__adverse_events.onset_date >= cohort_patients.index_date
            as is_treatment_emergent,
        stg_clinic__adverse_events.onset_date - cohort_patients.index_date as onset_day
    from stg_clinic__adverse_events
    inner join cohort_patients
        on stg_clinic__adverse_events.patient_id = cohort_patients.patient_id
    left join stg_intake__source_words
        on stg_clinic__adverse_events.event_term = stg_intake__source_words.source_word
    left join adverse_event_terms
        on stg_clinic__adverse_events.event_term = adverse_event_terms.term
)

select * from final
