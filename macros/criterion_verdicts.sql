{% macro criterion_verdicts(assessed) -%}
    select
        patient_id,
        criterion_code,
        is_met
    from (unpivot {{ assessed }} on columns('^(is|has)_') into name criterion_code value is_met)
{%- endmacro %}
