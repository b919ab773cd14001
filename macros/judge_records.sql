{#- The same verdict for every export, written once. A column that the record cannot do without costs the
    record when it is faulty (scope record); any other costs its own value only (scope value). -#}

{% macro has_record_fault(record_columns) -%}
    (
        record_fault is not null
        {%- for column in record_columns %}
        or {{ column }}_fault is not null
        {%- endfor %}
    )
{%- endmacro %}

{#- CTEs that end in `marked`: the records of `source`, and whether their key stands in another record too.
    Only the keys are read for it, so that a million sound records need not be kept to be compared.
    `keys` maps a key column to its cell as text. -#}
{% macro mark_repeated_keys(keys) -%}
    repeated_keys as (
        select
            {%- for column, cell in keys.items() %}
            {{ cell }} as {{ column }},
            {%- endfor %}
            count(*) as n_records
        from source
        cross join source_format
        group by all
        having count(*) > 1
    ),

    marked as (
        select
            source.*,
            repeated_keys.n_records is not null as is_key_repeated
        from source
        cross join source_format
        left join repeated_keys
            on
                {%- for column, cell in keys.items() %}
                {{ "and " if not loop.first }}{{ cell }} = repeated_keys.{{ column }}
                {%- endfor %}
    )
{%- endmacro %}

{#- CTEs that end in `repeats`: the verdict on records that share a key. Equal copies are surplus. Records
    that contradict each other are both refused, unless the source is known to write one fact at every
    visit (repeated_records: keep_first) or the export is a list of facts without identifiers (keep_first).
    Records refused already are not compared. -#}
{% macro repeats(key_columns, content_columns, keep_first=false) -%}
    repeated_records as (
        select
            source_file,
            record_number,
            {%- for column in key_columns %}
            {{ column }},
            {%- endfor %}
            row({{ content_columns | join(', ') }}) as content
        from judged
        where is_key_repeated and not has_record_fault
    ),

    repeated_groups as (
        select
            {%- for column in key_columns %}
            {{ column }},
            {%- endfor %}
            count(distinct content) as n_versions,
            min({'file': source_file, 'record': record_number}) as first_record
        from repeated_records
        group by {{ key_columns | join(', ') }}
    ),

    -- The first copy is the first record of the first file by name: a total order.
    repeats as (
        select
            repeated_records.source_file,
            repeated_records.record_number,
            case
                when
                    repeated_groups.n_versions > 1
                    and {{ "false" if keep_first else "source_format.repeated_records = 'refuse'" }}
                    then 'conflicting_duplicate'
                when
                    repeated_groups.first_record
                    = {'file': repeated_records.source_file, 'record': repeated_records.record_number}
                    then null
                when repeated_groups.n_versions > 1 then 'repeated_record'
                else 'duplicate_exact'
            end as repeat_rule
        from repeated_records
        inner join repeated_groups using ({{ key_columns | join(', ') }})
        cross join source_format
    )
{%- endmacro %}

{#- What happens to the record: staged, quarantined or deduplicated. -#}
{% macro record_disposition() -%}
    case
        when judged.has_record_fault then 'quarantined'
        when repeats.repeat_rule = 'conflicting_duplicate' then 'quarantined'
        when repeats.repeat_rule is not null then 'deduplicated'
        else 'staged'
    end
{%- endmacro %}

{#- Every fault of a record with the cell it was found in; null for a sound record, so that a clean
    export costs nothing here. -#}
{% macro record_faults(key_columns, record_columns, value_columns) -%}
    case
        when
            judged.has_record_fault
            or repeats.repeat_rule is not null
            {%- for column in value_columns %}
            or judged.{{ column }}_fault is not null
            {%- endfor %}
            then
                list_filter(
                    [
                        {
                            'column_name': '(record)',
                            'rule_code': judged.record_fault,
                            'scope_code': 'record',
                            'value_text': judged.record_fault_detail
                        },
                        {
                            'column_name': '{{ key_columns | join(", ") }}',
                            'rule_code': repeats.repeat_rule,
                            'scope_code': case
                                when repeats.repeat_rule = 'conflicting_duplicate' then 'record'
                                else 'duplicate'
                            end,
                            'value_text': concat_ws(
                                ', ' {%- for column in key_columns %}, judged.{{ column }}{% endfor %}
                            )
                        }
                        {%- for column in record_columns + value_columns %},
                        {
                            'column_name': '{{ column }}',
                            'rule_code': case
                                when judged.record_fault is null then judged.{{ column }}_fault
                            end,
                            'scope_code': '{{ "record" if column in record_columns else "value" }}',
                            'value_text': judged.{{ column }}
                        }
                        {%- endfor %}
                    ],
                    fault -> fault.rule_code is not null
                )
    end
{%- endmacro %}
