{% test as_many_rows_as(model, other) %}
select
    (select count(*) from {{ model }}) as n_rows,
    (select count(*) from {{ other }}) as n_expected
where n_rows != n_expected
{% endtest %}
