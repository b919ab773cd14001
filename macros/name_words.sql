{#- The words of a drug name with single blanks between them: runs of letters and digits; a question mark
    stays with its word. "tacrolimus ung. 0,1%" is "tacrolimus ung 0 1". -#}
{% macro name_words(text) -%}
    trim(regexp_replace({{ text }}, '[^\pL\pM\d?]+', ' ', 'g'))
{%- endmacro %}
