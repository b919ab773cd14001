{#- Every recorded value of each named column is one of its codes; a failure names the column and counts the
    values that are none. -#}
{% test accepted_codes(model, codes) %}
{%- for column, accepted in codes.items() %}
select
    '{{ column }}' as column_name,
    count(*) as n_unknown
from {{ model }}
where {{ column }} not in ('{{ accepted | join("', '") }}')
having count(*) > 0
{{ "union all" if not loop.last }}
{%- endfor %}
{% endtest %}
