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
