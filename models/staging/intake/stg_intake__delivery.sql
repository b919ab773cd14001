-- The delivery that is loaded: one row.

with source as (
    select * from {{ source('intake', 'delivery') }}
),

final as (
    select
        load_id,
        source_system,
        mapping_name,
        mapping_version,
        delivery_label,
        key_fingerprint,
        reference_key,
        n_files,
        is_synthetic,
        are_dates_relative,
        extraction_date
    from source
)

select * from final
