-- The delivery that the cohort was drawn from. One row.

with stg_intake__delivery as (
    select * from {{ ref('stg_intake__delivery') }}
),

stg_intake__delivery_files as (
    select * from {{ ref('stg_intake__delivery_files') }}
),

-- A file without any record tells nothing about anybody: it is as if it had not come.
filled_files as (
    select
        count(*) filter (export_name = 'comorbidities') > 0 as has_comorbidities_export,
        count(*) filter (export_name = 'adverse_events') > 0 as has_adverse_events_export
    from stg_intake__delivery_files
    where n_records_read > 0
),

final as (
    select
        stg_intake__delivery.load_id,
        stg_intake__delivery.source_system,
        stg_intake__delivery.mapping_version,
        stg_intake__delivery.delivery_label,
        stg_intake__delivery.reference_key,
        stg_intake__delivery.n_files,
        stg_intake__delivery.is_synthetic,
        stg_intake__delivery.are_dates_relative,
        filled_files.has_comorbidities_export,
        filled_files.has_adverse_events_export,
        stg_intake__delivery.extraction_date
    from stg_intake__delivery
    cross join filled_files
)

select * from final
