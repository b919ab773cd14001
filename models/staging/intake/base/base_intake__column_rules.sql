-- How each column of this delivery is read and judged: what seed export_columns declares, completed
-- by the formats of the delivery and the ranges of the scores.

with export_columns as (
    select * from {{ ref('export_columns') }}
),

score_definitions as (
    select * from {{ ref('score_definitions') }}
),

stg_intake__source_formats as (
    select * from {{ ref('stg_intake__source_formats') }}
),

stg_intake__delivery as (
    select * from {{ ref('stg_intake__delivery') }}
),

-- Without a declared extraction, the current day is the latest possible one.
latest_possible as (
    select coalesce(extraction_date, current_date) as extraction_date
    from stg_intake__delivery
),

final as (
    select
        export_columns.export_name,
        export_columns.column_name,
        export_columns.kind_code,
        export_columns.word_kind,
        export_columns.score_code,
        export_columns.fault_scope,
        stg_intake__source_formats.decimal_mark,
        stg_intake__source_formats.date_order,
        stg_intake__source_formats.date_separator,
        stg_intake__source_formats.repeated_records,
        stg_intake__source_formats.missing_codes,
        score_definitions.min_value,
        score_definitions.max_value,
        score_definitions.step,
        export_columns.is_cell_required,
        case when export_columns.date_limit = 'age' then {{ var('oldest_age_years') }} end
            as oldest_age_years,
        case export_columns.partial_dates
            when 'always' then true
            when 'declared' then stg_intake__source_formats.are_partial_dates_allowed
            when 'never' then false
        end as is_partial_date_allowed,
        date '{{ var("earliest_date") }}' as earliest_date,
        case
            when export_columns.date_limit = 'planned'
                then latest_possible.extraction_date + {{ var('longest_planned_course_days') }}
            else latest_possible.extraction_date
        end as latest_date
    from export_columns
    inner join stg_intake__source_formats
        on export_columns.export_name = stg_intake__source_formats.export_name
    cross join latest_possible
    left join score_definitions
        on export_columns.score_code = score_definitions.score_code
)

select * from final
