{#- Dates are read in the declared order only, with four-digit years and two-digit days and months.
    A partial date (2013 or 2013-05) is accepted where the column or the source allows it, completed to
    its middle (1 July, day 15) and flagged. -#}

{#- <column>_iso: the cell rearranged to year-month-day text, or a text that no pattern accepts. -#}
{% macro iso_text(column) -%}
    case
        when source_format.date_order = 'ymd' and source_format.date_separator = '-'
            then {{ column }}
        when
            source_format.date_order = 'ymd'
            and regexp_full_match({{ column }}, '\d{4}(.\d{2}){0,2}')
            and regexp_replace({{ column }}, '\d', '', 'g')
            = repeat(
                source_format.date_separator,
                length(regexp_replace({{ column }}, '\d', '', 'g'))
            )
            then replace({{ column }}, source_format.date_separator, '-')
        when
            source_format.date_order != 'ymd'
            and regexp_full_match({{ column }}, '\d{2}.\d{2}.\d{4}')
            and {{ column }}[3] = source_format.date_separator
            and {{ column }}[6] = source_format.date_separator
            then
                {{ column }}[7:10] || '-'
                || case
                    when source_format.date_order = 'dmy'
                        then {{ column }}[4:5] || '-' || {{ column }}[1:2]
                    else {{ column }}[1:2] || '-' || {{ column }}[4:5]
                end
        when
            source_format.date_order != 'ymd'
            and regexp_full_match({{ column }}, '\d{2}.\d{4}')
            and {{ column }}[3] = source_format.date_separator
            then {{ column }}[4:7] || '-' || {{ column }}[1:2]
        when source_format.date_order != 'ymd' and regexp_full_match({{ column }}, '\d{4}')
            then {{ column }}
        when {{ column }} is not null then 'unreadable'
    end as {{ column }}_iso
{%- endmacro %}

{#- <column>_written_day: the day that year-month-day text means, a year or a month completed to its middle; null
    when it is no day of the calendar. What the engine reads must be what was written: 2020-1-5 is no date. -#}
{% macro completed_day(column) -%}
    {%- set iso = column ~ '_iso' -%}
    case
        when length({{ iso }}) = 10
            then
                case
                    when cast(try_cast({{ iso }} as date) as varchar) = {{ iso }}
                        then try_cast({{ iso }} as date)
                end
        when regexp_full_match({{ iso }}, '\d{4}-\d{2}') then try_cast({{ iso }} || '-15' as date)
        when regexp_full_match({{ iso }}, '\d{4}') then try_cast({{ iso }} || '-07-01' as date)
    end as {{ column }}_written_day
{%- endmacro %}

{#- The first and the last day that a whole or partial date may mean, as text that sorts like a date. -#}
{% macro first_possible_day(column) -%}
    case
        when length({{ column }}) = 10 then {{ column }}
        else {{ column }} || substr('0000-01-01', length({{ column }}) + 1)
    end
{%- endmacro %}

{% macro last_possible_day(column) -%}
    case
        when length({{ column }}) = 10 then {{ column }}
        else {{ column }} || substr('9999-12-31', length({{ column }}) + 1)
    end
{%- endmacro %}

{#- The rule that a cell breaks as a date of this column, or null. `partial` is an SQL boolean; `latest` an SQL date:
    the first possible day of the written date may not lie after it. -#}
{% macro date_rule(column, partial, latest) -%}
    {%- set iso = column ~ '_iso' -%}
    {%- set day = column ~ '_written_day' -%}
    case
        when {{ iso }} is null then null
        when {{ day }} is null or length({{ iso }}) < 10
            then
                case
                    when not regexp_full_match({{ iso }}, '\d{4}(-\d{2}(-\d{2})?)?') then 'date_format'
                    when length({{ iso }}) < 10 and not ({{ partial }}) then 'date_format'
                    when {{ day }} is null then 'impossible_date'
                    when {{ day }} < date '{{ var("earliest_date") }}' then 'date_range'
                    when {{ first_possible_day(iso) }} > cast({{ latest }} as varchar) then 'date_range'
                end
        when {{ day }} < date '{{ var("earliest_date") }}' or {{ day }} > {{ latest }}
            then 'date_range'
    end
{%- endmacro %}


{#- Cells of dates. <column>_day: the day of a cell without fault; the middle of a partial date never lies after
    `capped_by`. is_<column>_partial: completed from a year or a month. <column>_first_day and
    <column>_last_day: what the cell may mean at the earliest and at the latest, as text. `oldest_years`: how
    long before the extraction it may lie at most. Needs the one-row CTE delivery. -#}
{% macro date_cells(
    column,
    is_required=false,
    partial='true',
    latest='latest_date',
    capped_by='latest_date',
    oldest_years=none
) -%}
    select
        completed.cell,
        completed.{{ column }},
        coalesce(
            {%- if is_required %}
            case when {{ column }} is null then 'missing_required' end,
            {%- endif %}
            {{ date_rule(column, partial, latest) }}
            {%- if oldest_years %},
            case
                when date_sub('year', {{ column }}_written_day, latest_date) > {{ oldest_years }}
                    then 'age_range'
            end
            {%- endif %}
        ) as {{ column }}_fault,
        case
            when {{ column }}_fault is null and {{ column }}_written_day is not null
                {%- if capped_by %}
                then least({{ column }}_written_day, {{ capped_by }})
                {%- else %}
                then {{ column }}_written_day
                {%- endif %}
        end as {{ column }}_day,
        {{ column }}_fault is null and length({{ column }}_iso) < 10 as is_{{ column }}_partial,
        {{ first_possible_day(column ~ '_iso') }} as {{ column }}_first_day,
        {{ last_possible_day(column ~ '_iso') }} as {{ column }}_last_day
    from (
        select
            rearranged.*,
            {{ completed_day(column) }}
        from (
            select
                cleaned.*,
                source_format.are_partial_dates_allowed,
                {{ iso_text(column) }}
            from ({{ cleaned_cells(column) }}) as cleaned
            cross join source_format
        ) as rearranged
    ) as completed
    cross join delivery
{%- endmacro %}
