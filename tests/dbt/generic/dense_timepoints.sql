{% test dense_timepoints(model) %}
select
    (select count(*) from {{ model }}) as n_rows,
    (select count(*) from {{ ref('dim_patients') }})
    * (select count(*) from {{ ref('dim_timepoints') }}) as n_expected
where n_rows != n_expected
{% endtest %}
