{% test holds(
    model, keys=[], complete=[], references={}, codes={}, values={}, bands={}, numbers={}, scores={}, changes={},
    ranges={}, conditions=[], named={}
) %}
{%- set rules = [] -%}
{%- for column in complete -%}
    {%- do rules.append(('complete', column, column ~ ' is null')) -%}
{%- endfor -%}
{%- for column, kind in codes.items() -%}
    {%- set accepted -%}
        select code from {{ ref('code_labels') }} where code_kind = '{{ kind }}'
    {%- endset -%}
    {%- do rules.append(('codes', column, column ~ ' not in (' ~ accepted ~ ')')) -%}
{%- endfor -%}
{%- for column, accepted in values.items() -%}
    {%- do rules.append(('codes', column, column ~ " not in ('" ~ accepted | join("', '") ~ "')")) -%}
{%- endfor -%}
{%- for column, scheme in bands.items() -%}
    {%- set accepted -%}
        select band_code from {{ ref('score_bands') }}
        where scheme_code = '{{ scheme[0] }}' and score_code = '{{ scheme[1] }}'
    {%- endset -%}
    {%- do rules.append(('codes', column, column ~ ' not in (' ~ accepted ~ ')')) -%}
{%- endfor -%}
{%- for column, number in numbers.items() -%}
    {%- set said -%}
        cast(nullif(regexp_extract({{ column }}, '[0-9]+(\.[0-9]+)?'), '') as double)
    {%- endset -%}
    {%- do rules.append(('number in the name', column, said ~ ' != ' ~ number)) -%}
{%- endfor -%}
{%- for column, score in scores.items() -%}
    {%- set limits -%}
        from {{ ref('score_definitions') }} where score_code = '{{ score }}'
    {%- endset -%}
    {%- set is_inside = column ~ ' between (select min(min_value) ' ~ limits ~ ') and (select max(max_value) '
        ~ limits ~ ')' -%}
    {%- do rules.append(('ranges', column, column ~ ' is not null and (' ~ is_inside ~ ') is not true')) -%}
{%- endfor -%}
{%- for column, score in changes.items() -%}
    {%- set width -%}
        (select max(max_value - min_value) from {{ ref('score_definitions') }} where score_code = '{{ score }}')
    {%- endset -%}
    {%- do rules.append(
        ('ranges', column, column ~ ' is not null and (abs(' ~ column ~ ') <= ' ~ width ~ ') is not true')
    ) -%}
{%- endfor -%}
{%- for column, bounds in ranges.items() -%}
    {%- set is_inside = column ~ ' between ' ~ bounds[0] ~ ' and ' ~ bounds[1] -%}
    {%- do rules.append(('ranges', column, column ~ ' is not null and (' ~ is_inside ~ ') is not true')) -%}
{%- endfor -%}
{%- for condition in conditions -%}
    {%- do rules.append(('condition', condition | replace("'", "''"), 'not (' ~ condition ~ ')')) -%}
{%- endfor %}
with broken as (
    {%- for key in keys %}
    {%- set columns = [key] if key is string else key %}
    select
        'keys' as broken_rule,
        '{{ columns | join(", ") }}' as column_name,
        count(*) as n_rows
    from (
        select {{ columns | join(', ') }}
        from {{ model }}
        where
            hash({{ columns | join(', ') }}) in (
                select key_hash
                from (select hash({{ columns | join(', ') }}) as key_hash from {{ model }})
                qualify key_hash = lag(key_hash) over (order by key_hash)
            )
            {%- for column in columns %}
            and {{ column }} is not null
            {%- endfor %}
        group by all
        having count(*) > 1
    )
    {{ "union all" if not loop.last or rules or named or references }}
    {%- endfor %}
    {%- for column, target in references.items() %}
    {%- set known = [target, column] if target is string else target %}
    select
        'references' as broken_rule,
        '{{ column }}' as column_name,
        count(*) as n_rows
    from (select {{ column }} as code from {{ model }} where {{ column }} is not null) as referring
    anti join {{ ref(known[0]) }} as known
        on referring.code = known.{{ known[1] }}
    {{ "union all" if not loop.last or rules or named }}
    {%- endfor %}
    {%- for column, listed in named.items() %}
    select
        'named' as broken_rule,
        '{{ column | replace("'", "''") }}' as column_name,
        count(*) as n_rows
    from (values ('{{ listed | join("'), ('") }}')) as named (code)
    anti join (select {{ column }} as code from {{ model }}) as listed
        on named.code = listed.code
    {{ "union all" if not loop.last or rules }}
    {%- endfor %}
    {%- for rule, column, condition in rules %}
    select
        '{{ rule }}' as broken_rule,
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
