{#- A cell as a person meant it: blanks around it removed (tab, no-break and zero-width ones too), empty
    cells and the source's declared missing codes are null. Needs the one-row CTE source_format. -#}
{% macro clean_text(column) -%}
    {%- set blanks = "(' ' || chr(9) || chr(160) || chr(8203) || chr(8239) || chr(65279))" -%}
    case
        when not coalesce(
            list_contains(source_format.missing_codes, trim({{ column }}, {{ blanks }})), false
        )
            then nullif(trim({{ column }}, {{ blanks }}), '')
    end
{%- endmacro %}

{#- A term or a product name for comparison: lower case, single blanks. -#}
{% macro plain_term(column) -%}
    regexp_replace(lower({{ column }}), '\s+', ' ', 'g')
{%- endmacro %}

{#- A code for comparison: upper case, no blanks. -#}
{% macro plain_code(column) -%}
    upper(replace({{ column }}, ' ', ''))
{%- endmacro %}
