-- A code that a mapping gives to its own word must exist here; a misspelt criterion or treatment
-- class would otherwise change the cohort in silence.
with known_codes as (
    select
        'criterion' as word_kind,
        criterion_code as code
    from {{ ref('eligibility_criteria') }}
    union all
    select
        'score' as word_kind,
        score_code as code
    from {{ ref('score_definitions') }}
    union all
    select
        'drug' as word_kind,
        treatment_class_code as code
    from {{ ref('treatment_classes') }}
    union all
    select
        'comorbidity' as word_kind,
        comorbidity_code as code
    from {{ ref('comorbidities') }}
    union all
    select
        'adverse_event' as word_kind,
        adverse_event_code as code
    from {{ ref('adverse_event_codes') }}
    union all
    -- A word that denies.
    select
        unnest(['comorbidity', 'adverse_event']) as word_kind,
        'none' as code
    union all
    select distinct
        word_kind,
        code
    from {{ ref('word_list') }}
)

select
    source_words.word_kind,
    source_words.code
from {{ ref('stg_intake__source_words') }} as source_words
anti join known_codes
    on source_words.word_kind = known_codes.word_kind and source_words.code = known_codes.code
