{#- The fault of an identifier, or null. An identifier is text and stays what it is; 1.23457E+11 and 2E+11 are
    what a spreadsheet leaves of a long number. The length is judged apart, because a counted repetition over
    letters of every script costs a hundred times as much. `cell` is the cleaned cell of `column`. -#}
{% macro identifier_fault(column, cell) -%}
    case
            when {{ cell }} is null then {{ fault("'" ~ column ~ "'", "'missing_required'", "'record'", cell) }}
            when
                length({{ cell }}) > 128
                or not regexp_full_match({{ cell }}, '[\pL\d][\pL\d ._/|:,%&()+-]*')
                or (
                    (contains({{ cell }}, 'E') or contains({{ cell }}, 'e'))
                    and regexp_full_match({{ cell }}, '\d+([.,]\d+[eE][+-]?|[eE]\+)\d+')
                )
                then {{ fault("'" ~ column ~ "'", "'id_format'", "'record'", cell) }}
        end
{%- endmacro %}


{#- A select with one row per record: its identifiers, what its cells mean and the faults in it.
    identifiers: columns judged record by record, because every record has its own.
    columns: column -> the column of judge_cells to take (code, term, cell_text, points or day).
    key: columns that two records of one fact share; one that is no identifier is compared as a term.
    records, column_rules: see judge_cells. cells: relation that judge_cells made.
    not_before: column -> [other column, rule]: the last day that the first may mean must not lie before the
    first day that the other may mean. kept: further columns of `records` that stay as they are.
    Comes out: source_file, record_number, line_number; identifiers, columns and kept under their own names;
    for every day is_<column>_partial and <column>_first_day; content (the cells as one value);
    may_be_repeated (another record may have the key); faults (null: none); is_refused (one of them costs
    the record). -#}
{% macro read_records(identifiers, columns, key, records, cells, column_rules, not_before={}, kept=[]) -%}
    {%- set faults = [] -%}
    {%- for identifier in identifiers %}{% do faults.append(identifier ~ '_fault') %}{% endfor -%}
    {%- for column in columns -%}
        {%- do faults.append(column ~ ('_fault' if column in not_before else '_cell.fault')) -%}
    {%- endfor -%}
    {%- set key_cells = [] -%}
    {%- for column in key -%}
        {%- do key_cells.append('cleaned.' ~ (column if column in identifiers else 'key_term')) -%}
    {%- endfor -%}
    with cleaned as not materialized (
        select
            records.* exclude ({{ identifiers | join(', ') }}),
            {%- for column in key if column not in identifiers %}
            {{ clean_text('records.' ~ column, 'settings.missing_codes') }} as key_text,
            {{ plain_term('key_text') }} as key_term,
            {%- endfor %}
            {%- for identifier in identifiers %}
            {{ clean_text('records.' ~ identifier, 'settings.missing_codes') }} as {{ identifier }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from {{ records }} as records
        cross join (select any_value(missing_codes) as missing_codes from {{ column_rules }}) as settings
    ),

    {#- Only hashes are grouped: a million sound records need not be compared. Equal hashes of different
        keys are told apart by judge_records. #}
    repeated_keys as (
        select hash({{ key_cells | join(', ') }}) as key_hash
        from cleaned
        where record_fault is null
        group by key_hash
        having count(*) > 1
    )

    select
        cleaned.source_file, cleaned.record_number, cleaned.line_number,
        {%- for column in identifiers + kept %}
        cleaned.{{ column }},
        {%- endfor %}
        {%- for column, reading in columns.items() %}
        {%- if column in not_before %}
        {%- set other, rule = not_before[column] %}
        case
            when {{ column }}_cell.last_day < {{ other }}_cell.first_day
                then {{ fault("'" ~ column ~ "'", "'" ~ rule ~ "'", column ~ '_cell.fault_scope', column ~ '_cell.cell_text') }}
            else {{ column }}_cell.fault
        end as {{ column }}_fault,
        case when {{ column }}_fault is null then {{ column }}_cell.{{ reading }} end as {{ column }},
        {%- else %}
        {{ column }}_cell.{{ reading }} as {{ column }},
        {%- endif %}
        {%- if reading == 'day' %}
        {{ column }}_cell.is_partial{{ ' and ' ~ column ~ '_fault is null' if column in not_before }} as is_{{ column }}_partial,
        {{ column }}_cell.first_day as {{ column }}_first_day,
        {%- endif %}
        {%- endfor %}
        repeated_keys.key_hash is not null as may_be_repeated,
        row(
            {%- for column in identifiers %}cleaned.{{ column }}, {% endfor %}
            {%- for column, reading in columns.items() %}
            {{- column }}_cell.{{ 'term' if column in key else 'cell_text' }}
            {{- ', ' if not loop.last }}
            {%- endfor -%}
        ) as content,
        {%- for identifier in identifiers %}
        {{ identifier_fault(identifier, 'cleaned.' ~ identifier) }} as {{ identifier }}_fault,
        {%- endfor %}
        case
            when cleaned.record_fault is not null
                then [{{ fault("'(record)'", 'cleaned.record_fault', "'record'", 'cleaned.record_fault_detail') }}]
            when {{ faults | join(' is not null or ') }} is not null
                then list_filter([{{ faults | join(', ') }}], each -> each is not null)
        end as faults,
        {#- A record without faults is not refused. #}
        coalesce(list_contains(list_transform(faults, each -> each.scope_code), 'record'), false) as is_refused
    from cleaned
    left join repeated_keys on hash({{ key_cells | join(', ') }}) = repeated_keys.key_hash
    {%- for column in columns %}
    left join {{ cells }} as {{ column }}_cell on {{ column }}_cell.column_name = '{{ column }}'
        {{- ' and ' ~ column ~ '_cell.cell is not distinct from cleaned.' ~ column }}
    {%- endfor %}
{%- endmacro %}
