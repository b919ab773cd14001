{#- Rendering this source makes intake judge the whole delivery and load it into schema raw, before any
    seed or model is touched. A delivery that cannot be trusted ends the run here. -#}
{% macro load_delivery() -%}
    {%- if execute -%}
        {%- set delivery = source('intake', 'incoming_delivery') -%}
    {%- endif -%}
    select 'delivery judged' as step
{%- endmacro %}
