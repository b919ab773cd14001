{#- Every recorded value of each named column lies between its two bounds, both included; a failure names
    the column and counts the values outside. -#}
{% test in_ranges(model, ranges) %}
{%- for column, bounds in ranges.items() %}
select
    '{{ column }}' as column_name,
    count(*) as n_outside
from {{ model }}
where
    {{ column }} is not null
    and not coalesce({{ column }} between {{ bounds[0] }} and {{ bounds[1] }}, false)
having count(*) > 0
{{ "union all" if not loop.last }}
{%- endfor %}
{% endtest %}
