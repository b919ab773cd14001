{#- Each of the named columns by itself is unique; a failure names the column. -#}
{% test unique_values(model, columns) %}
{%- for column in columns %}
select
    '{{ column }}' as column_name,
    count({{ column }}) - count(distinct {{ column }}) as n_repeats
from {{ model }}
having count({{ column }}) > count(distinct {{ column }})
{{ "union all" if not loop.last }}
{%- endfor %}
{% endtest %}
