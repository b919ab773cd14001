{% test says_its_number(model, column_name, number) %}
select
    'number in the name' as broken_rule,
    '{{ column_name }}' as column_name,
    count(*) as n_rows
from {{ model }}
where
    regexp_matches({{ column_name }}, '[0-9]')
    and cast(regexp_extract({{ column_name }}, '[0-9]+(\.[0-9]+)?') as double) != {{ number }}
having count(*) > 0
{% endtest %}
