-- Every refusal, one row per refused record or value and rule, with what to do about it. A refused
-- value (scope value) leaves its record in staging; a duplicate (scope duplicate) leaves its first
-- copy there.
{%- set exports = {
    'patients': ['clinic', 'birth_date'],
    'visits': ['clinic', 'visit_date'],
    'comorbidities': ['clinic', 'onset_date'],
    'adverse_events': ['clinic', 'onset_date'],
    'prescriptions': ['pharmacy', 'start_date']
} %}

with rejection_rules as (
    select * from {{ ref('rejection_rules') }}
),
{% for export, (source_name, date_column) in exports.items() %}
base_{{ source_name }}__{{ export }} as (
    select * from {{ ref('base_' ~ source_name ~ '__' ~ export) }}
),
{% endfor %}
{%- for export, (source_name, date_column) in exports.items() if export != 'patients' %}
stg_{{ source_name }}__{{ export }} as (
    select * from {{ ref('stg_' ~ source_name ~ '__' ~ export) }}
),
{% endfor %}
stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

-- Faults that a record has by itself.
own_faults as (
    {%- for export, (source_name, date_column) in exports.items() %}
    select
        '{{ export }}' as export_name,
        source_file,
        record_number,
        line_number,
        unnest(faults) as fault
    from base_{{ source_name }}__{{ export }}
    where faults is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- Sound records that staging left out because of their patient.
unplaced_records as (
    {%- for export, (source_name, date_column) in exports.items() if export != 'patients' %}
    select
        '{{ export }}' as export_name,
        base_{{ source_name }}__{{ export }}.source_file,
        base_{{ source_name }}__{{ export }}.record_number,
        base_{{ source_name }}__{{ export }}.line_number,
        base_{{ source_name }}__{{ export }}.patient_id,
        '{{ date_column }}' as date_column,
        cast(base_{{ source_name }}__{{ export }}.{{ date_column }} as varchar) as date_text
    from base_{{ source_name }}__{{ export }}
    anti join stg_{{ source_name }}__{{ export }}
        on
            base_{{ source_name }}__{{ export }}.source_file
            = stg_{{ source_name }}__{{ export }}.source_file
            and base_{{ source_name }}__{{ export }}.record_number
            = stg_{{ source_name }}__{{ export }}.record_number
    where base_{{ source_name }}__{{ export }}.record_disposition = 'staged'
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

delivered_patients as (
    select distinct patient_id
    from base_clinic__patients
    where patient_id is not null
),

patient_faults as (
    select
        unplaced_records.export_name,
        unplaced_records.source_file,
        unplaced_records.record_number,
        unplaced_records.line_number,
        case
            when stg_clinic__patients.patient_id is not null
                then
                    {
                        'column_name': unplaced_records.date_column,
                        'rule_code': 'before_birth',
                        'scope_code': 'record',
                        'value_text': unplaced_records.date_text
                    }
            else
                {
                    'column_name': 'patient_id',
                    'rule_code': case
                        when delivered_patients.patient_id is not null then 'parent_rejected'
                        else 'orphan'
                    end,
                    'scope_code': 'record',
                    'value_text': unplaced_records.patient_id
                }
        end as fault
    from unplaced_records
    left join stg_clinic__patients
        on unplaced_records.patient_id = stg_clinic__patients.patient_id
    left join delivered_patients
        on unplaced_records.patient_id = delivered_patients.patient_id
),

all_faults as (
    select * from own_faults
    union all
    select * from patient_faults
),

final as (
    select
        all_faults.export_name,
        all_faults.source_file,
        all_faults.record_number,
        all_faults.line_number,
        rejection_rules.rule_label,
        rejection_rules.kahn_category,
        rejection_rules.hint,
        all_faults.fault['column_name'] as column_name,
        all_faults.fault['rule_code'] as rule_code,
        all_faults.fault['scope_code'] as scope_code,
        -- Shown safely: one line, printable, at most 60 characters.
        left(
            regexp_replace(all_faults.fault['value_text'], '[[:cntrl:]]', '?', 'g'), 60
        ) as value_shown
    from all_faults
    left join rejection_rules
        on all_faults.fault['rule_code'] = rejection_rules.rule_code
)

select * from final
