{#- A fault as rejected_records shows it; every argument is an SQL expression. -#}
{% macro fault(column_name, rule_code, scope_code, value_text) -%}
    {'column_name': {{ column_name }}, 'rule_code': {{ rule_code }}, 'scope_code': {{ scope_code }}, 'value_text': {{ value_text }}}
{%- endmacro %}


{#- A select of the records with the verdict on each: staged, quarantined or deduplicated.
    Of records that share a key, equal copies are surplus; different ones are all refused, unless the source
    is known to repeat one fact (repeated_records: keep_first) or `keep_first` says so. A record needs a
    staged patient and must not lie before the patient's birth. A record breaks one of these rules at most,
    and none where it is refused already.
    key: columns that two records of one fact share.
    records: relation that read_records made. column_rules: see judge_cells.
    patients: relation with the rows of base_clinic__patients; none for the patients themselves.
    dated_by: the day of the record that must not lie before birth; none where there is no such rule.
    Comes out: the columns of `records`, record_disposition, and faults with those found here. -#}
{% macro judge_records(key, records, column_rules, patients=none, dated_by=none, keep_first=false) -%}
    with candidates as (
        select records.*,
            count(distinct content) over same_key as n_versions,
            {#- The first copy is the first record of the first file by name: a total order. #}
            row_number() over (same_key order by source_file, record_number) as copy_number
        from {{ records }} as records
        where may_be_repeated
        window same_key as (partition by is_refused, {{ key | join(', ') }})
    ),

    compared as (
        select records.*, cast(null as varchar) as repeat_rule
        from {{ records }} as records
        where not may_be_repeated
        union all
        select candidates.* exclude (n_versions, copy_number),
            case
                when n_versions > 1 and {{ 'false' if keep_first else "settings.repeated_records = 'refuse'" }}
                    then 'conflicting_duplicate'
                when copy_number = 1 then null
                when n_versions > 1 then 'repeated_record'
                else 'duplicate_exact'
            end as repeat_rule
        from candidates
        cross join (select any_value(repeated_records) as repeated_records from {{ column_rules }}) as settings
    ),

    placed as (
        select compared.*,
            case
                when compared.is_refused then null
                when compared.repeat_rule is not null then compared.repeat_rule
                {%- if patients %}
                when staged.patient_id is null then if(compared.patient_id in (
                    select refused.patient_id from {{ patients }} as refused where refused.record_disposition != 'staged'
                ), 'parent_rejected', 'orphan')
                {%- endif %}
                {%- if dated_by %}
                when compared.{{ dated_by }}_last_day < staged.earliest_birth_date then 'before_birth'
                {%- endif %}
            end as rule_code
        from compared
        {%- if patients %}
        left join {{ patients }} as staged
            on compared.patient_id = staged.patient_id and staged.record_disposition = 'staged'
        {%- endif %}
    )

    select placed.* exclude (faults, content, may_be_repeated, is_refused),
        case
            when rule_code in ('duplicate_exact', 'repeated_record') then 'deduplicated'
            when is_refused or rule_code is not null then 'quarantined'
            else 'staged'
        end as record_disposition,
        case
            when rule_code in ('orphan', 'parent_rejected')
                then [{{ fault("'patient_id'", 'rule_code', "'record'", 'patient_id') }}]
            {%- if dated_by %}
            when rule_code = 'before_birth'
                then [{{ fault("'" ~ dated_by ~ "'", 'rule_code', "'record'", 'cast(' ~ dated_by ~ ' as varchar)') }}]
            {%- endif %}
            when rule_code is not null
                then [{{ fault("'" ~ key | join(', ') ~ "'", 'rule_code', "if(rule_code = 'conflicting_duplicate', 'record', 'duplicate')", "concat_ws(', ', " ~ key | join(', ') ~ ")") }}]
        end as faults_between_records,
        if(faults_between_records is null, faults, list_concat(faults_between_records, faults)) as faults
    from placed
{%- endmacro %}
