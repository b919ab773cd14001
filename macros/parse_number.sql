{#- Numbers are read by pattern first, then value, then range: the engine's casts decide nothing.
    The declared decimal mark is the only one. Range and step come from seed score_definitions. -#}

{#- <column>_number: the cell with a decimal point, or a text that no pattern accepts. -#}
{% macro number_text(column) -%}
    case
        when source_format.decimal_mark = '.' then {{ column }}
        when contains({{ column }}, '.') then 'unreadable'
        else replace({{ column }}, source_format.decimal_mark, '.')
    end as {{ column }}_number
{%- endmacro %}

{#- <column>_points: what the text means as a number; the rule below decides whether it may. -#}
{% macro score_points(column) -%}
    try_cast({{ column }}_number as double) as {{ column }}_points
{%- endmacro %}

{#- Why a cell is not a value of the score in score_definitions, or null. A value may miss its step by float noise only. -#}
{% macro score_fault(column) -%}
    {%- set number = column ~ '_number' -%}
    {%- set points = column ~ '_points' -%}
    case
        when {{ number }} is null then null
        when not regexp_full_match({{ number }}, '-?\d{1,6}(\.\d{1,20})?') then 'not_a_number'
        when
            {{ points }} < score_definitions.min_value
            or {{ points }} > score_definitions.max_value
            then 'out_of_range'
        when
            abs({{ points }} - round({{ points }} / score_definitions.step) * score_definitions.step)
            > 1e-9
            then case when score_definitions.step = 1 then 'not_integer' else 'not_on_step' end
    end as {{ column }}_fault
{%- endmacro %}


{#- Cells of a score. <column>_value: the value of a cell without fault; it lies on the step, so the cast only
    drops float noise. -#}
{% macro score_cells(column, score_code, data_type) -%}
    select
        pointed.cell,
        pointed.{{ column }},
        {{ score_fault(column) }},
        case
            when {{ column }}_fault is null then cast({{ column }}_points as {{ data_type }})
        end as {{ column }}_value
    from (
        select
            numbered.*,
            {{ score_points(column) }}
        from (
            select
                cleaned.*,
                {{ number_text(column) }}
            from ({{ cleaned_cells(column) }}) as cleaned
            cross join source_format
        ) as numbered
    ) as pointed
    left join {{ ref('score_definitions') }} as score_definitions
        on score_definitions.score_code = '{{ score_code }}'
{%- endmacro %}
