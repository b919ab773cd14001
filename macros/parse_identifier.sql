{#- An identifier is text and stays what it is: letters, digits, blanks and . _ / | : , % & ( ) + - up to 128
    characters. 1.23457E+11 and 2E+11 are what a spreadsheet leaves of a long number, never an identifier. -#}
{% macro identifier_fault(column) -%}
    case
        when {{ column }} is null then 'missing_required'
        when not regexp_full_match({{ column }}, '[\pL\d][\pL\d ._/|:,%&()+-]{0,127}') then 'id_format'
        when regexp_full_match({{ column }}, '\d+[.,]\d+[eE][+-]?\d+') then 'id_format'
        when regexp_full_match({{ column }}, '\d+[eE]\+\d+') then 'id_format'
    end as {{ column }}_fault
{%- endmacro %}
