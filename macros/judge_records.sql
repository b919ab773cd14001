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

{#- CTEs that end in `marked`: the records of `source`, and whether their key may stand in another record
    too. Hashes of the keys are counted, and nothing else is read for it: a million sound records need not
    be kept to be compared. Records whose hashes agree by chance are told apart below, by their keys.
    `key_cells` are the cells of the key as text. -#}
{% macro mark_repeated_keys(key_cells) -%}
    repeated_hashes as (
        select hash({{ key_cells | join(", ") }}) as key_hash
        from source
        cross join source_format
        where source.record_fault is null
        group by key_hash
        having count(*) > 1
    ),

    marked as not materialized (
        select
            source.*,
            repeated_hashes.key_hash is not null as may_be_repeated
        from source
        cross join source_format
        left join repeated_hashes
            on hash({{ key_cells | join(", ") }}) = repeated_hashes.key_hash
    )
{%- endmacro %}

{#- CTE `read_records`: the marked records with what was found about each of their cells. `identifiers` are
    judged here, record by record; every other column has a CTE <column>_cells. A cell that is null is found
    as well, so every record finds each of its cells exactly once. -#}
{% macro read_records(identifiers, columns, kept=[]) -%}
    identified as not materialized (
        select
            marked.* exclude ({{ identifiers | join(", ") }}),
            {%- for identifier in identifiers %}
            {{ clean_text('marked.' ~ identifier) }} as {{ identifier }}{{ "," if not loop.last }}
            {%- endfor %}
        from marked
        cross join source_format
    ),

    read_records as not materialized (
        select
            identified.source_file,
            identified.record_number,
            identified.line_number,
            identified.record_fault,
            identified.record_fault_detail,
            identified.may_be_repeated,
            {%- for column in kept + identifiers %}
            identified.{{ column }},
            {%- endfor %}
            {%- for identifier in identifiers %}
            {{ identifier_fault('identified.' ~ identifier) }} as {{ identifier }}_fault,
            {%- endfor %}
            {%- for column in columns %}
            {{ column }}_cells.* exclude (cell){{ "," if not loop.last }}
            {%- endfor %}
        from identified
        {%- for column in columns %}
        left join {{ column }}_cells
            on identified.{{ column }} is not distinct from {{ column }}_cells.cell
        {%- endfor %}
    )
{%- endmacro %}


{#- CTEs that end in `compared`: the judged records with the verdict on those that share a key. Equal copies
    are surplus. Records that contradict each other are both refused, unless the source is known to write
    one fact at every visit (repeated_records: keep_first) or the export is a list of facts without
    identifiers (keep_first). Records refused already are not compared. -#}
{% macro compare_repeats(key_columns, content_columns, keep_first=false) -%}
    candidates as (
        select
            judged.*,
            count(distinct row({{ content_columns | join(', ') }})) over same_key as n_versions,
            -- The first copy is the first record of the first file by name: a total order.
            row_number() over (same_key order by source_file, record_number) as copy_number
        from judged
        where may_be_repeated
        window same_key as (partition by has_record_fault, {{ key_columns | join(', ') }})
    ),

    compared as (
        select
            judged.*,
            cast(null as varchar) as repeat_rule
        from judged
        where not may_be_repeated
        union all
        select
            candidates.* exclude (n_versions, copy_number),
            case
                when candidates.has_record_fault then null
                when
                    candidates.n_versions > 1
                    and {{ "false" if keep_first else "source_format.repeated_records = 'refuse'" }}
                    then 'conflicting_duplicate'
                when candidates.copy_number = 1 then null
                when candidates.n_versions > 1 then 'repeated_record'
                else 'duplicate_exact'
            end as repeat_rule
        from candidates
        cross join source_format
    )
{%- endmacro %}

{#- CTEs that end in `placed`: the compared records with what their patient tells. A record without its
    patient cannot be used, nor one from before its patient's birth; a record that is refused or surplus
    already is not accused again. `date_column` null asks no date. -#}
{% macro place_records(has_patient=true, date_column=none) -%}
    {%- if has_patient %}
    staged_patients as (
        select
            patient_id,
            earliest_birth_date
        from {{ ref('base_clinic__patients') }}
        where record_disposition = 'staged'
    ),

    known_patients as (
        select
            patient_id,
            earliest_birth_date,
            true as is_staged
        from staged_patients
        union all
        select distinct
            patient_id,
            cast(null as date) as earliest_birth_date,
            false as is_staged
        from {{ ref('base_clinic__patients') }}
        where
            record_disposition != 'staged'
            and patient_id is not null
            and patient_id not in (select staged_patients.patient_id from staged_patients)
    ),
    {% endif %}
    placed as (
        select
            compared.*,
            {%- if has_patient %}
            case
                when compared.has_record_fault or compared.repeat_rule is not null then null
                when known_patients.patient_id is null then 'orphan'
                when not known_patients.is_staged then 'parent_rejected'
                {%- if date_column %}
                when compared.{{ date_column }}_day < known_patients.earliest_birth_date
                    then 'before_birth'
                {%- endif %}
            end
            {%- else %}
            cast(null as varchar)
            {%- endif %} as patient_rule
        from compared
        {%- if has_patient %}
        left join known_patients
            on compared.patient_id = known_patients.patient_id
        {%- endif %}
    )
{%- endmacro %}

{#- What happens to the record: staged, quarantined or deduplicated. -#}
{% macro record_disposition() -%}
    case
        when placed.has_record_fault or placed.patient_rule is not null then 'quarantined'
        when placed.repeat_rule = 'conflicting_duplicate' then 'quarantined'
        when placed.repeat_rule is not null then 'deduplicated'
        else 'staged'
    end
{%- endmacro %}

{#- Every fault of a record with the cell it was found in; null for a sound record, so that a clean
    export costs nothing here. -#}
{% macro record_faults(
    key_columns, record_columns, value_columns, has_patient=true, date_column=none
) -%}
    case
        when
            placed.has_record_fault
            or placed.repeat_rule is not null
            or placed.patient_rule is not null
            {%- for column in value_columns %}
            or placed.{{ column }}_fault is not null
            {%- endfor %}
            then
                list_filter(
                    [
                        {
                            'column_name': '(record)',
                            'rule_code': placed.record_fault,
                            'scope_code': 'record',
                            'value_text': placed.record_fault_detail
                        },
                        {
                            'column_name': '{{ key_columns | join(", ") }}',
                            'rule_code': placed.repeat_rule,
                            'scope_code': case
                                when placed.repeat_rule = 'conflicting_duplicate' then 'record'
                                else 'duplicate'
                            end,
                            'value_text': concat_ws(
                                ', ' {%- for column in key_columns %}, placed.{{ column }}{% endfor %}
                            )
                        }
                        {%- if has_patient %},
                        {
                            'column_name': 'patient_id',
                            'rule_code': nullif(placed.patient_rule, 'before_birth'),
                            'scope_code': 'record',
                            'value_text': placed.patient_id
                        }
                        {%- endif %}
                        {%- if date_column %},
                        {
                            'column_name': '{{ date_column }}',
                            'rule_code': case
                                when placed.patient_rule = 'before_birth' then 'before_birth'
                            end,
                            'scope_code': 'record',
                            'value_text': cast(placed.{{ date_column }}_day as varchar)
                        }
                        {%- endif %}
                        {%- for column in record_columns + value_columns %},
                        {
                            'column_name': '{{ column }}',
                            'rule_code': case
                                when placed.record_fault is null then placed.{{ column }}_fault
                            end,
                            'scope_code': '{{ "record" if column in record_columns else "value" }}',
                            'value_text': placed.{{ column }}
                        }
                        {%- endfor %}
                    ],
                    fault -> fault.rule_code is not null
                )
    end
{%- endmacro %}
