-- The delivery that the cohort was drawn from. One row.

with stg_intake__delivery as (
    select * from {{ ref('stg_intake__delivery') }}
),

stg_intake__delivery_files as (
    select * from {{ ref('stg_intake__delivery_files') }}
),

final as (
    select
        load_id,
        source_system,
        mapping_version,
        delivery_label,
        n_files,
        is_synthetic,
        exists (
            select 1 from stg_intake__delivery_files where export_name = 'comorbidities'
        ) as has_comorbidities_export,
        extraction_date
    from stg_intake__delivery
)

select * from final
