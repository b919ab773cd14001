{#- A select of the records with their identifiers cleaned, which each record has for itself, and qualified by
    the centre, so that every key has the centre in it (function qualified writes the same form).
    key: columns that two records of one fact share; one that is no identifier is compared as a term.
    records: relation with the export's records as text. column_rules: see judge_cells.
    Comes out: the columns of `records`; <identifier>_bare, without the centre; <identifier>_rule (null: sound); key_hash;
    fault_scopes (map: column -> what a fault costs). -#}
{% macro clean_records(identifiers, key, records, column_rules) -%}
    select cleaned.*,
        {%- for identifier in identifiers %}
        {#- An identifier is text and stays what it is; 1.23457E+11 and 2E+11 are what a spreadsheet leaves of a
            long number. Letters of every script are named once, because DuckDB compiles them again at each use. #}
        {%- set cell = identifier ~ '_bare' %}
        if(centre_code != '', centre_code || ':' || {{ cell }}, {{ cell }}) as {{ identifier }},
        case
            when {{ cell }} is null then 'missing_required'
            when length({{ cell }}) > 128 or contains(' ._/|:,%&()+-', {{ cell }}[1]) or not regexp_full_match({{ cell }}, '[\pL\d ._/|:,%&()+-]*') then 'id_format'
            when (contains({{ cell }}, 'E') or contains({{ cell }}, 'e')) and regexp_full_match({{ cell }}, '\d+([.,]\d+[eE][+-]?|[eE]\+)\d+') then 'id_format'
        end as {{ identifier }}_rule,
        {%- endfor %}
        hash(
            {%- for column in key -%}
            {{ column if column in identifiers else plain_term(column ~ '_text') }}{{ ', ' if not loop.last }}
            {%- endfor -%}
        ) as key_hash
    from (
        select
            records.* exclude ({{ identifiers | join(', ') }}),
            {%- for identifier in identifiers %}
            {{ clean_text('records.' ~ identifier, 'settings.missing_codes') }} as {{ identifier }}_bare,
            {%- endfor %}
            {%- for column in key if column not in identifiers %}
            {{ clean_text('records.' ~ column, 'settings.missing_codes') }} as {{ column }}_text,
            {%- endfor %}
            settings.fault_scopes
        from {{ records }} as records
        cross join (
            select any_value(missing_codes) as missing_codes, map_from_entries(list((column_name, fault_scope))) as fault_scopes from {{ column_rules }}
        ) as settings
    ) as cleaned
{%- endmacro %}


{#- A select with one row per record: its identifiers, what its cells mean and the faults in it.
    identifiers: columns judged record by record, because every record has its own.
    columns: column -> the column of judge_cells to take (code, term, cell_text, points or day).
    key: columns that two records of one fact share; one that is no identifier is compared as a term.
    records: relation that clean_records made. cells: relation that judge_cells made.
    repeated_keys: relation with the key_hash values that more than one record has.
    not_before: column -> [other column, rule, what it costs (none: as any fault of the column)]: the last day that the
    first may mean must not lie before the first day that the other may mean. alternatives: required column -> [other column, code of it that is none]:
    where the other has another code, the first may be empty. kept: further columns of `records` that stay as they are.
    Comes out: source_file, record_number, line_number; identifiers, columns and kept under their own names;
    for every day is_<column>_partial, <column>_first_day and <column>_last_day; content (the cells as one value);
    may_be_repeated (another record may have the key); faults (null: none); is_refused (one of them costs
    the record). -#}
{% macro read_records(identifiers, columns, key, records, repeated_keys, cells, not_before={}, alternatives={}, kept=[]) -%}
    {#- column -> [SQL of the broken rule, SQL of the cell] -#}
    {%- set judged = {} -%}
    {%- for column in identifiers %}{% do judged.update({column: ['records.' ~ column ~ '_rule', 'records.' ~ column]}) %}{% endfor -%}
    {#- A text has no rule. #}
    {%- for column, reading in columns.items() if reading != 'cell_text' -%}
        {%- set rule = column ~ ('_rule' if column in not_before or column in alternatives else '_cell.rule_code') -%}
        {%- do judged.update({column: [rule, column ~ '_cell.cell_text']}) -%}
    {%- endfor -%}
    {%- set rules = judged.values() | map('first') -%}
    select read.*, if(faults is null, false, list_contains(list_transform(faults, each -> each.scope_code), 'record')) as is_refused
    from (select
        {% for column in ['source_file', 'record_number', 'line_number'] + identifiers + kept -%}
        records.{{ column }}{{ ', ' }}
        {%- endfor %}
        {%- for column, reading in columns.items() %}
        {%- if column in not_before %}
        {%- set other, rule = not_before[column][:2] %}
        case when {{ column }}_cell.last_day < {{ other }}_cell.first_day then '{{ rule }}' else {{ column }}_cell.rule_code end
            as {{ column }}_rule,
        case when {{ column }}_rule is null then {{ column }}_cell.{{ reading }} end as {{ column }},
        {%- else %}
        {%- if column in alternatives %}
        {%- set other, no_alternative = alternatives[column] %}
        case
            when {{ column }}_cell.rule_code = 'missing_required' and {{ other }}_cell.code != '{{ no_alternative }}' then null
            else {{ column }}_cell.rule_code
        end as {{ column }}_rule,
        {%- endif %}
        {{ column }}_cell.{{ reading }} as {{ column }},
        {%- endif %}
        {%- if reading == 'day' %}
        {{ column }}_cell.is_partial{{ ' and ' ~ column ~ '_rule is null' if column in not_before }} as is_{{ column }}_partial,
        {{- ' ' ~ column }}_cell.first_day as {{ column }}_first_day, {{ column }}_cell.last_day as {{ column }}_last_day,
        {%- endif %}
        {%- endfor %}
        repeated_keys.key_hash is not null as may_be_repeated,
        row(
            {%- for column in identifiers %}records.{{ column }}, {% endfor %}
            {%- for column, reading in columns.items() %}
            {{- column }}_cell.{{ 'term' if column in key else 'cell_text' }}
            {{- ', ' if not loop.last }}
            {%- endfor -%}
        ) as content,
        case
            when records.record_fault is not null
                then [{{ fault("'(record)'", 'records.record_fault', "'record'", 'records.record_fault_detail') }}]
            when coalesce({{ rules | join(', ') }}) is not null
                then list_filter([
                    {%- for column, (rule, cell) in judged.items() %}
                    {%- set scope = "fault_scopes['" ~ column ~ "']" %}
                    {%- set between = not_before.get(column, []) %}
                    {%- if between | length == 3 %}
                    {%- set scope = "if(" ~ rule ~ " = '" ~ between[1] ~ "', '" ~ between[2] ~ "', " ~ scope ~ ")" %}
                    {%- endif %}
                    {{ fault("'" ~ column ~ "'", rule, scope, cell) }}{{ ',' if not loop.last }}
                    {%- endfor %}
                ], each -> each.rule_code is not null)
        end as faults
    from {{ records }} as records
    left join {{ repeated_keys }} as repeated_keys on records.key_hash = repeated_keys.key_hash
    {%- for column in columns %}
    left join {{ cells }} as {{ column }}_cell on {{ column }}_cell.column_name = '{{ column }}'
        {{- ' and ' ~ column ~ '_cell.cell is not distinct from records.' ~ column }}
    {%- endfor %}
    ) as read
{%- endmacro %}
