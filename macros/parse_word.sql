{#- A foreign word becomes our code by the mapping's own words first, the word list second; a word that
    neither knows is a fault, never a default. -#}

{#- One value: the map from lower-case word to code of one kind of word. -#}
{% macro word_map(word_kind) -%}
    (
        select map_from_entries(list((known_words.word, known_words.code)))
        from (
            select
                source_words.source_word as word,
                source_words.code
            from {{ source('intake', 'source_words') }} as source_words
            where source_words.word_kind = '{{ word_kind }}'
            union all
            select
                word_list.word,
                word_list.code
            from {{ ref('word_list') }} as word_list
            where
                word_list.word_kind = '{{ word_kind }}'
                and word_list.word not in (
                    select own_words.source_word
                    from {{ source('intake', 'source_words') }} as own_words
                    where own_words.word_kind = '{{ word_kind }}'
                )
        ) as known_words
    )
{%- endmacro %}


{#- Cells of words. <column>_code: our code of the word, or null. -#}
{% macro word_cells(column, word_kind, is_required=false) -%}
    select
        cleaned.cell,
        cleaned.{{ column }},
        vocabulary.words[lower(cleaned.{{ column }})] as {{ column }}_code,
        case
            {%- if is_required %}
            when cleaned.{{ column }} is null then 'missing_required'
            {%- endif %}
            when cleaned.{{ column }} is not null and {{ column }}_code is null then 'unknown_code'
        end as {{ column }}_fault
    from ({{ cleaned_cells(column) }}) as cleaned
    cross join (select {{ word_map(word_kind) }} as words) as vocabulary
{%- endmacro %}
