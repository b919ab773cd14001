-- How each export of the delivery writes its cells: one row per export that the mapping names.

with source as (
    select * from {{ source('intake', 'source_formats') }}
),

final as (
    select
        export_name,
        decimal_mark,
        date_order,
        date_separator,
        repeated_records,
        missing_codes,
        are_partial_dates_allowed
    from source
)

select * from final
