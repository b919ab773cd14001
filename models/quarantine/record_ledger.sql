-- Every record of every file is accounted for: read = staged + quarantined + deduplicated. The
-- record reader counts what was read, staging what was kept, rejected_records what was refused.

with stg_intake__delivery_files as (
    select * from {{ ref('stg_intake__delivery_files') }}
),

rejected_records as (
    select * from {{ ref('rejected_records') }}
),

staged_records as (
    {%- for source_name, export in [
        ('clinic', 'patients'), ('clinic', 'visits'), ('clinic', 'scores'), ('clinic', 'comorbidities'),
        ('clinic', 'adverse_events'), ('pharmacy', 'prescriptions')
    ] %}
    select
        '{{ export }}' as export_name,
        source_file,
        count(*) as n_staged
    from {{ ref('stg_' ~ source_name ~ '__' ~ export) }}
    group by source_file
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

refused_records as (
    select
        export_name,
        source_file,
        count(distinct record_number) filter (scope_code = 'record') as n_quarantined,
        count(distinct record_number) filter (scope_code = 'duplicate') as n_deduplicated,
        count(*) filter (scope_code = 'value') as n_values_refused
    from rejected_records
    group by export_name, source_file
),

final as (
    select
        stg_intake__delivery_files.load_id,
        stg_intake__delivery_files.centre_code,
        stg_intake__delivery_files.export_name,
        stg_intake__delivery_files.source_file,
        stg_intake__delivery_files.sha256,
        stg_intake__delivery_files.mapping_version,
        stg_intake__delivery_files.n_bytes,
        stg_intake__delivery_files.n_records_read,
        coalesce(staged_records.n_staged, 0) as n_staged,
        coalesce(refused_records.n_quarantined, 0) as n_quarantined,
        coalesce(refused_records.n_deduplicated, 0) as n_deduplicated,
        coalesce(refused_records.n_values_refused, 0) as n_values_refused,
        stg_intake__delivery_files.n_records_read
        - coalesce(staged_records.n_staged, 0)
        - coalesce(refused_records.n_quarantined, 0)
        - coalesce(refused_records.n_deduplicated, 0) as balance
    from stg_intake__delivery_files
    left join staged_records
        on
            stg_intake__delivery_files.export_name = staged_records.export_name
            and stg_intake__delivery_files.source_file = staged_records.source_file
    left join refused_records
        on
            stg_intake__delivery_files.export_name = refused_records.export_name
            and stg_intake__delivery_files.source_file = refused_records.source_file
)

select * from final
