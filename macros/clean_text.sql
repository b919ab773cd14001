{#- A cell without the blanks around it (tab, no-break and zero-width blanks too); an empty cell and one of
    the source's missing codes are null. `missing_codes` is an SQL list. Most cells need no trimming, and
    finding that out is ten times cheaper than trimming. -#}
{% macro clean_text(cell, missing_codes) -%}
    {%- set blanks = "' ' || chr(9)" -%}
    {%- set others = [160, 5760] + range(8192, 8204) | list + [8239, 8287, 8288, 12288, 65279] -%}
    {%- set blanks = blanks ~ ' || chr(' ~ others | join(') || chr(') ~ ')' -%}
    {%- set may_have_blanks -%}
    strlen({{ cell }}) != length({{ cell }}) or contains({{ cell }}, ' ') or contains({{ cell }}, chr(9))
    {%- endset -%}
    {%- set trimmed = 'if(' ~ may_have_blanks ~ ', trim(' ~ cell ~ ', ' ~ blanks ~ '), ' ~ cell ~ ')' -%}
    case when not list_contains({{ missing_codes }}, {{ trimmed }}) then nullif({{ trimmed }}, '') end
{%- endmacro %}

{#- A term or a product name for comparison: lower case, single blanks; a blank of any script and a line break
    are blanks. -#}
{% macro plain_term(text) -%}
    if(
        {{- '' }}contains({{ text }}, '  ') or strlen({{ text }}) != length({{ text }})
        {%- for blank in range(9, 14) %} or contains({{ text }}, chr({{ blank }})){% endfor -%}
        , regexp_replace(lower({{ text }}), '[\s\v\x{85}\pZ\x{200B}\x{2060}\x{FEFF}]+', ' ', 'g'), lower({{ text }}))
{%- endmacro %}
