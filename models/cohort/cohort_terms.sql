-- What each comorbidity and adverse event term is, as it was written: the mapping's own word first,
-- our term list second, unmapped where neither knows it. One row per kind of term and term.

with stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

stg_clinic__adverse_events as (
    select * from {{ ref('stg_clinic__adverse_events') }}
),

comorbidity_terms as (
    select * from {{ ref('comorbidity_terms') }}
),

adverse_event_terms as (
    select * from {{ ref('adverse_event_terms') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

written_terms as (
    select distinct
        'comorbidity' as term_kind,
        comorbidity_term as term
    from stg_clinic__comorbidities
    union all
    select distinct
        'adverse_event' as term_kind,
        event_term as term
    from stg_clinic__adverse_events
),

listed_terms as (
    select
        'comorbidity' as term_kind,
        term,
        comorbidity_code as code
    from comorbidity_terms
    union all
    select
        'adverse_event' as term_kind,
        term,
        adverse_event_code as code
    from adverse_event_terms
),

final as (
    select
        written_terms.term_kind,
        written_terms.term,
        coalesce(stg_intake__source_words.code, listed_terms.code, 'unmapped') as code
    from written_terms
    left join stg_intake__source_words
        on
            written_terms.term_kind = stg_intake__source_words.word_kind
            and written_terms.term = stg_intake__source_words.source_word
    left join listed_terms
        on
            written_terms.term_kind = listed_terms.term_kind
            and written_terms.term = listed_terms.term
)

select * from final
