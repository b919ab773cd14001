{#- The named columns are never null; a failure names the column and counts its empty rows. -#}
{% test complete(model, columns) %}
{%- for column in columns %}
select
    '{{ column }}' as column_name,
    count(*) as n_rows
from {{ model }}
where {{ column }} is null
having count(*) > 0
{{ "union all" if not loop.last }}
{%- endfor %}
{% endtest %}
