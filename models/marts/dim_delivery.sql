-- Which delivery these marts were built from, and whether its patients exist. One row.

with cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

final as (
    select
        load_id,
        source_system,
        mapping_version,
        delivery_label,
        cast(year(extraction_date) as integer) as extraction_year,
        cast(n_files as integer) as n_files,
        is_synthetic
    from cohort_delivery
)

select * from final
