{#- Numbers are read by pattern first, then value, then range: the engine's casts decide nothing.
    The declared decimal mark is the only one. Range and step come from seed score_definitions through
    the one-row CTE score_ranges. -#}

{#- <column>_number: the cell with a decimal point, or a text that no pattern accepts. -#}
{% macro number_text(column) -%}
    case
        when source_format.decimal_mark = '.' then {{ column }}
        when contains({{ column }}, '.') then 'unreadable'
        else replace({{ column }}, source_format.decimal_mark, '.')
    end as {{ column }}_number
{%- endmacro %}

{#- One row with the range of every score: <score>_min, <score>_max, <score>_step. -#}
{% macro score_ranges(score_codes) -%}
    select
        {%- for code in score_codes %}
        max(score_definitions.min_value) filter (score_definitions.score_code = '{{ code }}')
            as {{ code }}_min,
        max(score_definitions.max_value) filter (score_definitions.score_code = '{{ code }}')
            as {{ code }}_max,
        max(score_definitions.step) filter (score_definitions.score_code = '{{ code }}')
            as {{ code }}_step{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('score_definitions') }} as score_definitions
{%- endmacro %}

{#- <column>_points: what the text means as a number; the rule below decides whether it may. -#}
{% macro score_points(column) -%}
    try_cast({{ column }}_number as double) as {{ column }}_points
{%- endmacro %}

{#- Why a cell is not a value of this score, or null. A value may miss its step by float noise only. -#}
{% macro score_fault(column, score_code) -%}
    {%- set number = column ~ '_number' -%}
    {%- set points = column ~ '_points' -%}
    case
        when {{ number }} is null then null
        when not regexp_full_match({{ number }}, '-?\d{1,6}(\.\d{1,20})?') then 'not_a_number'
        when {{ points }} < {{ score_code }}_min or {{ points }} > {{ score_code }}_max
            then 'out_of_range'
        when
            abs({{ points }} - round({{ points }} / {{ score_code }}_step) * {{ score_code }}_step)
            > 1e-9
            then case when {{ score_code }}_step = 1 then 'not_integer' else 'not_on_step' end
    end as {{ column }}_fault
{%- endmacro %}

{#- The value of a cell without fault; it lies on the step, so the cast only drops float noise. -#}
{% macro parse_score(column, data_type) -%}
    case
        when {{ column }}_fault is null then cast({{ column }}_points as {{ data_type }})
    end as {{ column }}
{%- endmacro %}
