{% test has_a_boolean_for_each_criterion(model, criteria, conjunction) %}
{%- set booleans = [] -%}
{%- if execute -%}
    {%- for column in adapter.get_columns_in_relation(model) -%}
        {%- if column.dtype | upper == 'BOOLEAN' and column.name != conjunction -%}
            {%- do booleans.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endif %}
with booleans as (
    select unnest({{ booleans }}::varchar[]) as criterion_code
),

criteria as (
    select criterion_code from {{ criteria }}
)

select
    case when booleans.criterion_code is null then 'criterion without a boolean' else 'boolean without a criterion' end
        as broken_rule,
    coalesce(criteria.criterion_code, booleans.criterion_code) as column_name,
    1 as n_rows
from criteria
full outer join booleans
    on criteria.criterion_code = booleans.criterion_code
where criteria.criterion_code is null or booleans.criterion_code is null
{% endtest %}
