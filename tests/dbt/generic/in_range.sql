{#- Every recorded value lies between the two bounds, both included. -#}
{% test in_range(model, column_name, lowest, highest) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is not null and not ({{ column_name }} between {{ lowest }} and {{ highest }})
{% endtest %}
