{#- What a published row says of the record it comes from: 16 hex digits that lead to file and number only with
    the key of the load, which stays in the vault. A null number has no reference. -#}
{% macro record_reference(reference_key, record_number, source_file) -%}
    left(sha256({{ reference_key }} || {{ record_number }} || ' ' || {{ source_file }}), 16)
{%- endmacro %}
