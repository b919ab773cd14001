{#- The named columns together are a key: none is null and no combination occurs twice. Combinations
    are counted by their hash, which is a third of the work; only those whose hash occurs twice are
    compared themselves. -#}
{% test unique_combination(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as n_rows
from {{ model }}
where
    hash({{ columns | join(', ') }}) in (
        select hash({{ columns | join(', ') }})
        from {{ model }}
        group by all
        having count(*) > 1
    )
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
