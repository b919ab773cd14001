{#- An identifier is text and stays what it is: letters, digits, blanks and . _ / | : , % & ( ) + - up to 128
    characters. 1.23457E+11 and 2E+11 are what a spreadsheet leaves of a long number, never an identifier. 
    The length is asked apart: a counted repetition over letters of every script costs a hundredfold. -#}
{% macro identifier_fault(column) -%}
    case
        when {{ column }} is null then 'missing_required'
        when length({{ column }}) > 128 then 'id_format'
        when not regexp_full_match({{ column }}, '[\pL\d][\pL\d ._/|:,%&()+-]*') then 'id_format'
        when
            (contains({{ column }}, 'E') or contains({{ column }}, 'e'))
            and regexp_full_match({{ column }}, '\d+([.,]\d+[eE][+-]?|[eE]\+)\d+')
            then 'id_format'
    end
{%- endmacro %}
