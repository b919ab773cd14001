-- How many adverse events of a patient may be missing, because their records were refused. A record
-- that only denies ("none") hides no event. One row per patient of the register with such a record.

with stg_clinic__refused_adverse_events as (
    select * from {{ ref('stg_clinic__refused_adverse_events') }}
),

cohort_terms as (
    select * from {{ ref('cohort_terms') }}
),

final as (
    select
        stg_clinic__refused_adverse_events.patient_id,
        count(*) as n_refused_adverse_events
    from stg_clinic__refused_adverse_events
    left join cohort_terms
        on
            stg_clinic__refused_adverse_events.event_term = cohort_terms.term
            and cohort_terms.term_kind = 'adverse_event'
    where cohort_terms.code is distinct from 'none'
    group by stg_clinic__refused_adverse_events.patient_id
)

select * from final
