-- The four timepoints of the study with their windows. One row per timepoint.

with visit_windows as (
    select * from {{ ref('visit_windows') }}
),

final as (
    select
        timepoint_code,
        timepoint_label,
        timepoint_number,
        nominal_week,
        nominal_month,
        target_day,
        first_day,
        last_day
    from visit_windows
)

select * from final
