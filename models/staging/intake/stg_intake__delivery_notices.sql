-- What a data manager should know of the delivery although it refused nothing, one row per notice.

with source as (
    select * from {{ source('intake', 'delivery_notices') }}
),

final as (
    select
        source_file,
        notice_code,
        detail
    from source
)

select * from final
