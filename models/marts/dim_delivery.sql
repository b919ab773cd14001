-- Which delivery these marts were built from, and whether its patients exist. One row.

with cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

cohort_drugs as (
    select * from {{ ref('cohort_drugs') }}
),

treatment_classes as (
    select * from {{ ref('treatment_classes') }}
),

-- A drug without a substance has its class from the mapping's own word, which is its name.
index_treatments as (
    select distinct
        coalesce(replace(cohort_drugs.substance_code, '_', ' '), cohort_drugs.drug_name)
            as index_treatment
    from cohort_drugs
    inner join treatment_classes
        on
            cohort_drugs.treatment_class_code = treatment_classes.treatment_class_code
            and treatment_classes.is_index_treatment
),

all_index_treatments as (
    select string_agg(index_treatment, ' or ' order by index_treatment) as index_treatment_label
    from index_treatments
),

final as (
    select
        cohort_delivery.load_id,
        cohort_delivery.source_system,
        cohort_delivery.mapping_version,
        cohort_delivery.delivery_label,
        all_index_treatments.index_treatment_label,
        cast(year(cohort_delivery.extraction_date) as integer) as extraction_year,
        cast(cohort_delivery.n_files as integer) as n_files,
        cohort_delivery.is_synthetic
    from cohort_delivery
    cross join all_index_treatments
)

select * from final
