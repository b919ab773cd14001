-- Every refusal, one row per refused record or value and rule, with what to do about it. A refused
-- value (scope value) leaves its record in staging; a duplicate (scope duplicate) leaves its first
-- copy there.
{%- set base_models = [
    ('patients', 'base_clinic__patients'),
    ('visits', 'base_clinic__visits'),
    ('visits', 'base_clinic__contradicting_visits'),
    ('scores', 'base_clinic__scores'),
    ('comorbidities', 'base_clinic__comorbidities'),
    ('adverse_events', 'base_clinic__adverse_events'),
    ('prescriptions', 'base_pharmacy__prescriptions'),
] %}

with rejection_rules as (
    select * from {{ ref('rejection_rules') }}
),

all_faults as (
    {%- for export, base_model in base_models %}
    select
        '{{ export }}' as export_name,
        source_file,
        record_number,
        line_number,
        unnest(faults) as fault
    from {{ ref(base_model) }}
    where faults is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
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
