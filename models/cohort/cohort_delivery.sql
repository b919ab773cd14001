-- The delivery that the cohort was drawn from. One row.

with stg_intake__delivery as (
    select * from {{ ref('stg_intake__delivery') }}
),

final as (
    select
        load_id,
        source_system,
        mapping_version,
        delivery_label,
        n_files,
        is_synthetic,
        extraction_date
    from stg_intake__delivery
)

select * from final
