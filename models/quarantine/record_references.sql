{{ config(materialized='view') }}

-- The reference of every record, refused ones too: it leads from a published row to file, record
-- and line. A view: it costs nothing until somebody asks. One row per record.
{%- set base_models = {
    'patients': 'base_clinic__patients',
    'visits': 'base_clinic__visits',
    'scores': 'base_clinic__scores',
    'comorbidities': 'base_clinic__comorbidities',
    'adverse_events': 'base_clinic__adverse_events',
    'prescriptions': 'base_pharmacy__prescriptions'
} %}

with stg_intake__delivery as (
    select * from {{ ref('stg_intake__delivery') }}
),

all_records as (
    {%- for export, base_model in base_models.items() %}
    select
        '{{ export }}' as export_name,
        source_file,
        record_number,
        line_number
    from {{ ref(base_model) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        all_records.export_name,
        all_records.source_file,
        all_records.record_number,
        all_records.line_number,
        {{ record_reference(
            'stg_intake__delivery.reference_key',
            'all_records.record_number',
            'all_records.source_file'
        ) }} as record_reference
    from all_records
    cross join stg_intake__delivery
)

select * from final
