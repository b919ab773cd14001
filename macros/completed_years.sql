{#- Completed years on a day. Who was born on 29 February has the birthday on 1 March in other years. -#}
{% macro completed_years(birth_date, day) -%}
    (year({{ day }}) - year({{ birth_date }}) - case
            when 100 * month({{ day }}) + day({{ day }}) < 100 * month({{ birth_date }}) + day({{ birth_date }}) then 1
            else 0
        end)
{%- endmacro %}
