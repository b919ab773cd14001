-- What each comorbidity and adverse event term is, as it was written: the mapping's own word first,
-- our term list second, none where it denies ("no known comorbidities", "no asthma"), unmapped
-- where nothing knows it. "Asthma?" is asthma, doubtful. One row per kind of term and term.

with stg_clinic__comorbidities as (
    select * from {{ ref('stg_clinic__comorbidities') }}
),

stg_clinic__adverse_events as (
    select * from {{ ref('stg_clinic__adverse_events') }}
),

stg_clinic__refused_adverse_events as (
    select * from {{ ref('stg_clinic__refused_adverse_events') }}
),

comorbidity_terms as (
    select * from {{ ref('comorbidity_terms') }}
),

adverse_event_terms as (
    select * from {{ ref('adverse_event_terms') }}
),

denial_words as (
    select * from {{ ref('denial_words') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

event_terms as (
    select event_term as term from stg_clinic__adverse_events
    union distinct
    select event_term as term from stg_clinic__refused_adverse_events
    where event_term is not null
),

-- A full stop or comma at the end is no part of a term. Of a comorbidity, a question mark is a
-- doubt; an adverse event with one stays as it is, on the worklist.
written_terms as (
    select distinct
        'comorbidity' as term_kind,
        comorbidity_term as term,
        rtrim(regexp_replace(comorbidity_term, '\s*\(?\?+\)?$', ''), ' .,;:') as bare_term
    from stg_clinic__comorbidities
    union all
    select
        'adverse_event' as term_kind,
        term,
        rtrim(term, ' .,;:') as bare_term
    from event_terms
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

-- Words that may deny: the whole term, or those before a listed term at its end.
openings as (
    select
        written_terms.term_kind,
        written_terms.term,
        written_terms.term as opening,
        true as is_whole_term
    from written_terms
    union all
    select
        written_terms.term_kind,
        written_terms.term,
        left(
            written_terms.bare_term, length(written_terms.bare_term) - length(listed_terms.term) - 1
        ) as opening,
        false as is_whole_term
    from written_terms
    inner join listed_terms
        on
            written_terms.term_kind = listed_terms.term_kind
            and ends_with(written_terms.bare_term, ' ' || listed_terms.term)
),

opening_words as (
    select
        term_kind,
        term,
        opening,
        is_whole_term,
        unnest(string_split_regex(opening, '[^\pL\d]+')) as word
    from openings
),

-- All of its words are words of a denial, and one of them denies. Before a listed term nothing may
-- be denied already and no mark may separate: "no other comorbidities, asthma" is asthma.
denied_terms as (
    select
        opening_words.term_kind,
        opening_words.term
    from opening_words
    left join denial_words
        on opening_words.word = denial_words.word
    where opening_words.word != ''
    group by
        opening_words.term_kind,
        opening_words.term,
        opening_words.opening,
        opening_words.is_whole_term
    having
        count(*) = count(denial_words.word)
        and bool_or(denial_words.word_role = 'denial')
        and (
            opening_words.is_whole_term
            or not (
                bool_or(denial_words.word_role = 'noun')
                or regexp_matches(opening_words.opening, '[,;:.]')
            )
        )
),

final as (
    select
        written_terms.term_kind,
        written_terms.term,
        coalesce(
            own_words.code,
            own_bare_words.code,
            listed_terms.code,
            case
                when denied_terms.term is not null and written_terms.term not like '%?%' then 'none'
            end,
            'unmapped'
        ) as code,
        written_terms.term like '%?%'
        and coalesce(own_bare_words.code, listed_terms.code) is not null
        and own_words.code is null as is_doubtful
    from written_terms
    left join stg_intake__source_words as own_words
        on
            written_terms.term_kind = own_words.word_kind
            and written_terms.term = own_words.source_word
    left join stg_intake__source_words as own_bare_words
        on
            written_terms.term_kind = own_bare_words.word_kind
            and written_terms.bare_term = own_bare_words.source_word
    left join listed_terms
        on
            written_terms.term_kind = listed_terms.term_kind
            and written_terms.bare_term = listed_terms.term
    left join denied_terms
        on
            written_terms.term_kind = denied_terms.term_kind
            and written_terms.term = denied_terms.term
)

select * from final
