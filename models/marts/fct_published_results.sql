-- Every number printed in the paper, as printed, with what is known of it. One row per printed
-- number.

with published_results as (
    select * from {{ ref('published_results') }}
),

final as (
    select
        result_id,
        analysis_id,
        section,
        timepoint,
        population,
        measure,
        statistic,
        kind,
        consistent,
        reproducible_as_printed,
        duplicate_of,
        comparator,
        method,
        published_value,
        operator,
        denominator_published,
        quote,
        note,
        recomputed_value,
        target_value,
        decimals
    from published_results
)

select * from final
