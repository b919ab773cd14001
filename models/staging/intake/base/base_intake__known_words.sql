-- Our code of each foreign word: the mapping's own words first, seed word_list second, where a
-- score is also known by its code and its label.

with word_list as (
    select
        word_kind,
        word,
        code
    from {{ ref('word_list') }}
    union all
    select
        'score' as word_kind,
        lower(unnest([score_code, score_label])) as word,
        score_code as code
    from {{ ref('score_definitions') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

final as (
    select
        word_kind,
        source_word as word,
        code
    from stg_intake__source_words
    union all
    select
        word_list.word_kind,
        word_list.word,
        word_list.code
    from word_list
    anti join stg_intake__source_words
        on
            word_list.word_kind = stg_intake__source_words.word_kind
            and word_list.word = stg_intake__source_words.source_word
)

select * from final
