{#- A cell as a person meant it: blanks around it removed (tab, no-break and zero-width ones too), empty
    cells and the source's declared missing codes are null. Needs the one-row CTE source_format. -#}
{% macro clean_text(column) -%}
    nullif(
        case
            when
                len(source_format.missing_codes) > 0
                and list_contains(source_format.missing_codes, {{ trimmed(column) }})
                then ''
            else {{ trimmed(column) }}
        end,
        ''
    )
{%- endmacro %}

{#- Most cells are plain letters without a blank and stay as they are: trimming a set of characters costs
    ten times as much as finding that there is nothing to trim. -#}
{% macro trimmed(column) -%}
    {%- set blanks = "(' ' || chr(9) || chr(160) || chr(8203) || chr(8239) || chr(65279))" -%}
    case
        when strlen({{ column }}) != length({{ column }}) or contains({{ column }}, chr(9))
            then trim({{ column }}, {{ blanks }})
        when contains({{ column }}, ' ') then trim({{ column }})
        else {{ column }}
    end
{%- endmacro %}

{#- A term or a product name for comparison: lower case, single blanks. Of the blanks that are left inside a
    cell only a tab is not one already. -#}
{% macro plain_term(column) -%}
    case
        when contains({{ column }}, '  ') or contains({{ column }}, chr(9))
            then regexp_replace(lower({{ column }}), '\s+', ' ', 'g')
        else lower({{ column }})
    end
{%- endmacro %}

{#- A code for comparison: upper case, no blanks. -#}
{% macro plain_code(column) -%}
    upper(replace({{ column }}, ' ', ''))
{%- endmacro %}


{#- Every cell of a column of `source` once, as it is written (`cell`) and as a person meant it: cells are
    few where records are many, so each is read and judged once and found again by its text. Identifiers,
    of which every record has its own, are judged with their record. -#}
{% macro cleaned_cells(column) -%}
    select
        written.cell,
        {{ clean_text('written.cell') }} as {{ column }}
    from (
        -- Grouped, not distinct: of groups the engine knows beforehand that they are few.
        select {{ column }} as cell from source
        group by {{ column }}
    ) as written
    cross join source_format
{%- endmacro %}


{#- Cells of free text. <column>_plain: as a term for comparison; with is_term the text is nothing else. -#}
{% macro text_cells(column, is_required=false, is_term=false) -%}
    select
        cleaned.cell,
        {%- if is_term %}
        {{ plain_term('cleaned.' ~ column) }} as {{ column }}
        {%- else %}
        cleaned.{{ column }},
        {{ plain_term('cleaned.' ~ column) }} as {{ column }}_plain
        {%- endif %}
        {%- if is_required %},
        case when cleaned.{{ column }} is null then 'missing_required' end as {{ column }}_fault
        {%- endif %}
    from ({{ cleaned_cells(column) }}) as cleaned
{%- endmacro %}
