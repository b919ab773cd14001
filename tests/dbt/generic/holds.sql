{#- What every row of a table must hold; one failure per rule and column, counted, without any value.
    Each rule is a query of its own: it reads one column, and often only that column's statistics.
    keys: each column, or list of columns, is unique where it is recorded. Keys are counted by their hash;
    only those whose hash occurs twice are compared themselves.
    complete: columns that are never null.
    codes: per column the codes that a recorded value may be.
    ranges: per column the two bounds of a recorded value, both included. -#}
{% test holds(model, keys=[], complete=[], codes={}, ranges={}) %}
{%- set rules = [] -%}
{%- for column in complete -%}
    {%- do rules.append(('complete', column, column ~ ' is null')) -%}
{%- endfor -%}
{%- for column, accepted in codes.items() -%}
    {%- do rules.append(('codes', column, column ~ " not in ('" ~ accepted | join("', '") ~ "')")) -%}
{%- endfor -%}
{%- for column, bounds in ranges.items() -%}
    {%- set is_inside = column ~ ' between ' ~ bounds[0] ~ ' and ' ~ bounds[1] -%}
    {%- do rules.append(
        ('ranges', column, column ~ ' is not null and not coalesce(' ~ is_inside ~ ', false)')
    ) -%}
{%- endfor %}
with broken as (
    {%- for key in keys %}
    {%- set columns = [key] if key is string else key %}
    select
        'keys' as rule,
        '{{ columns | join(", ") }}' as column_name,
        count(*) as n_rows
    from (
        select {{ columns | join(', ') }}
        from {{ model }}
        where
            hash({{ columns | join(', ') }}) in (
                select hash({{ columns | join(', ') }})
                from {{ model }}
                group by all
                having count(*) > 1
            )
            {%- for column in columns %}
            and {{ column }} is not null
            {%- endfor %}
        group by all
        having count(*) > 1
    )
    {{ "union all" if not loop.last or rules }}
    {%- endfor %}
    {%- for rule, column, condition in rules %}
    select
        '{{ rule }}' as rule,
        '{{ column }}' as column_name,
        count(*) as n_rows
    from {{ model }}
    where {{ condition }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select *
from broken
where n_rows > 0
{% endtest %}
