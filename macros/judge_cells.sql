{#- A select with one row per distinct cell of the named columns: what it means and the fault in it. An
    export has few distinct cells and many records, so each cell is judged once.
    columns: names of columns of `records`, a relation with the export's records as text.
    column_rules: relation with the rows of base_intake__column_rules for this export.
    known_words: relation with the rows of base_intake__known_words.
    Comes out: column_name and cell (as written) are the key; cell_text (cleaned), term, code (of a word, or
    an ATC code), points, day, first_day, last_day, is_partial; rule_code (null: sound). -#}
{% macro judge_cells(columns, records, column_rules, known_words) -%}
    with written as (
        {%- for column in columns %}
        select '{{ column }}' as column_name, {{ column }} as cell from {{ records }} group by {{ column }}
        {{- " union all" if not loop.last }}
        {%- endfor %}
    ),

    cleaned as (
        select texts.*, {{ plain_term('cell_text') }} as term
        from (
            select column_rules.*, written.cell, {{ clean_text('written.cell', 'column_rules.missing_codes') }} as cell_text
            from written
            inner join {{ column_rules }} as column_rules on written.column_name = column_rules.column_name
        ) as texts
    ),

    {#- The declared mark is the only one: it changes places with the mark that is read below. #}
    arranged as (
        select cleaned.*,
            known_words.code as word_code,
            upper(replace(term, ' ', '')) as atc_code,
            translate(cell_text, decimal_mark || '.', '.' || decimal_mark) as number_text,
            translate(cell_text, date_separator || '-', '-' || date_separator) as dashed,
            case
                when date_order = 'ymd' or regexp_full_match(dashed, '\d{4}') then dashed
                when regexp_full_match(dashed, '\d{2}-\d{4}') then dashed[4:] || '-' || dashed[:2]
                when not regexp_full_match(dashed, '\d{2}-\d{2}-\d{4}') then 'unreadable'
                when date_order = 'dmy' then dashed[7:] || '-' || dashed[4:5] || '-' || dashed[:2]
                else dashed[7:] || '-' || dashed[:5]
            end as iso_date
        from cleaned
        left join {{ known_words }} as known_words on cleaned.word_kind = known_words.word_kind and cleaned.term = known_words.word
    ),

    {#- A year or a month is completed to its middle, 1 July or day 15. That may lie after the extraction:
        with the day of the extraction in its place, all study days would move with every delivery. #}
    typed as (
        select arranged.*,
            try_cast(number_text as double) as points,
            length(iso_date) < 10 as is_partial,
            try_cast(iso_date || substr('0000-01-01', length(iso_date) + 1) as date) as first_day,
            try_cast(iso_date || substr('0000-12-01', length(iso_date) + 1) as date) as last_month,
            case length(iso_date)
                when 4 then try_cast(iso_date || '-07-01' as date)
                when 7 then try_cast(iso_date || '-15' as date)
                else try_cast(iso_date as date)
            end as day
        from arranged
    ),

    judged as (
        select typed.*,
            case
                when cell_text is null then if(is_cell_required, 'missing_required', null)
                when kind_code = 'word' then if(word_code is null, 'unknown_code', null)
                when kind_code = 'atc' and not regexp_full_match(atc_code, '[A-Z](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?') then 'code_format'
                when kind_code = 'score' then if(not regexp_full_match(number_text, '-?\d{1,6}(\.\d{1,20})?'), 'not_a_number', {{ score_rule('points') }})
                when kind_code = 'age' then case
                    when not regexp_full_match(number_text, '\d{1,6}(\.\d{1,20})?') then 'not_a_number'
                    when points > oldest_age_years then 'age_range'
                end
                when kind_code = 'date' then case
                    when not regexp_full_match(iso_date, '\d{4}(-\d{2}(-\d{2})?)?') then 'date_format'
                    when is_partial and not is_partial_date_allowed then 'date_format'
                    when day is null or iso_date like '0000-__-__' then 'impossible_date'
                    when day < earliest_date or first_day > latest_date then 'date_range'
                    when {{ completed_years('day', 'latest_date') }} > oldest_age_years then 'age_range'
                end
            end as rule_code
        from typed
    )

    select
        column_name, cell, cell_text, term,
        if(kind_code = 'atc', if(rule_code is null, atc_code, null), word_code) as code,
        if(rule_code is null, points, null) as points,
        if(rule_code is null, first_day, null) as first_day,
        if(rule_code is null, if(is_partial, last_day(last_month), day), null) as last_day,
        if(rule_code is null, day, null) as day,
        {#- An empty cell is no partial date. #}
        coalesce(rule_code is null and is_partial, false) as is_partial,
        rule_code
    from judged
{%- endmacro %}

{#- The rule that a number of points breaks; null where it is sound. Reads min_value, max_value and step; null: no limit.
    A value may miss its step by floating-point noise only. -#}
{% macro score_rule(points) -%}
    case when {{ points }} < min_value or {{ points }} > max_value then 'out_of_range'
        when abs({{ points }} - round({{ points }} / step) * step) > 1e-9 then if(step = 1, 'not_integer', 'not_on_step') end
{%- endmacro %}
