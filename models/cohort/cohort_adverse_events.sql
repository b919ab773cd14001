-- The adverse events of enrolled patients on study days, under our codes; a term that no list knows
-- is kept as unmapped. One row per adverse event.

with stg_clinic__adverse_events as (
    select * from {{ ref('stg_clinic__adverse_events') }}
),

cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_terms as (
    select * from {{ ref('cohort_terms') }}
    where term_kind = 'adverse_event' and code != 'none'
),

final as (
    select
        stg_clinic__adverse_events.adverse_event_id,
        stg_clinic__adverse_events.patient_id,
        cohort_patients.pseudonym,
        cohort_terms.code as adverse_event_code,
        stg_clinic__adverse_events.outcome_code,
        stg_clinic__adverse_events.is_serious,
        stg_clinic__adverse_events.is_onset_date_partial,
        stg_clinic__adverse_events.source_file,
        stg_clinic__adverse_events.record_number,
        -- Treatment-emergent: on or after the first day of the index treatment. An onset of which
        -- only the month or year is known may lie on both sides: then it is not known.
        case
            when stg_clinic__adverse_events.earliest_onset_date >= cohort_patients.index_date
                then true
            when stg_clinic__adverse_events.latest_onset_date < cohort_patients.index_date
                then false
        end as is_treatment_emergent,
        case
            when not stg_clinic__adverse_events.is_onset_date_partial
                then stg_clinic__adverse_events.onset_date - cohort_patients.index_date
        end as onset_day
    from stg_clinic__adverse_events
    inner join cohort_patients
        on stg_clinic__adverse_events.patient_id = cohort_patients.patient_id
    inner join cohort_terms
        on stg_clinic__adverse_events.event_term = cohort_terms.term
)

select * from final
