-- The mapping's own words, one row per kind of word and source word.

with source as (
    select * from {{ source('intake', 'source_words') }}
),

final as (
    select
        word_kind,
        source_word,
        code
    from source
)

select * from final
