-- The files of the delivery with what the record reader counted, one row per file.

with source as (
    select * from {{ source('intake', 'delivery_files') }}
),

final as (
    select
        load_id,
        centre_code,
        export_name,
        source_file,
        sha256,
        file_format,
        encoding,
        mapping_version,
        n_bytes,
        n_records_read,
        n_records_faulty
    from source
)

select * from final
