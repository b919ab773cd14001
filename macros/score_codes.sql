{#- The scores of a visit, as their columns are called: <score>_score in cohort_visits, and so on. -#}
{% macro score_codes() -%}
    {{ return(['easi', 'itch_nrs', 'sleep_nrs', 'dlqi', 'iga', 'poem']) }}
{%- endmacro %}

{#- The column of the score that score_code names; SCORE in the pattern stands for its code. -#}
{% macro of_score(pattern) -%}
    case score_code
        {%- for score in score_codes() %}
        when '{{ score }}' then {{ pattern | replace('SCORE', score) }}
        {%- endfor %}
    end
{%- endmacro %}

{#- One row from score_definitions: <score>_response_kind and <score>_response_threshold. -#}
{% macro response_rules() -%}
    select
        {%- for score in score_codes() %}
        max(response_kind) filter (score_code = '{{ score }}') as {{ score }}_response_kind,
        max(response_threshold) filter (score_code = '{{ score }}')
            as {{ score }}_response_threshold{{ "," if not loop.last }}
        {%- endfor %}
    from score_definitions
{%- endmacro %}

{#- One row from systemic_indications: <score>_threshold and is_<score>_inclusive; null for a score that
    indicates nothing. -#}
{% macro score_indications() -%}
    select
        {%- for score in score_codes() %}
        max(threshold_value) filter (score_code = '{{ score }}') as {{ score }}_threshold,
        bool_or(operator = '>=') filter (score_code = '{{ score }}') as is_{{ score }}_inclusive
        {{- "," if not loop.last }}
        {%- endfor %}
    from systemic_indications
{%- endmacro %}
