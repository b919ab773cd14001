{#- Tables and views are made under their own names, in one transaction with the removal of what is there. dbt's own
    materializations make them under another name, rename twice and drop: three statements more for each of seventy. -#}
{% materialization table, adapter='duckdb' %}
    {{ return(made_in_place('table', create_table_as(false, this, compiled_code))) }}
{% endmaterialization %}

{#- A view names the tables below it without the database: a vault is built under one file name and kept or
    attached under another. -#}
{% materialization view, adapter='duckdb' %}
    {%- set query = compiled_code | replace('"' ~ this.database ~ '".', '') -%}
    {{ return(made_in_place('view', create_view_as(this, query))) }}
{% endmaterialization %}

{% macro made_in_place(type, statement_text) -%}
    {%- set relation = this.incorporate(type=type) -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        {% if existing is not none %}drop {{ existing.type }} if exists {{ existing }} cascade;{% endif %}
        {{ statement_text }}
    {%- endcall %}
    {% do create_indexes(relation) %}
    {{ run_hooks(post_hooks) }}
    {% do persist_docs(relation, model) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [relation]}) }}
{%- endmacro %}
