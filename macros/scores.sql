{% macro score_codes() -%}
    {{ return(['easi', 'itch_nrs', 'sleep_nrs', 'dlqi', 'iga', 'poem']) }}
{%- endmacro %}

{% macro one_row_of_scores(relation, columns) -%}
    select
        {%- for score in score_codes() %}
        {%- set is_last_score = loop.last %}
        {%- for column in columns %}
        max({{ column }}) filter (score_code = '{{ score }}') as {{ score }}_{{ column }}
        {{- "," if not (is_last_score and loop.last) }}
        {%- endfor %}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}
