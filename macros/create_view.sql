{#- A view names the tables below it without the database: a vault is built under one file name and kept or
    attached under another. -#}
{% macro duckdb__create_view_as(relation, sql) -%}
    create view {{ relation }} as (
        {{ sql | replace('"' ~ relation.database ~ '".', '') }}
    );
{%- endmacro %}
