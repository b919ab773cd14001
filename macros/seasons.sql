{#- First day of the season that a day lies in; first_month: of that season (seed seasons). -#}
{% macro season_start(day, first_month) -%}
    make_date(year({{ day }}) - if({{ first_month }} > month({{ day }}), 1, 0), {{ first_month }}, 1)
{%- endmacro %}

{#- Last day of the season that a day lies in; last_month: of that season (seed seasons). -#}
{% macro season_end(day, last_month) -%}
    last_day(make_date(year({{ day }}) + if({{ last_month }} < month({{ day }}), 1, 0), {{ last_month }}, 1))
{%- endmacro %}

{#- Not completed years: those grow on the birthday, which two deliveries would tell. -#}
{% macro years_since_birth_year(birth_date, day) -%}
    year({{ day }}) - year({{ birth_date }})
{%- endmacro %}

{#- Over for everybody who started in that season, and since the season of the extraction began. -#}
{% macro is_window_over(season_end, last_day, data_collection_season_start) -%}
    {{ season_end }} + {{ last_day }} < {{ data_collection_season_start }}
{%- endmacro %}
